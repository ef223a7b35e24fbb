"""BERTScore: bert-score's own values, in batches, with an encoder that is on the machine."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from spanglass_detectors.quality.bertscore import BertScoreDetector, BertScorer
from spanglass_detectors.span import Span
from support.encoder import make_encoder

pytest.importorskip("bert_score", reason="bert-score is not installed: pip install -e '.[quality]'")

PAIRS = [
    ("Boots can be returned within 60 days.", "You can bring boots back for sixty days."),
    ("Express costs 12.50 EUR.", "Snowshoes are rented in both stores."),
    ("Ναι, σε 60 ημέρες 👍", "Yes, within 60 days"),
    ("same", "same"),
    ("word " * 500, "a text that is longer than the encoder's window " * 30),
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoders") / "tiny-bert")


@pytest.fixture(scope="module")
def scorer(encoder: Path) -> BertScorer:
    return BertScorer(str(encoder), batch=2)


def _theirs(encoder: Path, pairs: list[tuple[str, str]]) -> list[tuple[float, ...]]:
    package: Any = import_module("bert_score")
    theirs = package.BERTScorer(model_type=str(encoder), num_layers=2, device="cpu")
    theirs._tokenizer.model_max_length = 62
    return [
        tuple(float(part[0]) for part in theirs.score([answer], [reference]))
        for answer, reference in pairs
    ]


def test_values_are_those_of_bert_score(scorer: BertScorer, encoder: Path) -> None:
    ours = [(each.precision, each.recall, each.f1) for each in scorer.similarities(PAIRS)]
    for mine, theirs in zip(ours, _theirs(encoder, PAIRS), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)
    assert ours[3][2] == pytest.approx(1, abs=1e-5)
    assert max(values[2] for values in (*ours[:3], ours[4])) < 0.95


def test_a_pair_is_encoded_once(scorer: BertScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scorer.similarities(PAIRS)
    monkeypatch.setattr(scorer._scorer, "score", None)  # calling it would fail
    assert scorer.similarities([*reversed(PAIRS), PAIRS[0]]) == [*reversed(before), before[0]]


def _span(answer: str, reference: str | None) -> Span:
    message = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    payload = {} if reference is None else {"spanglass.reference": reference}
    return Span(operation="chat", output=json.dumps(message), payload_attributes=payload)


def test_spans_with_a_reference_are_scored(encoder: Path) -> None:
    detector = BertScoreDetector(str(encoder))
    spans = [_span(*PAIRS[0]), _span("no reference", None), _span("", "r"), _span("a", "  ")]
    scored = [list(each) for each in detector.judge_batch(spans)]
    assert [len(each) for each in scored] == [1, 0, 0, 0]
    [score] = scored[0]
    assert score.name == "bertscore_f1"
    assert score.value == pytest.approx(_theirs(encoder, PAIRS[:1])[0][2], abs=1e-4)
    assert (score.metadata["model"], score.metadata["layer"]) == ("tiny-bert", "2")


def test_what_is_wrong_is_said(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no model at nowhere: give the folder"):
        BertScorer("nowhere")
    with pytest.raises(ValueError, match="There is no model at"):
        BertScorer(str(tmp_path))
    with pytest.raises(ValueError, match="has layers 1 to 2, not 9"):
        BertScorer(str(encoder), layer=9)
