"""Better prompts, looked for: the best one of a task is known, and the sample server's model does it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sample_server import BackgroundServer, Settings
from spanglass.evaluation import EvaluationError, Example
from spanglass.prompts import Definition, PromptError, read
from spanglass_collector.chat_endpoint import ChatEndpoint, price_of
from spanglass_detectors.prompt_search import Candidate, search
from spanglass_detectors.prompt_search.candidate import built, can_be_shown
from spanglass_detectors.prompt_search.front import Point, front
from spanglass_detectors.prompt_search.search import cost_of, divided, rungs
from spanglass_detectors.prompt_search.writing import instruction_in, is_usable
from support import sorting


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ChatEndpoint]:
    with (
        BackgroundServer(Settings(speed=0)) as model,
        ChatEndpoint(model.base_url, retries=0) as found,
    ):
        yield found


def test_the_known_best_is_found(endpoint: ChatEndpoint) -> None:
    writer = []

    def write(asked: str) -> str:
        writer.append(asked)
        return str(endpoint.ask(WRITER, {"asked": asked}).output)

    found = search(
        read(sorting.PROMPT), sorting.examples(60), endpoint.ask, [sorting.is_right],
        objective="is_right", write=write, budget=700, seed=3,
    )  # fmt: skip
    assert (found.base.quality, found.base.held_out) == (0.0, 0.0)
    assert (found.best.quality, found.best.held_out) == (1.0, 1.0)
    assert found.is_better
    assert found.calls <= 700
    # It is the known one: every category is shown, and the answer is to be it alone.
    shown = found.best.definition.document()["template"]
    assert {each["content"] for each in shown if each["role"] == "assistant"} == set(sorting.WORDS)
    assert "category only" in shown[0]["content"]
    assert shown[-1] == {"role": "user", "content": "{{message}}"}
    # Rounds never get worse; the base is cheapest, so it is on the front.
    assert list(found.rounds) == sorted(found.rounds)
    assert found.front[0].quality == 1.0
    assert found.cost_unit == "tokens"
    costs = [each.cost for each in found.front if each.cost is not None]
    assert len(costs) == len(found.front)
    assert "Expected: returns" in "".join(writer)


def test_a_search_that_was_killed_goes_on_and_asks_nothing_twice(
    endpoint: ChatEndpoint, tmp_path: Path
) -> None:
    calls: list[str] = []

    def ask(definition: Definition, given: Any) -> Any:
        if stop_at is not None and len(calls) >= stop_at:
            raise KeyboardInterrupt
        calls.append(f"{definition.document()} {given}")
        return endpoint.ask(definition, given)

    def go() -> Any:
        return search(
            read(sorting.PROMPT), sorting.examples(48), ask, [sorting.is_right],
            objective="is_right", budget=260, rounds=2, journal=tmp_path / "search.jsonl",
        )  # fmt: skip

    stop_at: int | None = 120
    with pytest.raises(KeyboardInterrupt):
        go()
    stop_at = None
    found = go()
    # What was under way when it ended is asked again: no more than there are workers.
    assert len(calls) - len(set(calls)) <= 8
    assert found.calls <= 260
    before = len(calls)
    again = go()
    assert len(calls) == before
    assert (again.best, again.front) == (found.best, found.front)


def test_where_nothing_is_better_nothing_is_claimed(endpoint: ChatEndpoint) -> None:
    found = search(
        read(sorting.PROMPT), sorting.examples(48), endpoint.ask,
        [lambda example, output: {"same": 1.0}], objective="same", budget=300, rounds=1,
    )  # fmt: skip
    assert (found.best.candidate, found.is_better) == (found.base.candidate, False)


def test_a_prompt_without_a_model_is_asked_of_those_that_are_named(endpoint: ChatEndpoint) -> None:
    base = read({"template": sorting.PROMPT["template"]})
    found = search(
        base, sorting.examples(48), endpoint.ask, [sorting.is_right], objective="is_right",
        models=["sample-chat", "gpt-4o-mini"], budget=160, rounds=1, most_shots=1,
    )  # fmt: skip
    assert found.base.candidate.model == "sample-chat"
    assert {each.definition.model["name"] for each in found.front} <= {"sample-chat", "gpt-4o-mini"}


def test_what_stops_a_search_says_why(endpoint: ChatEndpoint) -> None:
    base, some = read(sorting.PROMPT), sorting.examples()

    def go(examples: Any = some, **options: Any) -> Any:
        given = {"objective": "is_right", "budget": 900, **options}
        ask = given.pop("ask", endpoint.ask)
        return search(base, examples, ask, [sorting.is_right], **given)

    def broken(*_: Any) -> Any:
        raise RuntimeError("no model today")

    for options, said in (
        ({"examples": some[:6]}, "add examples"),
        ({"budget": 10}, "calls at least"),
        ({"objective": "beauty"}, "there are: is_right"),
        ({"examples": [some[0]] * 20}, "same id"),
        ({"rounds": 0}, "1 round"),
        ({"examples": [{"question": "x"}]}, "with input"),
    ):
        with pytest.raises(ValueError, match=said):
            go(**options)
    with pytest.raises(EvaluationError, match="no model today"):
        go(ask=broken)
    with pytest.raises(EvaluationError, match="writes did not answer: no model today"):
        go(write=broken)


def test_parts_share_nothing_and_the_split_test_is_kept_aside() -> None:
    some = [Example(**each, split="test" if n < 10 else "") for n, each in
            enumerate(sorting.examples(60))]  # fmt: skip
    twin = "What does it cost to send this large parcel to the island in winter"
    some += [Example(twin, "x", id="aside", split="test"), Example(f"{twin}?", "x", id="twin")]
    shown, chosen_by, kept_aside = divided(read({"template": "{{message}}"}), some, 4)
    assert {each.key for each in kept_aside} == {each.key for each in some if each.split == "test"}
    left = {*shown, *(each.key for each in chosen_by)}
    # Nearly the same as what is kept aside: left out of both.
    assert left == {each.key for each in some if each.split == ""} - {"twin"}
    assert not set(shown) & {each.key for each in chosen_by}


@pytest.mark.parametrize(
    ("base", "shot", "last"),
    [
        ({"template": "Sort: {{message}}"}, Example("a parcel", "delivery"),
         "Examples:\n\na parcel\nAnswer: delivery\n\nSort: {{message}}"),
        ({"template": "Sort {{ message }} as JSON", "syntax": "jinja2"},
         Example({"message": "a"}, {"is": 1}),
         'Examples:\n\nmessage: a\nAnswer: {"is": 1}\n\nSort {{ message }} as JSON'),
        ({"template": [{"role": "system", "content": "S"}, {"placeholder": "talk"}]},
         Example([{"role": "user", "content": "hello"}], "hi"),
         [{"role": "system", "content": "S"}, {"role": "user", "content": "hello"},
          {"role": "assistant", "content": "hi"}, {"placeholder": "talk"}]),
        ({"template": [{"role": "user", "content": "{{a}}/{{b}}"}]},
         Example({"a": 1, "b": 2}, "x"),
         [{"role": "user", "content": "1/2"}, {"role": "assistant", "content": "x"},
          {"role": "user", "content": "{{a}}/{{b}}"}]),
    ],
)  # fmt: skip
def test_examples_stand_in_a_prompt_as_it_would_ask_them(
    base: Any, shot: Example, last: Any
) -> None:
    prompt = read(base)
    assert can_be_shown(prompt, shot)
    instruction = base["template"] if isinstance(base["template"], str) else (
        "S" if base["template"][0].get("role") == "system" else ""
    )  # fmt: skip
    made = built(prompt, Candidate(instruction, (shot.key,)), {shot.key: shot})
    assert made.document()["template"] == last


def test_what_can_not_stand_in_a_prompt_is_left_out() -> None:
    prompt = read(sorting.PROMPT)
    for example in (
        Example({"message": "{{config}}"}, "x"),
        Example({"message": "a"}, "{% for x in y %}"),
        Example({"message": "a"}),
        Example({"other": "a"}, "x"),
    ):
        assert not can_be_shown(prompt, example)


def test_instructions_that_change_what_a_prompt_takes_are_unusable() -> None:
    text = read({"template": "Say in one sentence: {{message}}"})
    assert is_usable(text, "Be brief. {{message}}")
    for said in ("Be brief.", "{{message}} {{password}}", "{{#message}}", ""):
        assert not is_usable(text, said)
    with pytest.raises(PromptError):
        built(text, Candidate("Be brief."), {})
    assert instruction_in("Sure!\n<instructions>\nBe brief.\n</instructions>") == "Be brief."
    assert instruction_in("Be brief.") == ""


def test_the_front_has_who_is_beaten_by_none() -> None:
    at = [
        Point(0.9, 5, 1),
        Point(0.9, 4, 1),
        Point(0.5, 1, 2),
        Point(0.4, 2, 2),
        Point(0.1, 9, 0.1),
    ]
    assert front(at) == [1, 2, 4]
    unknown = [Point(0.9, None, 1), Point(0.8, 4, 2)]
    assert front(unknown) == [0]
    assert front([Point(1, 1, 1)] * 2) == [0, 1]


def test_halving_costs_what_it_says() -> None:
    assert rungs(40) == [10, 20, 40]
    assert rungs(5) == [3, 5]
    assert rungs(3) == [3]
    assert cost_of(12, [10, 20, 40]) == 120 + 60 + 60
    assert price_of("gpt-4o-mini", 1_000_000, 0) == pytest.approx(0.15)
    assert price_of("no-such-model-anywhere", 1, 1) is None


WRITER = read({"template": "{{asked}}", "model": {"name": "sample-chat"}})
