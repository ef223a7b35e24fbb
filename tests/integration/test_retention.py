"""What is over goes, by project and kind, on a real store with days of its own; the rest stays."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.intake import stamp_of
from spanglass_collector.ingest.signals import RESOURCE, SIGNALS
from spanglass_collector.retention.config import read_retention
from spanglass_store.bulk import BulkInsert
from spanglass_store.client import Store
from spanglass_store.migrate import migrate
from spanglass_store.otlp.schema import PROJECT_FIELD
from spanglass_store.queries.scores import Score, add_scores
from spanglass_store.retention.policy import Retention
from spanglass_store.retention.sweep import sweep
from spanglass_store.state.database import Database
from spanglass_store.state.retention import RetentionBook
from support import otlp, otlp_signals
from support.embedded import EmbeddedStore

DAY_NS = 86_400 * 10**9
TODAY = datetime.now(UTC).date()


@pytest.fixture
def store(embedded_store: EmbeddedStore, unique: str) -> Iterator[Store]:
    """A database of its own in the shared server: a sweep is of everything there is."""
    name = unique.replace("-", "_")
    with closing(Store(replace(embedded_store.server.endpoint, database=name))) as own:
        migrate(own)
        # Whether a row goes by the table's TTL or here, and when, would be a matter of chance.
        own.command("SYSTEM STOP TTL MERGES")
        yield own
        own.command("SYSTEM START TTL MERGES")
        own.command(f"DROP DATABASE {name}")


def keep(store: Store, project: str, message: Message, days: int, payload_days: int = 0) -> None:
    """Stores a request as the collector does."""
    for signal in SIGNALS:
        if isinstance(message, signal.form.request):
            stamp = wire.field(PROJECT_FIELD, project.encode()) + stamp_of(days, payload_days)
            (resource,) = getattr(message, signal.form.resources)
            body = wire.field(RESOURCE, resource.SerializeToString() + stamp)
            insert = signal.decoder.insert(store.database)
            BulkInsert(store.endpoint, insert, {})(body, token=f"{project}-{time.time_ns()}")


def day(days: int) -> int:
    """So many days ago, in nanoseconds since 1970."""
    return time.time_ns() - days * DAY_NS


def chat(name: str, days: int) -> Message:
    attrs = {
        "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10,
        "input.value": f"ask {name}", "output.value": f"say {name}",
    }  # fmt: skip
    return otlp.request(otlp.span(name, start=day(days), attrs=attrs))


def names(store: Store, table: str = "spans", column: str = "name") -> list[str]:
    rows = store.query(f"SELECT {column} FROM {store.database}.{table} FINAL ORDER BY 1").rows
    return [str(row[0]) for row in rows]


def run(
    store: Store, default: Retention, projects: dict[str, Retention], on: date
) -> dict[str, tuple[int, int, int]]:
    done = sweep(store, default, projects, on)
    return {each.table: (each.rows, each.partitions, each.emptied) for each in done}


def test_spans_payload_and_metrics_go_apart(store: Store) -> None:
    long = Retention(90)
    keep(store, "short", chat("s10", 10), 7)
    keep(store, "short", chat("s20", 20), 7)
    keep(store, "short", chat("s1", 1), 7)
    keep(store, "long", chat("l10", 10), 90, payload_days=3)
    keep(store, "long", chat("l1", 1), 90, payload_days=3)
    for project, days in (("short", 7), ("long", 90)):
        gauge = otlp_signals.gauge(project, [otlp_signals.point(1.0, time_unix_nano=day(10))])
        keep(store, project, otlp_signals.metrics(gauge), days if project == "long" else 5)
        record = otlp_signals.record(project, time_unix_nano=day(10))
        keep(store, project, otlp_signals.logs(record), days)
    traces = store.query(f"SELECT trace_id, name FROM {store.database}.spans").rows
    by_name = {str(name): str(trace) for trace, name in traces}
    old = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=10)
    quotes = {
        each: Score("long", each, 1.0, trace_id=by_name[each], explanation="quotes", created_at=at)
        for each, at in (("l10", old), ("l1", old + timedelta(days=9)))
    }
    add_scores(store, list(quotes.values()))

    done = run(store, long, {"long": Retention(90, payload_days=3)}, TODAY)
    assert names(store) == ["l1", "l10", "s1"]
    assert done["spans"] == (2, 1, 1), "one day was that project's alone; of one row payload went"
    assert names(store, "traces", "root_name") == ["l1", "l10", "s1"]
    assert names(store, "metrics") == ["long"]
    assert names(store, "logs", "body") == ["long"]
    of = store.query(
        f"SELECT name, input, output, input_tokens, payload_attributes,"
        f" service FROM {store.database}.spans FINAL ORDER BY name"
    ).dicts()
    l1, l10, s1 = of
    assert (l10["input"], l10["output"], l10["payload_attributes"]) == ("", "", {})
    assert l10["service"] == l1["service"]
    assert l10["input_tokens"] == l1["input_tokens"]
    assert l1["input"] == "ask l1"
    assert s1["input"] == "ask s1"
    said = {r["name"]: r["explanation"] for r in store.query(
        f"SELECT name, explanation FROM {store.database}.scores FINAL").dicts()}  # fmt: skip
    assert said == {"l10": "", "l1": "quotes"}
    # Nothing is done twice.
    assert run(store, long, {"long": Retention(90, payload_days=3)}, TODAY) == {}


def test_shorter_counts_for_what_is_there(store: Store) -> None:
    """From the day of arrival, so that an import keeps what it was promised."""
    keep(store, "now", chat("of today", 0), 90)
    keep(store, "now", chat("imported", 40), 130)
    keep(store, "else", chat("another's", 0), 0)
    projects = {"now": Retention(5)}
    assert run(store, Retention(0), projects, TODAY + timedelta(days=4)) == {}
    done = run(store, Retention(0), projects, TODAY + timedelta(days=5))
    assert done["spans"][0] == 2
    assert done["traces"][0] == 2
    assert names(store) == names(store, "traces", "root_name") == ["another's"]
    assert run(store, Retention(0), {}, TODAY + timedelta(days=20_000)) == {}, "0 is for ever"
    assert run(store, Retention(3), {}, TODAY + timedelta(days=3))["spans"][:2] == (1, 1)


def test_what_is_said_where(tmp_path: Any) -> None:
    """A command goes before the file, that before what counts for all; another process sees it."""
    url = f"sqlite:///{tmp_path / 'state.sqlite3'}"
    given = read_retention(
        {"file": {"spans_days": 7, "metrics_days": 400}, "both": {"payload_days": 1}}
    )
    with closing(Database(url)) as one, closing(Database(url)) as two:
        book = RetentionBook(one, Retention(30, 10), given)
        other = RetentionBook(two, Retention(30, 10), given)
        assert book.of("none") == Retention(30, 10, 0)
        assert book.of("file") == Retention(7, 10, 400)
        assert book.put("both", spans_days=9) == Retention(9, 1, 0)
        assert book.put("both", payload_days=0) == Retention(9, 0, 0)
        assert other.of("both") == Retention(30, 1, 0)
        other.refresh()
        assert other.all() == {"both": Retention(9, 0, 0), "file": Retention(7, 10, 400)}
        assert book.delete("both") == Retention(30, 1, 0)
        with pytest.raises(Exception, match="Nothing was said of the project 'file'"):
            book.delete("file")
    assert Retention(30).days("metrics") == Retention(30).days("traces") == 30
    assert Retention(30, metrics_days=400).days("metrics") == 400


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shop": 7}, r"retention\.shop should be a table"),
        ({"shop": {"span_days": 7}}, r"retention\.shop\.span_days: there is no such setting"),
        ({"shop": {"spans_days": -1}}, r"retention\.shop\.spans_days"),
    ],
)
def test_a_wrong_table_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_retention(given)
