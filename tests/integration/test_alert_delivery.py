"""Delivery: what receivers get, what becomes of it when they do not take it, and where it may go."""

import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import TypeAdapter

from spanglass_alerts.alert import Alert
from spanglass_alerts.delivery import forms, outgoing
from spanglass_alerts.delivery.courier import Courier
from spanglass_alerts.delivery.outgoing import Outgoing, Refused, Unreachable, networks
from spanglass_alerts.delivery.send import send
from spanglass_alerts.notify.plan import Message, Thread
from spanglass_alerts.notify.threads import advance
from spanglass_alerts.notify.words import document
from spanglass_alerts.rules.routing import Channel, Route
from spanglass_store.state.alerts import AlertState
from spanglass_store.state.database import Database
from support.receivers import (
    Receivers,
    check_pagerduty,
    check_pagerduty_change,
    check_slack,
    receivers,
)
from support.waiting import wait_until

HERE = Outgoing(networks("127.0.0.1/32"))
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def there() -> Iterator[Receivers]:
    with receivers() as found:
        yield found


@pytest.fixture
def state(tmp_path: Path) -> Iterator[AlertState]:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield AlertState(database)
    database.close()


def channel(**fields: Any) -> Channel:
    made: Channel = TypeAdapter(Channel).validate_python({"name": "c", "rate": 100} | fields)
    return made


def message(alerts: int = 1, text: str = "shop", event: Any = "firing") -> dict[str, Any]:
    evidence = {
        "series": [None, 1.0, 5.0], "link": "/traces?" + "a" * 500,
        "explained": [{"dimension": "model", "value": text, "share": 0.9, "usual": 0.1}] * 5,
        "traces": [{"trace_id": "0" * 32, "link": "/traces/0"}] * 5,
    }  # fmt: skip
    found = tuple(
        Alert(
            f"f{i}", "r", "critical", {"rule": "r", "service": text, **{f"l{j}": text for j in range(20)}},
            "firing", 1e9, 1e9, value=1.5, threshold=1.0, episode=1, fired_at=1e9, evidence=evidence,
            summary=f"{text} {{value}}", acknowledged_by=text,
        )
        for i in range(alerts)
    )  # fmt: skip
    thread = Thread("g" * 32, "c", {"rule": text}, 1e9, sent_at=1e9, count=1)
    return document(Message(thread, event, "new", found, ()), "http://pages.example")


@pytest.mark.parametrize(
    "text", ["shop", "x" * 5000, "<!channel> & <http://evil|link>", "{nothing}", "\n\n", ""]
)
@pytest.mark.parametrize("alerts", [1, 500])
def test_forms_keep_the_limits_of_their_receivers(text: str, alerts: int) -> None:
    said = message(alerts, text)
    assert check_slack(forms.slack(said)) == ""
    assert check_pagerduty(forms.pagerduty(said, KEY)) == ""
    change = {"title": text or "x", "link": "", "change": {"service": text, "at": 1e9}}
    assert check_pagerduty_change(forms.pagerduty_change(change, KEY)) == ""
    assert len(forms.webhook(said)) < 2 << 20
    assert "\n" not in str(forms.email(said, "a@example.org", ["b@example.org"])["Subject"])
    for event in ("acknowledged", "resolved"):
        shown = message(alerts if event == "acknowledged" else 0, text, event)
        assert check_slack(forms.slack(shown)) == ""
        assert check_pagerduty(forms.pagerduty(shown, KEY)) == ""


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "192.168.1.1", "[::1]", "[::ffff:127.0.0.1]",
     "0.0.0.0", "[fd00::1]", "100.64.0.1", "224.0.0.1", "2130706433", "[64:ff9b::7f00:1]", "[::7f00:1]",
     "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fec0::1]", "[64:ff9b:1::7f00:1]"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(Refused, match=r"--alerts-private-networks|not a public"):
        Outgoing().post(f"http://{address}:9/", b"", {})


def test_a_name_that_means_this_machine_is_refused_unless_allowed(there: Receivers) -> None:
    port = there.url.rpartition(":")[2]
    with pytest.raises(Refused, match="not a public address"):
        Outgoing(networks("10.0.0.0/8")).post(f"http://localhost:{port}/x", b"", {})
    both = Outgoing(networks("127.0.0.0/8,::1/128"))
    assert both.post(f"http://localhost:{port}/x", b"hi", {}).status == 200
    with pytest.raises(Refused):
        HERE.post("file:///etc/passwd", b"", {})
    with pytest.raises(Unreachable):
        HERE.post("http://127.0.0.1:9/", b"", {})


def test_redirects_are_not_followed(there: Receivers) -> None:
    there.answers["/away"] = lambda _: (302, {"location": f"{there.url}/elsewhere"}, b"")
    result = send(channel(type="webhook", url=f"{there.url}/away"), message(), HERE)
    assert (result.sent, result.retry) == (False, False)
    assert "Redirects are not followed" in result.reason
    assert "/elsewhere" not in there.got


@pytest.mark.parametrize(
    ("status", "headers", "retry", "after"),
    [(429, {"retry-after": "7"}, True, 7), (500, {}, True, 0), (503, {}, True, 0), (400, {}, False, 0), (404, {}, False, 0)],
)  # fmt: skip
def test_what_can_be_tried_again(
    there: Receivers, status: int, headers: dict[str, str], retry: bool, after: float
) -> None:
    there.answers["/says"] = lambda _: (status, headers, b"why\n")
    result = send(channel(type="webhook", url=f"{there.url}/says"), message(), HERE)
    assert (result.sent, result.retry, result.after_s) == (False, retry, after)
    assert f"{status}: why" in result.reason


def test_garbage_and_what_is_no_slack(there: Receivers, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def garbage() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"\x00\xff garbage\r\n\r\n")

        thread = threading.Thread(target=garbage)
        thread.start()
        result = send(channel(type="webhook", url=f"http://127.0.0.1:{port}/"), message(), HERE)
        thread.join()
    assert (result.sent, result.retry) == (False, True)
    assert "HTTP" in result.reason
    monkeypatch.setenv("SLACK", f"{there.url}/page")
    there.answers["/page"] = lambda _: (200, {}, b"<html>welcome</html>")
    assert not send(channel(type="slack", url={"env": "SLACK"}), message(), HERE).sent


def test_secrets_are_never_said(
    there: Receivers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOOK", f"{there.url}/T000/B000/very-secret")
    there.answers["/T000/B000/very-secret"] = lambda _: (403, {}, b"no /T000/B000/very-secret here")
    result = send(channel(type="slack", url={"env": "HOOK"}), message(), HERE)
    assert "•••" in result.reason
    assert "very-secret" not in result.reason
    missing = send(channel(type="slack", url={"env": "NOWHERE_SET"}), message(), HERE)
    assert missing.retry
    assert "NOWHERE_SET is not set" in missing.reason
    made = channel(type="pagerduty", routing_key={"file": str(tmp_path / "none")})
    assert "can't be read" in send(made, message(), HERE).reason

    monkeypatch.setenv("HOOK", f"{there.url}/hook?token=most-secret")
    there.answers["/hook?token=most-secret"] = lambda _: (403, {}, b"\x1b[2Jno token most-secret")
    result = send(channel(type="webhook", url={"env": "HOOK"}), message(), HERE)
    assert result.reason == "The receiver answered 403: [2Jno token •••."
    monkeypatch.setenv("TOKEN", "two\nlines")
    made = channel(type="webhook", url=f"{there.url}/x", headers={"x-token": {"env": "TOKEN"}})
    result = send(made, message(), HERE)
    assert (result.sent, result.retry) == (False, False)
    assert "lines" not in result.reason


def test_a_receiver_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "WHOLE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                for _ in range(200):
                    peer.sendall(b"x")
                    time.sleep(0.05)
                peer.sendall(b"\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match="in time"):
            HERE.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"", {})
        thread.join()


class Inbox:
    def __init__(self) -> None:
        self.letters: list[bytes] = []

    async def handle_DATA(  # noqa: N802  (its name in aiosmtpd)
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.letters.append(envelope.content)
        return "250 taken"


def test_e_mail() -> None:
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=60)
    server.start()
    try:
        fields = {
            "type": "email",
            "host": "127.0.0.1",
            "port": port,
            "tls": "none",
            "from": "a@example.org",
            "to": ["b@example.org"],
        }
        made = channel(**fields)
        assert send(made, message(text="shop\r\nBcc: c@example.org"), HERE).sent
        (letter,) = inbox.letters
        parsed = message_from_bytes(letter)
        assert parsed["To"] == "b@example.org"
        assert parsed["Bcc"] is None
        assert "Firing" in str(parsed["Subject"])
        refused = send(made, message(), Outgoing())
        assert (refused.sent, refused.retry) == (False, False)
    finally:
        server.stop()


def test_apprise_sends_what_it_knows_within_the_rule(
    there: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = there.url.removeprefix("http://")
    monkeypatch.setenv("ELSE", f"json://{address}/apprise")
    made = channel(type="apprise", url={"env": "ELSE"})
    assert not send(made, message(), Outgoing()).sent
    assert "/apprise" not in there.got
    assert send(made, message(), HERE).sent
    (sent,) = there.taken["/apprise"]
    assert "Firing" in sent.json["title"]
    monkeypatch.setenv("ELSE", "nothing-of-that-kind://x")
    assert "knows no such address" in send(made, message(), HERE).reason


class Post:
    """A courier, a clock and messages."""

    def __init__(self, state: AlertState) -> None:
        self.state = state
        self.now = 1e9
        self.courier = Courier(state, HERE, lambda: self.now)

    def put(self, name: str, event: str = "firing", number: int = 1, group: str = "") -> None:
        said = message(event=event, alerts=0 if event == "resolved" else 1)
        said |= {"channel": name, "number": number, "at": self.now, "due_at": self.now}
        said |= {"group": group or said["group"]}
        self.state.save(messages=[said])

    def deliver(self, *channels: Channel) -> None:
        self.courier.attend({each.name: each for each in channels})
        wait_until(
            lambda: not any(t.is_alive() for t in self.courier._threads.values()), "it is done"
        )

    def log(self) -> list[tuple[str, str]]:
        return [(each["event"], each["status"]) for each in reversed(self.state.messages())]


def test_it_is_tried_again_until_it_is_taken(state: AlertState, there: Receivers) -> None:
    post, hook = Post(state), channel(type="webhook", url=f"{there.url}/later")
    there.answers["/later"] = lambda n: (500, {}, b"") if n < 4 else (200, {}, b"")
    post.put("c")
    for tries in range(1, 4):
        post.deliver(hook)
        assert post.log() == [("firing", "waiting")]
        assert post.courier.health()["c"].fails is (tries >= 3)
        # Not before its time.
        post.deliver(hook)
        assert len(there.got["/later"]) == tries
        post.now += 1000
    # Another process knows who did not answer.
    assert Courier(state, HERE, lambda: post.now).health()["c"].fails
    post.deliver(hook)
    assert post.log() == [("firing", "sent")]
    assert not post.courier.health()["c"].fails
    keys = {request.headers["idempotency-key"] for request in there.got["/later"]}
    assert len(keys) == 1


def test_the_later_message_replaces_the_one_that_waits(state: AlertState, there: Receivers) -> None:
    post, hook = Post(state), channel(type="webhook", url=f"{there.url}/slow")
    there.answers["/slow"] = lambda n: (503, {}, b"") if n == 1 else (200, {}, b"")
    post.put("c")
    post.deliver(hook)
    post.put("c", number=2)
    post.put("c", "resolved", 3)
    post.now += 1000
    post.deliver(hook)
    # Nobody heard that it fired, so nobody hears that it ended; and nothing fires after its end.
    assert post.log() == [("firing", "left_out"), ("firing", "left_out"), ("resolved", "left_out")]
    # What became of it before is still said.
    reason = state.messages()[-1]["reason"]
    assert "A later message" in reason
    assert "503" in reason
    assert len(there.got["/slow"]) == 1
    post.put("c", number=4)
    post.deliver(hook)
    post.put("c", "resolved", 5)
    post.deliver(hook)
    assert [r.json["event"] for r in there.taken["/slow"]] == ["firing", "resolved"]


def test_a_receiver_that_never_answers_delays_nobody(state: AlertState, there: Receivers) -> None:
    let_go = threading.Event()

    def hang(_: int) -> tuple[int, dict[str, str], bytes]:
        let_go.wait(30)
        return 200, {}, b""

    there.answers["/hangs"] = hang
    post = Post(state)
    slow = channel(name="slow", type="webhook", url=f"{there.url}/hangs")
    quick = channel(name="quick", type="webhook", url=f"{there.url}/quick")
    post.put("slow")
    for number in range(20):
        post.put("quick", number=number)
    channels = {"slow": slow, "quick": quick}
    post.courier.attend(channels)
    wait_until(lambda: there.taken["/quick"], "the quick one has it")
    assert not there.taken["/hangs"]
    let_go.set()
    wait_until(lambda: there.taken["/hangs"], "the slow one has it, too")
    post.courier.stop()


def test_two_that_send_send_once_and_what_was_being_sent_is_sent_again(state: AlertState) -> None:
    post = Post(state)
    post.put("c")
    first = state.claim("c", post.now, 60)
    assert first is not None
    assert state.claim("c", post.now, 60) is None
    # The first one died.
    again = state.claim("c", post.now + 61, 60)
    assert again is not None
    assert again["row"] == first["row"]


def test_a_group_is_told_in_its_order_by_several(state: AlertState) -> None:
    post = Post(state)
    post.put("c")
    post.put("c", "resolved", 2)
    first = state.claim("c", post.now, 60)
    assert first is not None
    # Another process does not overtake: whether the first message arrives is not known yet.
    assert state.claim("c", post.now, 60) is None
    state.settle(first["row"], "sent")
    second = state.claim("c", post.now, 60)
    assert second is not None
    assert second["event"] == "resolved"


def test_it_is_given_up_after_a_day(state: AlertState, there: Receivers) -> None:
    post, hook = Post(state), channel(type="webhook", url=f"{there.url}/never")
    there.answers["/never"] = lambda _: (500, {}, b"")
    post.put("c")
    post.deliver(hook)
    post.now += 90_000
    post.deliver(hook)
    assert post.log() == [("firing", "given_up")]
    assert "500" in state.messages()[0]["reason"]


def test_who_asks_for_patience_is_left_alone_with_all_that_waits(
    state: AlertState, there: Receivers
) -> None:
    post, hook = Post(state), channel(type="webhook", url=f"{there.url}/busy")
    there.answers["/busy"] = lambda n: (
        (429, {"Retry-After": "30"}, b"") if n == 1 else (200, {}, b"")
    )
    for group in range(20):
        post.put("c", group=f"g{group}")
    post.deliver(hook)
    assert len(there.got["/busy"]) == 1
    # Another collector leaves it alone, too.
    post.courier = Courier(state, HERE, lambda: post.now)
    post.now += 29
    post.deliver(hook)
    assert len(there.got["/busy"]) == 1
    post.now += 10
    post.deliver(hook)
    assert {status for _, status in post.log()} == {"sent"}
    assert len(there.got["/busy"]) == 21


def test_ten_thousand_alerts_are_a_message_to_each_and_little_memory(
    state: AlertState, there: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = [
        Alert(f"{i:024x}", "r", "critical", {"rule": "r", "pod": str(i)}, "firing", 1e9, 1e9,
              value=2.0, threshold=1.0, episode=1, fired_at=1e9)
        for i in range(10_000)
    ]  # fmt: skip
    names = ("chat", "pager")
    routes = [Route.model_validate({"channels": names, "group_by": ["pod"]})]
    tracemalloc.start()
    threads, messages = advance({}, alerts, {}, routes, names, 1e9)
    state.save(
        groups={key: t.document() if t else None for key, t in threads.items()},
        messages=[document(m, "http://pages.example") | {"due_at": 0} for m in messages],
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 << 20
    post = Post(state)
    monkeypatch.setenv("TEST_FLOOD_URL", f"{there.url}/slack-flood")
    monkeypatch.setenv("TEST_FLOOD_KEY", KEY)
    post.deliver(
        channel(name="chat", type="slack", url={"env": "TEST_FLOOD_URL"}),
        channel(
            name="pager", type="pagerduty", routing_key={"env": "TEST_FLOOD_KEY"},
            url=f"{there.url}/pagerduty-flood",
        ),
    )  # fmt: skip
    assert {status for _, status in post.log()} == {"sent"}
    for path in ("/slack-flood", "/pagerduty-flood"):
        (taken,) = there.taken[path]
        assert len(taken.body) < 64 << 10
        assert "9,999 more" in taken.body.decode()
