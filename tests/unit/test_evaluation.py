"""Runs over examples: parallel, resumable, scored, summed up."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spanglass
from spanglass.evaluation import EvaluationError, Example, Journal, Report, Result
from spanglass.testing import CapturedSpans, capture
from spanglass_detectors.evaluation import scorer, span_of
from spanglass_detectors.quality.detector import QualityDetector
from support.running import environment


def upper(text: str) -> str:
    return text.upper()


def is_same(example: Example, output: str) -> bool:
    return output == example.expected


def length(example: Example, output: str) -> dict[str, float]:
    return {"length": len(output)}


@pytest.fixture
def captured() -> Iterator[CapturedSpans]:
    with capture() as spans:
        yield spans


def test_it_runs_scores_and_sums_up(captured: CapturedSpans) -> None:
    examples = [Example("a", "A"), Example("bb", "no"), {"input": "c", "expected": "C"}, "dd"]
    report = spanglass.evaluate(upper, examples, scorers=[is_same, length], name="run-1", workers=3)
    assert [each.output for each in report] == ["A", "BB", "C", "DD"]
    same = report.summary("is_same")
    assert same is not None
    assert (same.mean, same.count) == (0.5, 4)
    assert (round(same.low, 3), round(same.high, 3)) == (0.15, 0.85)
    assert report.names() == ["is_same", "length"]
    assert len(captured) == 4
    (first,) = {each.trace_id for each in captured} & {report.results[0].trace_id}
    span = next(each for each in captured if each.trace_id == first)
    assert span.attributes["spanglass.metadata.experiment"] == "run-1"
    report.assert_scores(is_same=0.5)
    with pytest.raises(AssertionError, match=r"is_same is 0.5, below 0.6 .* 4 examples"):
        report.assert_scores(is_same=0.6)
    with pytest.raises(AssertionError, match="there is no score nope"):
        report.assert_scores(nope=0.6)
    assert report.misses({}, {"length": 1}) != []


def test_named_values_and_coroutines() -> None:
    async def answer(question: str, tone: str = "kind") -> str:
        await asyncio.sleep(0)
        return f"{question}/{tone}"

    report = spanglass.evaluate(answer, [Example({"question": "q", "tone": "dry"})])
    assert report.results[0].output == "q/dry"
    whole = spanglass.evaluate(lambda given: sorted(given), [Example({"b": 1, "a": 2})])
    assert whole.results[0].output == ["a", "b"]


def test_failures_are_results_and_are_told_apart() -> None:
    def app(text: str) -> str:
        if text == "bad":
            raise ValueError("no such thing")
        return text

    def broken(example: Example, output: str) -> float:
        raise RuntimeError("judge is away")

    report = spanglass.evaluate(app, ["good", "bad"], scorers=[broken, length])
    assert [each.error for each in report] == ["", "ValueError: no such thing"]
    assert report.results[0].unscored == {"broken": "RuntimeError: judge is away"}
    assert report.results[0].value("length") == 4
    with pytest.raises(AssertionError, match="1 of 2 examples failed"):
        report.assert_scores(length=1)
    report.assert_scores(length=1, allow_errors=1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"examples": []}, "no examples"),
        ({"examples": ["a"], "workers": 0}, "workers"),
        ({"examples": ["a", "a"]}, "two examples have the id"),
        ({"examples": ["a"], "journal": "j", "keeper": object()}, "not both"),
    ],
)
def test_what_can_not_be_run(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        spanglass.evaluate(upper, **given)


def test_as_many_at_a_time_as_asked() -> None:
    together = threading.Barrier(4)

    def app(text: str) -> str:
        # Nobody passes unless four are inside.
        together.wait(30)
        return text

    assert len(spanglass.evaluate(app, [f"{n}" for n in range(8)], workers=4).errors) == 0


def test_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "journal.jsonl"
    examples = [Example(f"{n}") for n in range(5)]
    calls: list[str] = []

    def app(text: str) -> str:
        calls.append(text)
        return text

    first = spanglass.evaluate(app, examples[:2], scorers=[length], journal=path, name="r")
    # A line that the process was writing when it ended.
    with path.open("a") as file:
        file.write('{"example": "torn')
    whole = spanglass.evaluate(app, examples, scorers=[length], journal=path, name="r")
    assert sorted(calls) == ["0", "1", "2", "3", "4"]
    assert whole.results[:2] == first.results
    assert Report(Journal(path).done()).summary("length") == whole.summary("length")
    # Kept twice counts once.
    journal = Journal(path)
    journal.keep([Result(examples[0].key, "other")])
    assert len(Journal(path).done()) == 5
    with pytest.raises(ValueError, match="journal of r, not of s"):
        spanglass.evaluate(app, examples, journal=path, name="s")
    (tmp_path / "other").write_text("something\n")
    with pytest.raises(ValueError, match="no journal"):
        Journal(tmp_path / "other")


KILLED = """
import os, sys
import spanglass

def app(text):
    with open(sys.argv[2], "a") as file:
        file.write(text + "\\n")
    return text

def end(done, total, result):
    if done == int(sys.argv[3]):
        os._exit(9)

spanglass.evaluate(app, [str(n) for n in range(12)], workers=2, journal=sys.argv[1], progress=end)
"""


def test_a_run_that_is_killed_counts_nothing_twice(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    journal, ran = tmp_path / "journal", tmp_path / "ran"
    words = [sys.executable, str(script), str(journal), str(ran)]
    killed = subprocess.run([*words, "5"], env=environment(), check=False)
    assert killed.returncode == 9
    kept = {each.example for each in Journal(journal).done()}
    assert 5 <= len(kept) < 12
    assert subprocess.run([*words, "-1"], env=environment(), check=False).returncode == 0
    assert len(Journal(journal).done()) == 12
    # What was kept before the end was not run again; at most what was under way was.
    assert len(ran.read_text().splitlines()) <= 12 + 2


def test_results_that_can_not_be_kept_end_the_run() -> None:
    class Full:
        def done(self) -> list[Result]:
            return []

        def keep(self, results: Any) -> None:
            raise OSError("the disk is full")

    with pytest.raises(EvaluationError, match="the disk is full"):
        spanglass.evaluate(upper, ["a", "b"], keeper=Full())


def test_detectors_are_scorers() -> None:
    examples = [
        Example({"question": "How long?", "context": "Boots: thirty days."}, "Thirty days."),
        Example("How long?", "Thirty days."),
    ]
    assert "Boots: thirty days." in span_of(examples[0], "x").input_text
    with capture():
        report = spanglass.evaluate(
            lambda question, context="": "Thirty days.",
            examples,
            scorers=[scorer(QualityDetector(["exact_match", "refusal"]))],
        )
    assert [each.value("exact_match") for each in report] == [1.0, 1.0]
    assert report.values("refusal") == [0.0, 0.0]
