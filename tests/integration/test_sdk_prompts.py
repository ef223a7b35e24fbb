"""`spanglass.prompt`: from the registry, from memory, from disk, from the application itself."""

import json
import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import spanglass
from spanglass import _state
from spanglass.prompts import Prompt, Text, read
from spanglass.prompts import _registry as registry
from spanglass.testing import CapturedSpans
from spanglass_store.state.keys import Scope
from support.prompt_service import PromptService
from support.waiting import wait_until

CHAT = {
    "template": [
        {"role": "system", "content": "You help {{who}}."},
        {"role": "user", "content": "{{question}}"},
    ],
    "model": {"name": "gpt-4o-mini", "temperature": 0.2},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[PromptService]:
    made = PromptService(tmp_path)
    for template in ("Hi {{name}}", "Hello {{name}}"):
        made.book.save("default", "greeting", read({"template": template}))
    made.book.save("default", "answer", read(CHAT))
    made.book.move("default", "greeting", "production", 1)
    made.book.move("default", "answer", "production", 1)
    yield made.start()
    made.close()


@pytest.fixture
def begin(
    service: PromptService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    # However slow the machine is; where nothing listens, there is nothing to wait for.
    monkeypatch.setattr(registry, "_FIRST_WAIT_S", 60.0)

    def begin_(**settings: Any) -> None:
        registry._registry = None
        spanglass.shutdown(0)
        spanglass.init(
            "http://127.0.0.1:9", web_url=service.url, prompt_dir=str(tmp_path / "copies"),
            ledger=False, timeout_s=60, **settings,
        )  # fmt: skip

    yield begin_
    spanglass.shutdown(0)


def test_a_prompt_is_the_version_of_its_label(begin: Callable[..., None]) -> None:
    begin()
    found = spanglass.prompt("greeting")
    assert (found.version, found.origin, found.text(name="Ada")) == (1, "registry", "Hi Ada")
    assert spanglass.prompt("greeting") is found
    assert spanglass.prompt("greeting", version=2).text(name="Ada") == "Hello Ada"
    assert spanglass.prompt("greeting", label="latest").version == 2
    assert found.messages(name="Ada") == [{"role": "user", "content": "Hi Ada"}]
    answer = spanglass.prompt("answer")
    assert answer.model == {"name": "gpt-4o-mini", "temperature": 0.2}
    assert answer.text(who="us", question="Why?") == "You help us.\n\nWhy?"


def test_a_split_gives_each_user_one_label(
    begin: Callable[..., None], service: PromptService
) -> None:
    service.book.move("default", "greeting", "next", 2)
    begin()
    split = {"production": 0.5, "next": 0.5}
    got = {
        n: {spanglass.prompt("greeting", split=split, unit=f"u-{n}").version for _ in range(3)}
        for n in range(40)
    }
    assert all(len(versions) == 1 for versions in got.values())
    assert {1, 2} == set().union(*got.values())


def test_a_moved_label_is_noticed_in_the_background(
    begin: Callable[..., None], service: PromptService
) -> None:
    begin(prompt_refresh_s=0.01)
    assert spanglass.prompt("greeting").version == 1
    service.book.move("default", "greeting", "production", 2)
    wait_until(lambda: spanglass.prompt("greeting").version == 2, "the new version is used")


def test_without_the_registry_the_last_good_copy_is_used(
    begin: Callable[..., None], service: PromptService, tmp_path: Path
) -> None:
    begin(prompt_refresh_s=0.01)
    assert spanglass.prompt("greeting").origin == "registry"
    service.stop()
    wait_until(lambda: not registry._registry._is_refreshing)  # type: ignore[union-attr]
    assert spanglass.prompt("greeting").text(name="Ada") == "Hi Ada"
    # Another process, later.
    begin(prompt_refresh_s=0.01)
    found = spanglass.prompt("greeting")
    assert (found.origin, found.version, found.text(name="Ada")) == ("disk", 1, "Hi Ada")
    assert spanglass.prompt("answer", fallback="Help {{who}}.").text(who="us") == "Help us."
    service.start()
    registry._registry.entries[("greeting", "production", None)].until = 0  # type: ignore[union-attr]
    wait_until(lambda: spanglass.prompt("greeting").origin == "registry", "it is asked again")


def test_copies_that_are_broken_or_somebody_elses_are_not_used(
    begin: Callable[..., None],
    service: PromptService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin()
    monkeypatch.delenv("SPANGLASS_RAISE_INTERNAL_ERRORS")
    spanglass.prompt("greeting")
    (copy,) = (tmp_path / "copies").rglob("*.json")
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    whole = copy.read_text()
    service.stop()
    other = json.dumps({"which": ["other", "production", None], "answer": {}})
    for broken in (whole[:-9], "[]", other, whole.replace("Hi {{name}}", "{{#name}}")):
        copy.write_text(broken)
        begin()
        assert spanglass.prompt("greeting", fallback="own").origin == "fallback"
    begin(api_key="another key")
    copy.write_text(whole)
    assert spanglass.prompt("greeting").origin == "none"


def test_any_key_of_the_project_may_ask(
    begin: Callable[..., None], service: PromptService, caplog: pytest.LogCaptureFixture
) -> None:
    _, own = service.keys.create(Scope.INGEST)
    _, others = service.keys.create(Scope.INGEST, "other")
    begin(api_key=own)
    assert spanglass.prompt("greeting").version == 1
    begin(api_key=others)
    assert spanglass.prompt("greeting", fallback="own").origin == "fallback"
    assert "There is no prompt 'greeting' in the project 'other'" in caplog.text


def test_a_fallback_is_a_text_messages_or_a_definition(
    spans: CapturedSpans, caplog: pytest.LogCaptureFixture
) -> None:
    # Inside of a test nothing is fetched.
    assert spanglass.prompt("a", fallback="Hi {{name}}").text(name="Ada") == "Hi Ada"
    messages = spanglass.prompt("a", fallback=CHAT["template"]).messages(who="us", question="?")  # type: ignore[arg-type]
    assert [each["role"] for each in messages] == ["system", "user"]
    assert spanglass.prompt("a", fallback=CHAT).model["name"] == "gpt-4o-mini"
    nothing = spanglass.prompt("a")
    assert (nothing.found, nothing.text(), nothing.version) == (False, "", None)
    assert spanglass.prompt("a", fallback="{{#a}}").found is False
    assert "has no end" in caplog.text


def test_rendering_never_raises_and_says_what_is_wrong(
    caplog: pytest.LogCaptureFixture, spans: CapturedSpans
) -> None:
    prompt = spanglass.prompt("never", fallback="{{a}}-{{b}}")
    assert prompt.check(a=1) == ["The variable 'b' is missing."]
    assert prompt.check(a=1, b=2) == []
    with caplog.at_level(logging.WARNING, "spanglass"):
        assert prompt.text(a="x", c=3) == "x-"
        assert prompt.text(a="x", c=3) == "x-"
    assert caplog.text.count("'b' is missing") == 1
    endless = {"template": "{% for i in range(99999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "syntax": "jinja2"}  # fmt: skip
    assert spanglass.prompt("endless", fallback=endless).text().startswith("{% for")
    assert "It is used as it is written" in caplog.text


def test_calls_are_linked_to_the_prompt_they_were_made_with(spans: CapturedSpans, url: str) -> None:
    found = Prompt("answer", 3, read(CHAT), "registry")
    messages = found.messages(who="us", question="Why?")
    with spanglass.generation("m", messages=messages):
        pass
    with spanglass.generation("m", messages=found.text(who="us", question="?")):
        pass
    parts = [{"role": "user", "content": [{"type": "text", "text": messages[1]["content"]}]}]
    with spanglass.generation("m", messages=parts):
        pass
    client = spanglass.wrap(openai.OpenAI(base_url=url, api_key="any"))
    client.chat.completions.create(model="gpt-4o-mini", messages=messages)  # type: ignore[arg-type]
    with spanglass.context(prompt=found), spanglass.generation("m", messages="own text"):
        pass
    with spanglass.generation("m", messages=[{"role": "user", "content": "own text"}]):
        pass
    linked = [
        (span.attributes.get("gen_ai.prompt.name"), span.attributes.get("gen_ai.prompt.version"))
        for span in spans
    ]
    assert linked == [("answer", "3")] * 5 + [(None, None)]


def test_texts_keep_their_prompt_when_they_are_copied() -> None:
    text = Prompt("a", 1, read({"template": "x"}), "registry").text()
    copied = pickle.loads(pickle.dumps(text))
    assert isinstance(copied, Text)
    assert (copied, copied.prompt_name, copied.prompt_version) == ("x", "a", "1")
    assert json.dumps({"content": text}) == '{"content": "x"}'


def test_a_child_of_a_fork_refreshes_by_itself(
    begin: Callable[..., None], service: PromptService
) -> None:
    begin(prompt_refresh_s=0.01)
    spanglass.prompt("greeting")
    found = _state.runtime
    assert found is not None
    own = registry._registry
    assert own is not None
    # As a fork leaves it: the thread that refreshes is not there any more.
    own._is_refreshing, own._pid = True, -1
    service.book.move("default", "greeting", "production", 2)
    wait_until(lambda: spanglass.prompt("greeting").version == 2, "the new version is used")
