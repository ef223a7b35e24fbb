"""Rules about whether a trace did what it was for."""

from typing import Any

import pytest

from spanglass_detectors.quality.task_success import Course, Step, follow_up, task_success

MODEL = Step(is_tool=False)
FINE = {"steps": (MODEL,), "question": "How long?", "answer": "Within 60 days.",
        "finish_reasons": ("stop",)}  # fmt: skip


def tool(name: str = "lookup", arguments: str = "{}", failed: bool = False) -> Step:
    return Step(True, name, arguments, failed)


@pytest.mark.parametrize(
    ("course", "value", "kinds"),
    [
        ({}, 1, ()),
        ({"failed": True}, 0, ("failed",)),
        ({"failed": True, "follow_up": "thanks"}, 0, ("failed", )),
        ({"steps": (MODEL, Step(False, failed=True))}, 0, ("model_failed",)),
        ({"steps": (Step(False, failed=True), MODEL)}, 1, ()),
        ({"steps": (tool(failed=True), MODEL)}, 0.4, ("tool_failed",)),
        ({"steps": (tool(failed=True), tool(), MODEL)}, 1, ()),
        ({"steps": (tool(), tool(failed=True), MODEL)}, 0.4, ("tool_failed",)),
        ({"steps": (tool(), tool(), tool(), MODEL)}, 0.8, ("loop",)),
        ({"steps": tuple(tool(arguments=str(n)) for n in range(5))}, 1, ()),
        ({"answer": "I can't help with that request."}, 0.2, ("refused",)),
        ({"answer": "I don't know how long that takes."}, 0.4, ("no_answer",)),
        ({"finish_reasons": ("length",)}, 0.5, ("cut_off",)),
        ({"answer": "", "calls_tools": True}, 0.6, ("unfinished",)),
        ({"answer": "", "calls_tools": True, "steps": (MODEL, tool())}, 1, ()),
        ({"answer": ""}, 1, ()),
        ({"follow_up": "Thank you!", "finish_reasons": ("length",)}, 0.9, ("cut_off", "thanked")),
        ({"follow_up": "That's wrong."}, 0.3, ("complained",)),
        ({"follow_up": "And the weather in Oslo?"}, 1, ()),
    ],
)  # fmt: skip
def test_the_rules(course: dict[str, Any], value: float, kinds: tuple[str, ...]) -> None:
    found = task_success(Course(**{**FINE, **course}))
    assert found is not None
    assert found.value == pytest.approx(value)
    assert tuple(found.kinds) == kinds
    assert len(found.reasons) == len(kinds)
    label = "success" if value >= 0.7 else "failure" if value < 0.3 else "unclear"
    assert found.label == label


def test_what_calls_nothing_has_no_task() -> None:
    assert task_success(Course(failed=True)) is None


@pytest.mark.parametrize(
    ("question", "said", "kind"),
    [
        ("How long can I return a sofa?", "how long may I return this sofa?", "rephrased"),
        ("How long can I return a sofa?", "How long can I return a sofa?", "rephrased"),
        ("How long can I return a sofa?", "Where is the shop in Oslo?", ""),
        ("a", "a", ""),
        ("How long?", "Danke, perfekt", "thanked"),
        ("How long?", "Thanks, but that is wrong", "complained"),
        ("How long?", "that doesn\u2019t work", "complained"),
        ("How long?", "Thanks for the report on " + "x" * 200, ""),
        ("How long?", "", ""),
        ("How long?", "  \n", ""),
    ],
)
def test_what_the_next_message_says(question: str, said: str, kind: str) -> None:
    found, reason = follow_up(question, said)
    assert found == kind
    assert bool(reason) == bool(kind)
