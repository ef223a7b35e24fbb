"""Datasets over a running service: items from traces, files and people, rights, commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import otlp
from support.commands import Commands, Done
from support.running import RunningService


@pytest.fixture
def typed(shared_service: RunningService, cli: Commands) -> Callable[..., Done]:
    return cli.on(shared_service.data_dir)


def asked(question: str) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": question}]}])


def send(service: RunningService, feature: str) -> list[Any]:
    """Four answers: two of them were judged, one is corrected."""
    spans = [
        otlp.chat_span(
            12, 6,
            {
                "gen_ai.input.messages": asked(f"Question {n} of {feature}?"),
                "gen_ai.output.messages": json.dumps(
                    [{"role": "assistant", "parts": [{"type": "text", "content": f"Answer {n}."}]}]
                ),
                "spanglass.feature": feature,
            },
        )
        for n in range(4)
    ]  # fmt: skip
    service.send(otlp.request(*spans))
    service.settle()
    scores = [
        {"name": feature, "value": n, "trace_id": span.trace_id.hex()}
        for n, span in enumerate(spans[:2])
    ]
    scores[0]["correction"] = "Thirty days."
    assert service.api("POST", "/api/v1/scores", json=scores).status_code == 201
    return spans


def test_items_from_traces(service: RunningService, unique: str) -> None:
    spans = send(service, unique)
    path = f"/api/v1/datasets/{unique}"
    body = {"sql": f"SELECT trace_id FROM scores WHERE name = '{unique}' ORDER BY value;"}
    said = service.api("POST", f"{path}/items/from-traces", json=body)
    assert said.status_code == 201, said.text
    assert (said.json()["added"], said.json()["not_found"]) == (2, 0)
    # One by its span, with its answer as what is right; one that is not there.
    body = {
        "traces": [
            {"trace_id": spans[3].trace_id.hex(), "span_id": spans[3].span_id.hex()},
            {"trace_id": "ab" * 16},
        ],
        "expected": "output", "split": "test",
    }  # fmt: skip
    said = service.api("POST", f"{path}/items/from-traces", json=body).json()
    assert (said["version"], said["added"], said["not_found"]) == (2, 1, 1)
    assert service.api("POST", f"{path}/items/from-traces", json=body).json()["unchanged"] == 1
    items = service.get(f"{path}/items")["items"]
    assert [each["expected"] for each in items][:2] == ["Thirty days.", None]
    assert items[0]["input"][0]["parts"][0]["content"] == f"Question 0 of {unique}?"
    assert items[0]["trace_id"] == spans[0].trace_id.hex()
    assert items[0]["metadata"]["feature"] == unique
    assert "Answer 3." in json.dumps(items[2]["expected"])
    assert items[2]["split"] == "test"
    for wrong, why in (
        ({"sql": "SELECT 1"}, "trace_id"),
        ({"sql": "DROP TABLE spans"}, "SELECT"),
        ({"sql": "SELECT 1) UNION ALL (SELECT 2"}, "Syntax"),
        ({}, "either"),
    ):
        refused = service.api("POST", f"{path}/items/from-traces", json=wrong)
        assert (refused.status_code, why in refused.json()["detail"]) == (400, True), refused.text


def test_items_by_hand_are_paged_checked_and_split(service: RunningService, unique: str) -> None:
    path = f"/api/v1/datasets/{unique}"
    words = "can I return the boots that I bought in your shop in the city last week"
    items = [{"input": f"{words} number {n}", "split": "train"} for n in range(3)]
    items += [{"input": {"question": words + "?"}, "split": "test", "id": "leak"}]
    items += [{"input": words, "split": "train", "expected": {"days": 30}}]
    said = service.api("POST", f"{path}/items", json={"items": items, "message": "by hand"})
    assert said.status_code == 201, said.text
    page = service.get(f"{path}/items", limit=2)
    assert len(page["items"]) == 2
    rest = service.get(f"{path}/items", limit=9, cursor=page["next"])
    assert [each["id"] for each in rest["items"]][1] == "leak"
    found = service.get(f"{path}/check")
    assert (found["leaks"] > 0, found["pairs"][0]["is_leak"]) == (True, True)
    assert service.api("POST", f"{path}/split", json={"shares": {"a": 1, "b": 1}}).is_success
    assert service.get(f"{path}/check")["leaks"] == 0
    body = {"ids": ["leak"], "base": 1}
    assert service.api("POST", f"{path}/items/remove", json=body).status_code == 409
    assert service.api("POST", f"{path}/items/remove", json=body | {"base": 2}).is_success
    whole = service.get(path)
    assert ([each["items"] for each in whole["versions"]], whole["items"]) == ([4, 5, 5], 4)
    assert len(service.get(f"{path}/items", version=1)["items"]) == 5
    assert sum(whole["splits"].values()) == 4
    assert service.api("DELETE", path).status_code == 204
    assert service.api("GET", path).status_code == 404


def test_commands(
    typed: Callable[..., Done], service: RunningService, unique: str, tmp_path: Path
) -> None:
    spans = send(service, unique)
    (tmp_path / "q.csv").write_text("question,answer\nWhy?,Because.\nHow?,So.\n")
    done = typed("datasets", "add", unique, "q.csv", "--split", "train")
    assert done.returncode == 0, done.stderr
    assert b"version 1: 2 added" in done.stderr
    words = ("datasets", "add", unique, "--trace", spans[0].trace_id.hex(), "--split", "test")
    assert b"1 added" in typed(*words).stderr
    assert b"1 added" in typed("datasets", "add", unique, "--text", "When?").stderr
    shown = typed("datasets", "show", unique)
    assert b"Because." in shown.stdout
    assert b"4 items" in shown.stderr
    assert typed("datasets", "show", unique, "--history").stdout.count(b"local") == 3
    assert unique.encode() in typed("datasets", "list").stdout
    assert b"train" in typed("datasets", "split", unique, "train=1").stderr
    assert b"4 items: 0 pairs" in typed("datasets", "check", unique, "--fail-on-leaks").stderr
    refused = typed("datasets", "add", unique, "q.csv", "--input", "nope")
    assert (refused.returncode, b"--input" in refused.stderr) == (1, True)
    done = typed("datasets", "export", unique, "training")
    assert (done.returncode, b"3 rows are in" in done.stderr) == (0, True), done.stderr
    assert (tmp_path / "training" / "train.jsonl").read_text().count("Because.") == 1
    assert "no expected output" in (tmp_path / "training" / "README.md").read_text()
    # What was corrected is the worse answer of a pair.
    done = typed("datasets", "export", unique, "pairs", "--format", "dpo")
    pair = json.loads((tmp_path / "pairs" / "train.jsonl").read_text())
    assert pair["chosen"] == [{"role": "assistant", "content": "Thirty days."}]
    assert pair["rejected"] == [{"role": "assistant", "content": "Answer 0."}]
    assert typed("datasets", "delete", unique).returncode == 0


def test_a_key_without_payload_reads_no_item(launch: Callable[..., RunningService]) -> None:
    running = launch()
    items = {"items": [{"input": "secret question"}]}
    assert running.api("POST", "/api/v1/datasets/d/items", json=items).status_code == 201
    blind = running.key("read", payload=False)
    for path in ("/api/v1/datasets/d/items", "/api/v1/datasets/d/check"):
        refused = running.api("GET", path, key=blind)
        assert (refused.status_code, "--payload" in refused.text) == (403, True)
    assert "secret" not in running.api("GET", "/api/v1/datasets/d", key=blind).text
    other = running.key("read", "other")
    assert running.api("GET", "/api/v1/datasets/d", key=other).status_code == 404
    params = {"project": "default"}
    assert running.api("GET", "/api/v1/datasets/d", key=other, params=params).status_code == 403
