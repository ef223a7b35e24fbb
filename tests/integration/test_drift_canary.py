"""Canaries: questions that are asked on a schedule, of a real server, into a real store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sample_server import BackgroundServer, Settings
from spanglass_alerts.delivery.outgoing import Outgoing, networks
from spanglass_collector.drift.canary import CanaryKeeper, ask_all
from spanglass_collector.drift.config import read_drift
from spanglass_store.retention.policy import Retention
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import JobBook
from support.embedded import EmbeddedStore

PROMPTS = [f"How much is express delivery? {n}" for n in range(4)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with BackgroundServer(Settings(speed=0)) as running:
        yield running.base_url


def settings(url: str, **more: Any) -> Any:
    told = {"url": url, "model": "gpt-4o-mini", "prompts": PROMPTS, "project": "birds", **more}
    return read_drift({"canaries": {"probe": told}}).canaries["probe"]


def test_answers_are_stored_and_marked_within_the_budget(
    server: str, embedded_store: EmbeddedStore, tmp_path: Path
) -> None:
    store = embedded_store.owner
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    book = JobBook(database)
    outgoing = Outgoing(networks("127.0.0.0/8"))
    canary = settings(server, calls_a_day=3)
    keeper = CanaryKeeper({}, outgoing, store, book, lambda _: Retention(30, 7))
    other = CanaryKeeper({}, outgoing, store, book, lambda _: Retention(30, 7))
    done = keeper.attend("probe", canary)
    assert done is not None
    assert len(done.rows) == 3
    assert "budget" in done.error
    assert keeper.attend("probe", canary) is None, "nothing is due"
    assert other.attend("probe", canary) is None
    # The next round of the same day has nothing left to spend.
    state = book.acquire("canary.probe", "test", 0)
    assert state is not None
    assert state.spent_usd == pytest.approx(done.cost_usd)
    state.watermark = 0
    book.save(state, "test")
    book.release("test")
    again = other.attend("probe", canary)
    assert again is not None
    assert not again.rows
    rows = store.query(
        f"SELECT * FROM {store.database}.spans FINAL WHERE project = 'birds' ORDER BY start_time"
    ).dicts()
    assert len(rows) == 3
    for row, prompt in zip(rows, PROMPTS, strict=False):
        assert (row["service"], row["operation"], row["status"]) == ("canary probe", "chat", "ok")
        assert row["attributes"] == {"spanglass.canary": "probe"}
        assert json.loads(row["input"])[0]["parts"][0]["content"] == prompt
        assert json.loads(row["output"])[0]["parts"][0]["content"]
        assert row["response_model"].startswith("gpt-4o-mini")
        assert row["input_tokens"] > 0
        assert row["cost_usd"] > 0
        assert row["finish_reasons"] == ["stop"]
        assert (row["retention_days"], row["payload_retention_days"]) == (30, 7)
    runs = store.query(
        "SELECT job, spans, error FROM spanglass.jobs FINAL WHERE job = 'canary.probe'"
        " ORDER BY spans".replace("spanglass.jobs", f"{store.database}.jobs")
    ).rows
    assert [row[1] for row in runs] == [0, 3]
    database.close()


def test_an_address_that_is_not_public_is_refused(server: str) -> None:
    refused = Outgoing(setting="[drift] private_networks =")
    done = ask_all("probe", settings(server), refused.post, 10, 1.0)
    assert done.failures == len(done.rows) == len(PROMPTS)
    assert "127.0.0.1, which is not a public address" in done.error
    assert "[drift] private_networks = 127.0.0.1/32" in done.error
    assert {row["status"] for row in done.rows} == {"error"}


def test_what_fails_is_an_error_of_its_span(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    post = Outgoing(networks("127.0.0.0/8")).post
    (missing, *_) = ask_all("probe", settings(f"{server}/nowhere"), post, 1, 1.0).rows
    assert (missing["status"], missing["error_type"]) == ("error", "404")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    keyless = ask_all("probe", settings(server, api_key_env="NO_SUCH_KEY"), post, 1, 1.0)
    assert "There is no variable NO_SUCH_KEY" in keyless.rows[0]["status_message"]
    assert not ask_all("probe", settings(server), post, 9, 1.0, lambda: False).rows
    dollars = ask_all("probe", settings(server), post, 9, 1e-9)
    assert len(dollars.rows) == 1, "the one that spends it all is the last"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"canaries": {"A b": {}}}, "drift.canaries"),
        ({"canaries": {"a": {"url": "ftp://x", "model": "m", "prompts": ["x"]}}}, "https://host"),
        ({"canaries": {"a": {"url": "https://x", "model": "m", "prompts": []}}}, "prompts"),
        ({"private_networks": "here"}, "private_networks"),
    ],
)
def test_settings_that_are_wrong(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_drift(given)
