"""Topics in the job: learned from what is stored, counted by hour, a new one found and named."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from integration.test_drift import COLUMNS, HOUR, LAST, rows_of, store_spans
from spanglass_collector.drift.config import read_drift
from spanglass_collector.drift.run import run_pass
from spanglass_collector.drift.topics import Embed, embedder
from spanglass_collector.drift.watcher import Pass
from spanglass_detectors.drift.topics import NONE
from spanglass_store.client import Store
from spanglass_store.drift.samples import read_cells
from spanglass_store.drift.topics import read_topics
from spanglass_store.queries.drift_topics import topics_now
from support.embedded import EmbeddedStore

PROJECT = "topics"
SAID = {
    "parcel": "When does my parcel arrive, the courier has not come with it to my house",
    "refund": "Please send my money back, the refund of this payment is late",
    "jacket": "Which size of this jacket fits me, are the sleeves long or short",
    "passport": "How do I renew the passport at the embassy before a visa expires",
}


def questions(first: int, last: int, names: list[str], seed: int) -> list[list[object]]:
    r = np.random.default_rng(seed)
    rows = []
    for hour in range(first, last):
        for n in range(14):
            words = SAID[names[r.integers(len(names))]].split()
            # Nobody asks twice in the same words.
            asked = " ".join(words[k] for k in sorted(r.choice(len(words), 9, replace=False)))
            rows.append(
                [
                    PROJECT, f"{hour:x}{n:x}".zfill(32), f"{hour:x}{n:x}".zfill(16), "chat", "shop",
                    datetime.fromtimestamp(hour * HOUR + r.uniform(0, HOUR - 1), UTC), 10**9, "ok",
                    "small", "1.0", "", 10, 10, 1e-5, ["stop"], asked, "", 1.0, 0.1,
                    datetime.now(UTC),
                ]
            )  # fmt: skip
    return rows


def look(store: Store, hour: int, embed: Embed, before: Pass | None = None) -> Pass:
    now = datetime.fromtimestamp(hour * HOUR + 400, UTC)
    settings = read_drift({"settle_s": 300, "metrics": ["topic", "topic_distance"]})
    place = (before.watermark, before.seen) if before else (0, 0)
    return run_pass(store, settings, *place, now, embed=embed)


@pytest.fixture(scope="module")
def watched(
    embedded_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Embed, Pass]]:
    store = embedded_store.owner
    embed = embedder(tmp_path_factory.mktemp("vectors"))
    assert embed is not None
    store_spans(store, questions(LAST - 96, LAST - 6, ["parcel", "refund", "jacket"], 1))
    yield store, embed, look(store, LAST - 6, embed)
    for table in ("spans", "drift_samples", "drift_results", "drift_topics"):
        store.command(f"TRUNCATE TABLE {store.database}.{table}")


def names_of(store: Store) -> list[str]:
    (found,) = read_topics(store, PROJECT).values()
    return found.names


def counts(store: Store, first: int, last: int) -> dict[str, float]:
    moments = [datetime.fromtimestamp(hour * HOUR, UTC) for hour in (first, last)]
    total: dict[str, float] = {}
    for cell in read_cells(store, PROJECT, ["topic"], moments[0], moments[1])["topic"]:
        for name, count in cell.categories.items():
            total[name] = total.get(name, 0) + count
    return total


def test_topics_are_learned_and_a_new_one_is_found(watched: tuple[Store, Embed, Pass]) -> None:
    store, embed, done = watched
    before = names_of(store)
    assert len(before) == 3
    for words in ("parcel", "refund", "jacket"):
        assert any(set(name.split(", ")) & set(SAID[words].lower().split()) for name in before)
    usual = counts(store, LAST - 96, LAST - 6)
    assert usual.get(NONE, 0) <= 0.04 * sum(usual.values())

    store_spans(store, questions(LAST - 6, LAST, ["parcel", "refund", "jacket", "passport"], 2))
    look(store, LAST, embed, done)
    after = names_of(store)
    # What had a name keeps it.
    assert after[:3] == before
    (new,) = after[3:]
    assert set(new.split(", ")) & {"passport", "embassy", "visa", "renew"}
    now = counts(store, LAST - 6, LAST)
    assert now[new] >= 0.15 * sum(now.values())
    (row,) = [
        each
        for each in rows_of(store, PROJECT, "AND finding_id != '' AND metric = 'topic'")
        if each["window_end"].replace(tzinfo=UTC).timestamp() == LAST * HOUR
        and each["window_start"].replace(tzinfo=UTC).timestamp() == (LAST - 6) * HOUR
    ]
    assert row["verdict"] == "drift"
    assert new in row["explanation"]
    # As people see it.
    shown = {each["name"]: each for each in topics_now(store, PROJECT, "shop")}
    assert set(shown) == {*after, NONE}
    assert sum(each["share_now"] for each in shown.values()) == pytest.approx(1)
    assert shown[new]["is_new"]
    assert shown[new]["share_before"] == 0
    assert shown[new]["share_now"] > 0.02
    assert {each["share_before"] > 0.2 for each in shown.values() if each["name"] in before} == {
        True
    }
    assert len(shown[new]["steps"]) == 28


def test_nothing_to_read_with(tmp_path: Path, embedded_store: EmbeddedStore) -> None:
    # Without it the rest of the job goes on.
    now = datetime.fromtimestamp((LAST - 24 * 300) * HOUR, UTC)
    done = run_pass(embedded_store.owner, read_drift({}), 0, 0, now, embed=None)
    assert done.seen
    off = read_drift({"topics": False})
    assert not off.watches_topics
    assert not read_drift({"metrics": ["cost_usd"]}).watches_topics
    assert read_drift({}).watches_topics
    assert len(COLUMNS) == len(questions(0, 1, ["parcel"], 1)[0])
