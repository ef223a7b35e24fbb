"""Drift in what is stored: samples, comparisons, findings, over real spans in a real store."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from spanglass_collector.drift.config import read_drift
from spanglass_collector.drift.explain import Moves
from spanglass_collector.drift.run import run_pass
from spanglass_collector.drift.watcher import Pass
from spanglass_detectors.drift import DriftResult
from spanglass_detectors.drift.pooled import Cell
from spanglass_detectors.drift.watch import Series, watch
from spanglass_detectors.drift.windows import HourWindow
from spanglass_store.client import Store
from spanglass_store.drift.ad_hoc import Asked, compare_windows
from spanglass_store.drift.metrics import FORMAT, OPENING, RETRIEVAL_SCORE, ROLES, TEMPLATE
from spanglass_store.drift.samples import read_cells
from spanglass_store.errors import StoreError, Unknown
from spanglass_store.queries.drift import DriftFilter, finding, findings, series, watched
from spanglass_store.queries.job_spans import horizon
from support.embedded import EmbeddedStore

HOUR = 3600
#: What changes where answers are longer; those here have no spaces.
ANSWERS = {"output_tokens", "output_bytes", "output_word_bytes", "cost_usd"}
COLUMNS = (
    "project", "trace_id", "span_id", "operation", "service", "start_time", "duration_ns", "status",
    "request_model", "release", "prompt_name", "input_tokens", "output_tokens", "cost_usd", "finish_reasons",
    "input", "output", "sample_weight", "time_to_first_token_s",
    "ingested_at",
)  # fmt: skip
#: The last whole hour that is over and settled, since 1970.
LAST = int((time.time() - 300) // HOUR) // 6 * 6


def traffic(
    project: str,
    first: int,
    last: int,
    seed: int,
    an_hour: int = 36,
    since: int | None = None,
    model: str = "small",
    service: str = "shop",
    release: str = "2.0",
) -> list[list[Any]]:
    """Calls from an hour to another; from `since` on, answers of the one model are longer."""
    r = np.random.default_rng(seed)
    rows = []
    for hour in range(first, last):
        # Nights are quiet and slower: what is the same every day is no drift.
        # The last hours are busy ones, whatever time it is now.
        by_day = 0.6 + 0.4 * np.sin((hour - LAST + 9) / 24 * 2 * np.pi)
        for n in range(int(an_hour * by_day) + 2):
            own = model if n % 2 else "large"
            factor = 2.2 if since is not None and hour >= since and own == model else 1.0
            tokens = int(r.lognormal(5, 0.5) * factor) + 1
            rows.append(
                [
                    project, f"{seed:x}{hour:x}{n:x}".zfill(32), f"{hour:x}{n:x}".zfill(16), "chat",
                    service,
                    datetime.fromtimestamp(hour * HOUR + r.uniform(0, HOUR - 1), UTC),
                    int(r.lognormal(0, 0.4) * 1e9 * (1.3 - 0.3 * by_day)),
                    "error" if r.random() < 0.02 else "ok", own,
                    release if factor > 1 else "1.0", "greeting", int(r.lognormal(6, 0.3)), tokens, tokens * 1e-5,
                    ["stop"], '[{"role":"user"}]', "x" * tokens * 4, 1.0, r.lognormal(-1, 0.3),
                    datetime.now(UTC),
                ]
            )  # fmt: skip
    return rows


def store_spans(store: Store, rows: list[list[Any]]) -> None:
    by_day: dict[Any, list[list[Any]]] = {}
    for row in rows:
        by_day.setdefault(row[5].date(), []).append(row)
    for day in by_day.values():
        store.insert("spans", COLUMNS, day)
    # A pass leaves what has only just come to the next one.
    newest = max(row[-1] for row in rows).timestamp() * 1e6
    while horizon(store) <= newest:
        time.sleep(0.02)


def look(store: Store, hour: int, before: Pass | None = None, moves: Moves | None = None) -> Pass:
    now = datetime.fromtimestamp(hour * HOUR + 400, UTC)
    settings = read_drift({"settle_s": 300})
    return run_pass(
        store, settings, before.watermark if before else 0, before.seen if before else 0, now,
        moves=moves,
    )  # fmt: skip


def rows_of(store: Store, project: str, more: str = "") -> list[dict[str, Any]]:
    return store.query(
        f"SELECT * FROM {store.database}.drift_results FINAL WHERE project = {{p:String}} {more}"
        " ORDER BY window_end, window_start, metric, service, model",
        {"p": project},
    ).dicts()


@pytest.fixture(scope="module")
def changed(embedded_store: EmbeddedStore) -> Iterator[tuple[Store, str, Pass, int]]:
    """A week and a day, in the last seven hours of which one model's answers are longer."""
    store, project, since = embedded_store.owner, "drift-changed", LAST - 7
    store_spans(store, traffic(project, LAST - 5 * 24, LAST, 1, since=since))
    yield store, project, look(store, LAST), since
    for table in ("spans", "drift_samples", "drift_results"):
        store.command(f"TRUNCATE TABLE {store.database}.{table}")


def test_samples_are_what_was_there(changed: tuple[Store, str, Pass, int]) -> None:
    store, project, done, _ = changed
    assert done.hours >= 5 * 24
    start = datetime.fromtimestamp((LAST - 2) * HOUR, UTC)
    end = datetime.fromtimestamp((LAST - 1) * HOUR, UTC)
    cells = read_cells(store, project, ["output_tokens"], start, end)["output_tokens"]
    assert {(cell.service, cell.model) for cell in cells} == {("shop", "small"), ("shop", "large")}
    found = store.query(
        f"SELECT request_model, groupArray(output_tokens) FROM {store.database}.spans FINAL"
        " WHERE project = {p:String} AND start_time >= {s:DateTime64(6)} AND"
        " start_time < {e:DateTime64(6)} GROUP BY request_model",
        {"p": project, "s": start.replace(tzinfo=None), "e": end.replace(tzinfo=None)},
    ).rows
    expected = {model: sorted(map(float, values)) for model, values in found}
    assert {cell.model: cell.sample.tolist() for cell in cells} == expected
    errors = read_cells(store, project, ["error"], start, end)["error"]
    assert all(set(cell.categories) == {"true", "false"} for cell in errors)
    assert sum(cell.count for cell in errors) == sum(map(len, expected.values()))
    models = read_cells(store, project, ["model"], start, end)["model"]
    assert {name for cell in models for name in cell.categories} == {"small", "large"}


def test_the_change_is_found_and_dated_and_explained(
    changed: tuple[Store, str, Pass, int],
) -> None:
    store, project, done, since = changed
    assert done.findings
    found = rows_of(store, project, "AND finding_id != ''")
    # Tokens, cost and bytes of the answers are one finding.
    assert len({row["finding_id"] for row in found}) == 1
    assert {row["metric"] for row in found} == ANSWERS
    assert {row["model"] for row in found} <= {"", "small"}
    whole = [row for row in found if row["metric"] == "output_tokens" and row["model"] == ""]
    (row,) = [
        each
        for each in whole
        if each["window_start"].replace(tzinfo=UTC).timestamp() == (LAST - 6) * HOUR
    ]
    assert row["verdict"] == "drift"
    assert row["p_corrected"] < 0.01
    assert row["low"] <= row["effect"] <= row["high"]
    assert row["effect"] > 1.25 * row["usual_effect"]
    assert row["current_value"] > 1.1 * row["reference_value"]
    # The reference ends where the change began.
    assert row["reference_end"].replace(tzinfo=UTC).timestamp() <= (since + 1) * HOUR
    at, start, end = (
        row[name].replace(tzinfo=UTC).timestamp() / HOUR
        for name in ("changed_at", "changed_from", "changed_until")
    )
    assert start <= since <= end
    # Its time is never surer than the series' steps.
    assert start < at < end
    assert abs(at - since) < 2
    told = json.loads(row["segments"])
    parts = {(each["dimension"], each["value"]) for each in told["segments"]}
    assert parts & {("model", "small"), ("release", "2.0")}
    assert not parts & {("model", "large"), ("release", "1.0")} or ("release", "2.0") in parts
    assert told["new"] == ["release 2.0"]
    assert '"reference"' in row["distribution"]


def test_what_can_not_be_tested_says_why(changed: tuple[Store, str, Pass, int]) -> None:
    store, project, _, _ = changed
    untested = rows_of(store, project, "AND verdict = 'not tested'")
    assert untested
    assert all(row["reason"] and row["p"] is None and not row["finding_id"] for row in untested)
    reasons = {(row["metric"], row["reason"]) for row in untested}
    assert ("finish_reason", "every value is 'stop' in both windows") in reasons


def test_the_same_again_changes_nothing(changed: tuple[Store, str, Pass, int]) -> None:
    store, project, done, _ = changed
    before = [{**row, "updated_at": None} for row in rows_of(store, project)]
    again = look(store, LAST, done)
    assert (again.hours, again.windows) == (0, 0)
    store.command(f"TRUNCATE TABLE {store.database}.drift_samples")
    look(store, LAST)
    assert [{**row, "updated_at": None} for row in rows_of(store, project)] == before


def test_late_spans_are_looked_at_anew(changed: tuple[Store, str, Pass, int]) -> None:
    store, _, done, _ = changed
    project = "drift-late"
    store_spans(store, traffic(project, LAST - 5 * 24, LAST, 2, since=LAST - 6))
    later = look(store, LAST, done)
    assert later.hours >= 4 * 24
    assert rows_of(store, project, "AND finding_id != ''")
    assert later.watermark > done.watermark


def test_nothing_changed_and_nothing_is_found(changed: tuple[Store, str, Pass, int]) -> None:
    store, _, done, _ = changed
    project = "drift-still"
    store_spans(store, traffic(project, LAST - 5 * 24, LAST, 3))
    look(store, LAST, done)
    rows = rows_of(store, project)
    assert sum(row["p"] is not None for row in rows) > 80
    assert not [row for row in rows if row["finding_id"]]


@pytest.mark.parametrize(
    ("said", "layout", "opening"),
    [
        ("Sure! It is **on** its way.", "bold", "sure"),
        ("I'm sorry, but I can't.", "prose", "i'm sorry"),
        ("Information follows.\n- one\n- two", "list", "other"),
        ("# Orders\nThe order is late.", "headings", "other"),
        ('{"order": 1}', "json", "other"),
        ("Here:\n```python\nx\n```", "code", "here"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "table", "other"),
        ("1. Wait.\n2. Ask.", "list", "other"),
    ],
)
def test_how_answers_are_laid_out_and_begin(
    embedded_store: EmbeddedStore, said: str, layout: str, opening: str
) -> None:
    parts = [{"type": "text", "content": said}]
    for output in (said, json.dumps([{"role": "assistant", "parts": parts}])):
        (row,) = embedded_store.owner.query(
            f"SELECT {FORMAT}, {OPENING} FROM (SELECT {{output:String}} AS output)",
            {"output": output},
        ).rows
        assert row == (layout, opening), output


def test_what_is_asked_is_known_by_its_shape(embedded_store: EmbeddedStore) -> None:
    def asked(*messages: tuple[str, str]) -> str:
        return json.dumps([{"role": role, "content": text} for role, text in messages])

    one, same, other = (
        asked(("system", text), ("user", said), ("tool", "4"))
        for text, said in (("Be kind.", "hello"), ("Be kind.", "bye"), ("Be brief.", "hello"))
    )
    found = [
        embedded_store.owner.query(
            f"SELECT {ROLES}, {TEMPLATE} FROM (SELECT {{input:String}} AS input)", {"input": each}
        ).rows[0]
        for each in (one, same, other)
    ]
    assert {row[0] for row in found} == {"system tool user"}
    assert found[0][1] != found[2][1]
    documents = json.dumps([{"id": "a", "score": 0.75}, {"id": "b", "relevance_score": 0.25}])
    (row,) = embedded_store.owner.query(
        f"SELECT {RETRIEVAL_SCORE} FROM (SELECT {{output:String}} AS output)", {"output": documents}
    ).rows
    assert row == (0.5,)


def test_scores_by_value_and_by_label(changed: tuple[Store, str, Pass, int]) -> None:
    """Languages are labels: another one is a change of its mix."""
    store, _, done, _ = changed
    project, r = "drift-scores", np.random.default_rng(9)
    rows = traffic(project, LAST - 3 * 24, LAST, 9, an_hour=24)
    store_spans(store, rows)
    columns = (
        "project", "score_id", "name", "value", "label", "source", "trace_id", "span_id", "created_at",
        "ingested_at",
    )  # fmt: skip
    scores = []
    for row in rows:
        is_late = row[5].timestamp() >= (LAST - 6) * HOUR
        language = "de" if is_late and r.random() < 0.4 else "en"
        about = (row[1], row[2], row[5], row[-1])
        scores.append((project, f"l{row[2]}", "language", None, language, "detector", *about))
        scores.append(
            (project, f"r{row[2]}", "relevance", float(r.beta(5, 2)), "", "detector", *about)
        )
        scores.append((project, f"w{row[2]}", "wish", None, "what somebody wrote", "user", *about))
    store.insert("scores", columns, scores)
    settings = read_drift({"metrics": ["score.language", "score.relevance"], "scales_h": [6]})
    now = datetime.fromtimestamp(LAST * HOUR + 400, UTC)
    run_pass(store, settings, done.watermark, LAST - 72, now)
    start, end = (datetime.fromtimestamp(hour * HOUR, UTC) for hour in (LAST - 6, LAST))
    names = ["score.language", "score.relevance", "score.wish"]
    cells = read_cells(store, project, names, start, end)
    assert {name: {cell.kind for cell in own} for name, own in cells.items()} == {
        "score.language": {"categorical"}, "score.relevance": {"numeric"},
    }  # fmt: skip
    assert {"de", "en"} == {name for cell in cells["score.language"] for name in cell.categories}
    found = rows_of(store, project, "AND finding_id != ''")
    assert {row["metric"] for row in found} == {"score.language"}
    assert found[-1]["service"] == "shop"
    windows = (start - timedelta(hours=48), start), (start, end)
    asked = Asked("score.language", *windows, project=project, by=["model"])
    by = {each.group["model"]: each for each in compare_windows(store, asked)}
    assert set(by) == {"small", "large"}
    assert all(each.is_drift and each.kind == "categorical" for each in by.values())


def test_a_provider_that_changes_silently(changed: tuple[Store, str, Pass, int]) -> None:
    """Two services ask one model; its answers grow, and nothing else is new."""
    store, _, done, since = changed
    moved = datetime.fromtimestamp(since * HOUR - 600, UTC)
    for project in ("drift-silent", "drift-label"):
        for seed, service in ((4, "shop"), (5, "help")):
            rows = traffic(
                project, LAST - 5 * 24, LAST, seed, since=since, service=service, release="1.0"
            )
            store_spans(store, rows)
    rows = traffic(
        "drift-silent", LAST - 5 * 24, LAST, 7, since=since, service="canary probe", release="1.0"
    )
    store_spans(store, rows)

    def moves(project: str, start: datetime, end: datetime) -> list[tuple[str, str, int, datetime]]:
        known = [("greeting", "production", 4, moved), ("other", "production", 9, moved)]
        return [each for each in known if project == "drift-label" and start <= each[3] < end]

    look(store, LAST, done, moves)
    first, last = (datetime.fromtimestamp(hour * HOUR, UTC) for hour in (LAST - 72, LAST))
    found = findings(store, DriftFilter(first, last, "drift-silent"))
    (silent,) = [each for each in found if each["kind"] == "provider" and not each["service"]]
    (canary,) = [each for each in found if each["service"] == "canary probe"]
    assert canary["kind"] == "provider"
    assert canary["summary"].startswith("The same questions of the canary probe are answered")
    assert (silent["model"], silent["service"], silent["near"]) == ("small", "", [])
    assert silent["summary"].startswith("The model small answers otherwise under its name. output")
    assert {"fingerprint.output_tokens", "fingerprint.output_bytes"} <= {
        each["metric"] for each in silent["metrics"]
    }
    assert silent["changed_from"].timestamp() - 900 <= since * HOUR
    assert {each["service"] for each in found if each["kind"] == "traffic"} == {"shop", "help"}
    of_all, of_one = (
        series(store, "drift-silent", service, metric, "small", first, last)[-1]["count"]
        for service, metric in (("", "fingerprint.output_tokens"), ("shop", "output_tokens"))
    )
    assert of_all > of_one
    # Where a label was moved, it was not the provider, and the finding says what it may have been.
    found = findings(store, DriftFilter(first, last, "drift-label"))
    assert {each["kind"] for each in found} == {"traffic"}
    near = found[0]["near"]
    assert [each["what"] for each in near] == ["prompt label"]
    assert near[0]["words"].startswith("label production of prompt greeting moved to version 4 at")
    assert near[0]["words"] in found[0]["summary"]


def test_a_model_that_another_service_asks_more_has_not_changed() -> None:
    r = np.random.default_rng(6)

    def cells(hours: range, sizes: dict[str, int]) -> dict[int, list[Cell]]:
        means = {"short": 3.0, "long": 6.0, "gone": 9.0}
        return {
            hour: [
                Cell(name, "m", hour, "numeric", n, np.sort(r.lognormal(means[name], 0.3, n)))
                for name, n in sizes.items()
            ]
            for hour in hours
        }

    then = cells(range(144), {"short": 40, "long": 10, "gone": 20})
    now = cells(range(144, 168), {"short": 10, "long": 40})
    window, by_hour = HourWindow(168, 144), then | now
    plain = watch(Series("output_tokens", "", "m"), by_hour, window, 6)
    held = watch(Series("output_tokens", "", "m", is_provider=True), by_hour, window, 6)
    assert plain is not None
    assert plain.result.is_drift
    assert held is not None
    assert not held.result.is_drift
    assert held.result.effect is not None
    assert held.result.effect < 0.1
    assert abs((held.result.reference_value or 0) / (held.result.current_value or 1) - 1) < 0.1


def test_two_windows_of_anything(changed: tuple[Store, str, Pass, int]) -> None:
    store, project, _, since = changed

    def ask(metric: str, **more: Any) -> list[DriftResult]:
        windows = [
            tuple(datetime.fromtimestamp(hour * HOUR, UTC) for hour in pair)
            for pair in ((since - 48, since), (since, LAST))
        ]
        return compare_windows(store, Asked(metric, *windows, project=project, **more))  # type: ignore[arg-type]

    (whole,) = ask("output_tokens")
    assert whole.is_drift
    assert whole.n_current == sum(each.n_current for each in ask("output_tokens", by=["model"]))
    by = {each.group["model"]: each for each in ask("output_tokens", by=["model"])}
    assert by["small"].is_drift
    assert not by["large"].is_drift
    assert by["small"].effect is not None
    assert by["small"].effect > 1
    (release,) = ask("attributes.tenant")
    assert release.reason == "no span of either window has it"
    assert ask("finish_reason")[0].reason == "every value is 'stop' in both windows"
    assert ask("error")[0].kind == "boolean"
    assert ask("output_tokens", test="ks")[0].test == "ks"
    with pytest.raises(StoreError, match="There is no metric 'nothing'. Choose from"):
        ask("nothing")
    with pytest.raises(StoreError, match="can't be told apart by 'colour'"):
        ask("error", by=["colour"])
    with pytest.raises(StoreError, match="There is no test 'student'"):
        ask("output_tokens", test="student")


def test_a_version_and_a_golden_set_are_references(changed: tuple[Store, str, Pass, int]) -> None:
    store, project, _, since = changed
    now = datetime.fromtimestamp(since * HOUR, UTC), datetime.fromtimestamp(LAST * HOUR, UTC)
    week = now[0] - timedelta(days=4), now[1]

    def ask(metric: str, **more: Any) -> DriftResult:
        (found,) = compare_windows(store, Asked(metric, week, week, project=project, **more))
        return found

    # At the same time, too: no call is of both.
    releases: dict[str, Any] = {
        "reference_version": ("release", "1.0"), "current_version": ("release", "2.0"),
    }  # fmt: skip
    versions = ask("output_tokens", **releases)
    assert versions.is_drift
    assert versions.effect is not None
    assert versions.effect > 1
    there = store.query(
        f"SELECT release, count() FROM {store.database}.spans FINAL WHERE project = {{p:String}}"
        " AND start_time >= {s:DateTime64(6, 'UTC')} GROUP BY release ORDER BY release",
        {"p": project, "s": week[0]},
    ).rows
    assert [versions.n_reference, versions.n_current] == [count for _, count in there]
    assert str(ask("output_tokens", reference_version=("release", "1.0"))).endswith("overlap")
    missing = ask("output_tokens", **releases | {"reference_version": ("release", "0.9")})
    assert "there is nothing in the reference" in missing.reason
    with pytest.raises(StoreError, match="can't be told apart by 'colour'"):
        ask("output_tokens", current_version=("colour", "red"))

    r = np.random.default_rng(8)
    said = ["x" * (int(r.lognormal(5, 0.5)) * 4 + 4) for _ in range(150)]
    message = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "yyyy"}]}])
    same = ask("output_bytes", golden=[("hi", each) for each in said], model="large")
    assert (same.verdict, same.n_reference) == ("same", 150)
    assert ask("output_bytes", golden=[("hi", each[: len(each) // 3]) for each in said]).is_drift
    # Messages count by what they say, and what goes with a query has an end.
    short = ask("output_bytes", golden=[("hi", message)] * 2_000)
    assert (short.reference_value, short.n_reference) == (4, 2_000)
    few = ask("output_bytes", golden=[("hi", "x")] * 5)
    assert few.reason == "the reference has 5 values of 30 that are needed"
    assert "nothing in the reference" in ask("output_bytes", golden=[("hi", "")]).reason
    with pytest.raises(StoreError, match="A golden set has no cost_usd; it can be compared in"):
        ask("cost_usd", golden=[("hi", "x")])
    with pytest.raises(StoreError, match="without --by"):
        ask("output_bytes", golden=[("hi", "x")], by=["model"])


def test_findings_as_they_are_shown(changed: tuple[Store, str, Pass, int]) -> None:
    store, project, _, since = changed
    first = datetime.fromtimestamp((LAST - 72) * HOUR, UTC)
    last = datetime.fromtimestamp(LAST * HOUR, UTC)
    (found,) = findings(store, DriftFilter(first, last, project))
    assert found["service"] == "shop"
    assert found["is_open"]
    # The interval is right 95 times of 100; a quarter of an hour beside it is right, too.
    assert found["changed_from"].timestamp() - 900 <= since * HOUR
    assert since * HOUR <= found["changed_until"].timestamp() + 900
    assert {each["metric"] for each in found["metrics"]} == ANSWERS
    assert found["metrics"][0]["model"] == ""
    whole = finding(store, project, found["id"])
    assert whole["rows"][0]["distribution"]["current"]
    steps = series(store, project, "shop", "output_tokens", "", first, last)
    assert len(steps) == 72
    assert steps[-1]["middle"] > 1.2 * steps[0]["middle"]
    assert series(store, project, "shop", "model", "", first, last)[0]["shares"].keys() == {
        "small", "large",
    }  # fmt: skip
    with pytest.raises(Unknown, match="There is no finding 'none'"):
        finding(store, project, "none")
    assert watched(store, DriftFilter(first, last, project))["drift"] >= 3


def test_a_clock_that_was_put_back(changed: tuple[Store, str, Pass, int]) -> None:
    """What a pass saw in a year that has not come yet does not hold up the present."""
    store, _, done, _ = changed
    ahead = Pass(done.watermark + 360 * 24 * HOUR * 1_000_000, LAST + 360 * 24)
    project = "drift-clock"
    store_spans(store, traffic(project, LAST - 5 * 24, LAST, 8, since=LAST - 6))
    settings = read_drift({"metrics": ["output_tokens"], "scales_h": [6]})
    now = datetime.fromtimestamp(LAST * HOUR + 400, UTC)
    back = run_pass(store, settings, ahead.watermark, ahead.seen, now)
    assert (back.seen, back.watermark < ahead.watermark) == (LAST, True)
    assert rows_of(store, project, "AND finding_id != ''")


def test_windows_that_can_not_be_compared(embedded_store: EmbeddedStore) -> None:
    def ask(reference: tuple[int, int], current: tuple[int, int]) -> DriftResult:
        windows = [
            (datetime.fromtimestamp((LAST + a) * HOUR, UTC),
             datetime.fromtimestamp((LAST + b) * HOUR, UTC))
            for a, b in (reference, current)
        ]  # fmt: skip
        (found,) = compare_windows(embedded_store.owner, Asked("error", windows[0], windows[1]))
        return found

    assert "and the current window overlap" in str(ask((-48, -10), (-24, 0)))
    assert "the current window lies in the future: it ends at" in str(ask((-48, -24), (-2, 48)))
    assert "the reference lies in the future" in str(ask((48, 72), (-2, 0)))
    expired = ask((-24 * 900, -24 * 890), (-24 * 880, -24 * 870))
    assert str(expired).endswith("not tested, because no span of either window has it")


def test_nothing_is_there(embedded_store: EmbeddedStore) -> None:
    hour = LAST - 400 * 24
    assert look(embedded_store.owner, hour).windows >= 0
