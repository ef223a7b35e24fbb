"""BERTScore as a job of the running service: torch in a process of its own."""

import json
from pathlib import Path

import pytest

from support import otlp
from support.encoder import make_encoder
from support.running import ALL_ROLES, Launch
from support.waiting import wait_until

pytest.importorskip("bert_score", reason="bert-score is not installed: pip install -e '.[quality]'")


def test_answers_with_a_reference_are_scored(launch: Launch, tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "tiny-bert")
    off = {name: {"enabled": False} for name in ("pii", "quality", "safety", "grounding")}
    job = {"options": {"model": str(encoder)}, "memory_mb": 4096}
    service = launch(
        SPANGLASS_ROLES=ALL_ROLES, SPANGLASS_DETECT=json.dumps({**off, "bertscore": job}),
        SPANGLASS_DRIFT='{"enabled": false}',
    )  # fmt: skip
    answers = ("Within 60 days.", "Within 60 days.", "Snowshoes are rented.")
    spans = [
        otlp.chat_span(attrs={"output.value": text, "spanglass.reference": "Within 60 days."})
        for text in answers
    ]
    service.send(otlp.request(*spans, otlp.chat_span(attrs={"output.value": "no reference"})))

    def scored() -> list[dict[str, object]] | None:
        rows = service.sql(
            "SELECT span_id, value, metadata, evaluator FROM scores WHERE name = 'bertscore_f1'"
        )
        return rows if len(rows) == 3 else None

    rows = {row["span_id"]: row for row in wait_until(scored, "three answers are scored")}
    same, again, other = (rows[span.span_id.hex()] for span in spans)
    assert same["value"] == again["value"] == pytest.approx(1, abs=1e-5)
    assert float(str(other["value"])) < 0.95
    assert same["metadata"]["model"] == "tiny-bert"  # type: ignore[index]
    assert "bertscore" in str(same["evaluator"])
