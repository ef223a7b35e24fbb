"""Retrieval metrics beside published and hand-worked values."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_detectors import Span
from spanglass_detectors.quality.retrieval import (
    RELEVANT,
    gains_of,
    ranked_ids,
    retrieval_scores,
)


def test_ndcg_of_the_usual_example() -> None:
    """Six documents with gains 3, 2, 3, 0, 1, 2, where one of 3 and one of 2 were not found."""
    gains = {"d1": 3, "d2": 2, "d3": 3, "d5": 1, "d6": 2, "d7": 3, "d8": 2}
    scores = retrieval_scores(["d1", "d2", "d3", "d4", "d5", "d6"], gains)
    dcg = 3 + 2 / math.log2(3) + 3 / 2 + 0 + 1 / math.log2(6) + 2 / math.log2(7)
    assert dcg == pytest.approx(6.861, abs=5e-4)
    ideal = 3 + 3 / math.log2(3) + 3 / 2 + 2 / math.log2(5) + 2 / math.log2(6) + 2 / math.log2(7)
    assert ideal == pytest.approx(8.740, abs=5e-4)
    assert scores["ndcg"] == pytest.approx(0.785, abs=5e-4)
    assert scores["hit_rate"] == 1
    assert scores["reciprocal_rank"] == 1
    assert scores["retrieval_precision"] == pytest.approx(5 / 6)
    assert scores["retrieval_recall"] == pytest.approx(5 / 7)


def test_mean_reciprocal_rank_of_the_usual_example() -> None:
    """Queries for plurals whose right answer is third, second and first: 11/18."""
    lists = (["catten", "cati", "cats"], ["torii", "tori", "toruses"], ["viruses", "virii", "viri"])
    wanted = ("cats", "tori", "viruses")
    ranks = [
        retrieval_scores(found, {name: 1})["reciprocal_rank"]
        for found, name in zip(lists, wanted, strict=True)
    ]
    assert sum(ranks) / 3 == pytest.approx(11 / 18)


def test_edges() -> None:
    assert retrieval_scores(["a"], {}) == {}
    assert retrieval_scores(["a"], {"a": 0, "b": -1, "c": math.nan}) == {}
    nothing = retrieval_scores([], {"a": 1})
    assert set(nothing.values()) == {0.0}
    twice = retrieval_scores(["x", "x", "a"], {"a": 1})
    assert twice["reciprocal_rank"] == 0.5, "what comes twice takes one place"
    assert retrieval_scores(["x"], {"a": 1})["hit_rate"] == 0


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.dictionaries(st.sampled_from("abcdefghij"), st.floats(0.1, 10), min_size=1),
)
def test_they_are_shares_and_the_best_order_is_best(
    found: list[str], gains: dict[str, float]
) -> None:
    scores = retrieval_scores(found, gains)
    assert all(0 <= value <= 1 + 1e-9 for value in scores.values())
    best = sorted(gains, key=lambda name: -gains[name])
    assert retrieval_scores(best, gains)["ndcg"] == pytest.approx(1)
    assert scores["ndcg"] <= 1 + 1e-9


def test_what_was_to_be_found_is_read_of_the_span() -> None:
    output = json.dumps([{"id": "a", "content": "x"}, {"content": "no id"}, {"id": 7, "score": 1}])
    span = Span(operation="retrieval", output=output, attributes={RELEVANT: '["a", 7]'})
    assert ranked_ids(span) == ["a", "7"]
    assert gains_of(span) == {"a": 1, "7": 1}
    for said, wanted in (
        ('{"a": 2, "b": 0.5, "c": true, "d": "x"}', {"a": 2, "b": 0.5}),
        ("doc-1", {"doc-1": 1}), ("", {}), ("[broken", {"[broken": 1}), ("[[1]]", {}),
    ):  # fmt: skip
        assert gains_of(Span(attributes={RELEVANT: said})) == wanted
    assert ranked_ids(Span(output="plain text")) == []
    assert ranked_ids(Span(output='{"documents": [{"document_id": "z"}]}')) == ["z"]
