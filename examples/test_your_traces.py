"""An application's own tests of what it traces, and of what its calls cost.

    python -m pytest examples/test_your_traces.py

`spanglass_spans` is a fixture of the plugin that the SDK brings. Nothing is sent; ids and times
are the same in every run.
"""

import pytest

import spanglass
from spanglass.testing import CapturedSpans

PRICES = {"gpt-4o-mini": (0.15, 0.60)}


@spanglass.observe
def answer(question: str) -> str:
    """The code that is tested."""
    with spanglass.generation("gpt-4o-mini", provider="openai", messages=question) as call:
        call.output("Within 60 days.", finish_reason="stop")
        call.usage(input_tokens=1_200, output_tokens=4)
    spanglass.score("exact_match", True)
    return "Within 60 days."


def test_one_call_of_a_model_that_costs_little(spanglass_spans: CapturedSpans) -> None:
    answer("How long can I return a jacket?")
    spanglass_spans.assert_tree("answer", ["chat gpt-4o-mini"])
    spanglass_spans.assert_ok()
    spanglass_spans.assert_cost_below(0.001, PRICES)
    assert spanglass_spans.usage().input_tokens == 1_200


def test_it_is_scored(spanglass_spans: CapturedSpans) -> None:
    answer("How long can I return a jacket?")
    [score] = spanglass_spans.scores
    assert (score.name, score.value, score.label) == ("exact_match", 1.0, "true")
    assert score.span_id == spanglass_spans.one("answer").span_id


@pytest.mark.spanglass(capture_content="redacted")
def test_no_address_leaves(spanglass_spans: CapturedSpans) -> None:
    answer("I am ana@example.com: how long can I return a jacket?")
    spanglass_spans.assert_absent("ana@example.com")
