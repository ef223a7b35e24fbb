"""Slack by a bot's token, over HTTP, against a receiver that answers as Slack's Web API does."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from spanglass_alerts.alert import Alert
from spanglass_alerts.delivery.chart import HEIGHT, WIDTH, chart
from spanglass_alerts.delivery.outgoing import Outgoing, networks
from spanglass_alerts.delivery.result import Result
from spanglass_alerts.delivery.send import send
from spanglass_alerts.notify import words
from spanglass_alerts.notify.plan import Message, Thread
from spanglass_alerts.rules.routing import Channel
from spanglass_store.state.alerts import AlertState
from spanglass_store.state.database import Database
from support.receivers import SlackApi, receivers

TOKEN = "xoxb-secret-of-a-bot"
SERIES = {
    "series": [1.0, 1.2, None, 4.0, 5.0, 5.5], "step_s": 60, "end": 1e9, "change_point": 1e9 - 120
}  # fmt: skip


class Bot:
    """A channel of a bot, with a state database and a Slack."""

    def __init__(self, slack: SlackApi, folder: Path) -> None:
        self.slack = slack
        self.state = AlertState(Database(f"sqlite:///{folder / 'state.db'}"))
        self.outgoing = Outgoing(networks("127.0.0.1/32"))
        (folder / "token").write_text(TOKEN)
        fields = {"name": "bot", "type": "slack", "token": {"file": str(folder / "token")}}
        fields |= {"channel": "#oncall", "api": f"{slack.there.url}/api"}
        self.channel: Channel = TypeAdapter(Channel).validate_python(fields)

    def say(self, event: Any, group: str = "g", number: int = 1) -> Result:
        alert = Alert("ab", "slow", "critical", {"service": "shop"}, "firing", 1e9, 1e9, 5.5, 2.0,
                      episode=1, fired_at=1e9, evidence=SERIES)  # fmt: skip
        thread = Thread(group, "bot", {"rule": "slow"}, 1e9, sent_at=1e9, count=number)
        active = () if event == "resolved" else (alert,)
        message = Message(thread, event, "new", active, ("ab-1",) if not active else ())
        return send(self.channel, words.document(message, "http://p"), self.outgoing, self.state)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    with receivers() as there:
        there.slack = SlackApi(there, TOKEN)
        yield Bot(there.slack, tmp_path)
        assert there.problems == []


def test_a_group_is_one_message_with_a_thread_and_a_picture(bot: Bot) -> None:
    assert bot.say("firing") == Result(True, reason="200")
    (stamp,) = bot.slack.messages
    assert bot.slack.messages[stamp]["blocks"][0]["text"]["text"].startswith("🔴 Firing")
    ((image, below),) = bot.slack.files
    assert (image[:8], below) == (b"\x89PNG\r\n\x1a\n", stamp)
    # It changes, and what is new stands below it.
    assert bot.say("acknowledged", number=2).sent
    assert bot.say("resolved", number=3).sent
    (root,) = bot.slack.roots()
    assert root["blocks"][0]["text"]["text"].startswith("✅")
    assert [text.partition(":")[0] for text in bot.slack.thread(stamp)] == [
        "Acknowledged", "Resolved",
    ]  # fmt: skip
    # What fires again is another message.
    assert bot.say("firing", number=1).sent
    assert len(bot.slack.roots()) == 2
    assert bot.state.documents("slack").keys() == {"bot/g"}


@pytest.mark.parametrize(
    ("method", "answer", "sent", "retry", "after", "reason"),
    [
        ("chat.postMessage", (429, {"Retry-After": "7"}, b""), False, True, 7, "429"),
        ("chat.postMessage", (500, {}, b"no"), False, True, 0, "500"),
        ("chat.postMessage", (200, {}, b"<html>"), False, True, 0, "an answer that is none"),
        ("chat.postMessage", (200, {}, b'{"ok":false,"error":"not_in_channel"}'), False, True, 0, "/invite"),
        ("chat.postMessage", (200, {}, b'{"ok":false,"error":"invalid_blocks"}'), False, False, 0, "invalid_blocks"),
        # A picture that is not taken takes no message back.
        ("files.getUploadURLExternal", (429, {"Retry-After": "7"}, b""), True, False, 0, "chart was not taken"),
        ("files.completeUploadExternal", (200, {}, b'{"ok":false,"error":"missing_scope"}'), True, False, 0, "files:write"),
    ],
)  # fmt: skip
def test_what_slack_refuses(
    bot: Bot, method: str, answer: Any, sent: bool, retry: bool, after: float, reason: str
) -> None:
    bot.slack.refuse[method] = [answer]
    result = bot.say("firing")
    assert (result.sent, result.retry, result.after_s) == (sent, retry, after)
    assert reason in result.reason
    assert TOKEN not in result.reason
    # The next try gets through, and there is one message.
    assert bot.say("firing").sent
    assert len(bot.slack.roots()) == 1


def test_a_message_that_somebody_deleted_is_made_anew(bot: Bot) -> None:
    bot.say("firing")
    bot.slack.messages.clear()
    assert bot.say("acknowledged", number=2).sent
    assert len(bot.slack.roots()) == 1


def test_a_wrong_token_is_said_and_never_shown(bot: Bot, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-another")
    result = bot.say("firing")
    assert "The token is wrong" in result.reason
    assert "xoxb" not in result.reason


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"token": {"env": "T"}},
        {"url": {"env": "U"}, "token": {"env": "T"}, "channel": "#c"},
        {"url": {"env": "U"}, "channel": "#c"},
        {"token": "xoxb-written-down", "channel": "#c"},
    ],
)
def test_half_a_channel_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Channel).validate_python({"name": "s", "type": "slack"} | fields)


@pytest.mark.parametrize("bound", [2.0, None, -5.0, 1e12])
def test_a_chart_is_a_picture(bound: float | None) -> None:
    image = pytest.importorskip("PIL.Image")
    picture = image.open(io.BytesIO(chart(SERIES, bound))).convert("RGB")
    assert picture.size == (WIDTH, HEIGHT)
    colours = {colour for _, colour in picture.getcolors(1 << 20)}
    # The line is there, and the bound where there is one.
    assert (47, 107, 214) in colours
    assert ((201, 60, 55) in colours) is (bound is not None)


@pytest.mark.parametrize("series", [[], [1.0], [None, None, 3.0]])
def test_too_little_is_no_picture(series: list[float | None]) -> None:
    assert chart({"series": series}, 1.0) == b""
