"""Rows for fine-tuning: shapes, what is left out, what is replaced, the card."""

from typing import Any

import pytest

from spanglass.evaluation import Example
from spanglass_detectors.training import Format, card, exported

SYSTEM = {"role": "system", "content": "Be kind."}
ASKED = {"role": "user", "content": "Can I return boots?"}
PARTS = {"role": "user", "parts": [{"type": "text", "content": "Can I return boots?"}]}
RIGHT = {"role": "assistant", "content": "For thirty days."}
WRONG = {"role": "assistant", "content": "No."}


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ("Can I return boots?", [ASKED]),
        ([SYSTEM, ASKED], [SYSTEM, ASKED]),
        ([SYSTEM, PARTS], [SYSTEM, ASKED]),
        ({"messages": [ASKED]}, [ASKED]),
        ({"question": "Can I return boots?"}, [ASKED]),
        ({"a": "x", "b": 2}, [{"role": "user", "content": "a: x\nb: 2"}]),
    ],
)
def test_inputs_become_chats(given: Any, messages: list[Any]) -> None:
    for expected in ("For thirty days.", RIGHT, [RIGHT]):
        found = exported([Example(given, expected)], "openai")
        assert found.rows == {"train": [{"messages": [*messages, RIGHT]}]}


def test_pairs_have_a_better_and_a_worse_answer() -> None:
    items = [
        Example("Can I return boots?", "For thirty days.", {"answered": [WRONG]}, "test", "i1"),
        Example("Else?", "The same.", {"answered": "The same."}),
        Example("More?", "Yes."),
    ]
    found = exported(items, "dpo")
    assert found.rows == {"test": [{"prompt": [ASKED], "chosen": [RIGHT], "rejected": [WRONG]}]}
    assert found.left_out == {"no worse answer": 2}
    (row,) = exported(items[:1], "hf-chat").rows["test"]
    assert row == {"id": "i1", "messages": [ASKED, RIGHT]}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (Example("a"), "no expected output"),
        (Example("a", "b", {"consent": False}), "no consent"),
        (Example("a", "b", {"training_allowed": False}), "no consent"),
        (Example("a", "b", {"license": "proprietary"}), "another licence"),
        (Example([{"role": "robot", "content": "a"}], "b"), "no chat"),
        (Example([1], "b"), "no chat"),
        (Example("a", {"role": "user", "content": "b"}), "no chat"),
    ],
)
@pytest.mark.parametrize("form", ["openai", "dpo"])
def test_what_is_left_out(item: Example, why: str, form: Format) -> None:
    found = exported([item], form, licences=["mit"])
    assert (found.count, dict(found.left_out)) == (0, {why: 1})


def test_personal_data_and_copies_do_not_leave() -> None:
    words = "please write about the parcel that has not come for two weeks now to"
    items = [
        Example(f"{words} ana@example.com", "I have.", {"license": "mit"}),
        Example(f"{words} bob@example.com", "I have."),
        Example("Call me: +49 30 901820", "I will."),
    ]
    found = exported(items, "openai")
    assert found.count == 2
    assert found.left_out == {"nearly the same as another": 1}
    said = str(found.rows)
    assert "example.com" not in said
    assert "901820" not in said
    assert found.redacted["EMAIL_ADDRESS"] == 2
    text = card("returns", 3, "openai", found, True)
    for part in (
        "Version 3",
        "| `train.jsonl` | 2 |",
        "EMAIL_ADDRESS",
        "1: mit",
        "nearly the same",
    ):
        assert part in text
    kept = exported(items, "openai", redact=False, threshold=None)
    assert (kept.count, "ana@example.com" in str(kept.rows)) == (3, True)
