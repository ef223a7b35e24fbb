"""Metrics of Hugging Face's evaluate as detectors."""

import json
from pathlib import Path

import pytest

from spanglass_detectors.quality.hub_metric import HubMetric
from spanglass_detectors.span import Span

pytest.importorskip("evaluate", reason="evaluate is not installed: pip install -e '.[quality]'")

METRIC = """
import datasets
import evaluate


class SharedWords(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": text, "references": text})
        return evaluate.MetricInfo(description="", citation="", features=features)

    def _compute(self, predictions, references, scale=1):
        [answer], [reference] = predictions, references
        shared = len(set(answer.split()) & set(reference.split()))
        if answer == "fail":
            raise RuntimeError("no such answer")
        if answer == "words":
            return {"verdict": "good"}
        found = {"share": scale * shared / len(set(reference.split()))}
        return found | ({"Shared Words": [shared]} if scale > 1 else {})
"""


@pytest.fixture
def metric(tmp_path: Path) -> Path:
    folder = tmp_path / "shared_words"
    folder.mkdir()
    (folder / "shared_words.py").write_text(METRIC)
    return folder


def _span(answer: str, reference: str | None = "the boots are blue") -> Span:
    message = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    payload = {} if reference is None else {"spanglass.reference": reference}
    return Span(operation="chat", output=json.dumps(message), payload_attributes=payload)


def test_a_metric_in_a_folder(metric: Path) -> None:
    detector = HubMetric(str(metric))
    [score] = detector.judge(_span("the boots were red"))
    assert (score.name, score.value) == ("evaluate.shared_words", 0.5)
    assert list(detector.judge(_span("no reference", None))) == []
    assert list(detector.judge(_span(""))) == []


def test_arguments_and_several_numbers(metric: Path) -> None:
    detector = HubMetric(str(metric), name="Our words!", arguments={"scale": 10})
    scores = {each.name: each.value for each in detector.judge(_span("the boots were red"))}
    assert scores == {"evaluate.our_words.share": 5.0, "evaluate.our_words.shared_words": 2.0}


def test_what_a_metric_does_wrong_is_the_spans(metric: Path) -> None:
    detector = HubMetric(str(metric))
    with pytest.raises(RuntimeError, match="no such answer"):
        detector.judge(_span("fail"))
    with pytest.raises(ValueError, match="gave no number"):
        detector.judge(_span("words"))
    # The next span is none the worse for it.
    [score] = detector.judge(_span("boots"))
    assert score.value == 0.25


def test_a_name_that_is_nowhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match="can't load 'no_such_metric'.*give the folder"):
        HubMetric("no_such_metric")
