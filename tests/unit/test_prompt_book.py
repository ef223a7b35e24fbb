"""The registry of prompts: versions that never change, labels that move, files, exports, diffs."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from spanglass.prompts import read
from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.prompts.diff import diff
from spanglass_store.prompts.files import read_folder, write
from spanglass_store.prompts.imports import read_export
from spanglass_store.state.database import Database
from spanglass_store.state.prompt_tables import Origin
from spanglass_store.state.prompts import PromptBook


@pytest.fixture
def book(tmp_path: Path) -> Iterator[PromptBook]:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield PromptBook(database)
    database.close()


def text(template: str) -> Any:
    return read({"template": template})


def test_versions_are_numbered_and_never_change(book: PromptBook) -> None:
    first, is_new = book.save("p", "greeting", text("Hi {{name}}"), Origin("ada", "begin", "git:1"))
    assert (first.version, is_new) == (1, True)
    again, is_new = book.save("p", "greeting", text("Hi {{name}}"))
    assert (again.version, is_new) == (1, False)
    assert book.save("p", "greeting", text("Hello {{name}}"))[0].version == 2
    # Going back is a new version, too.
    assert book.save("p", "greeting", text("Hi {{name}}"))[0].version == 3
    found = book.version("p", "greeting", 1)
    assert (found.author, found.message, found.source) == ("ada", "begin", "git:1")
    assert found.document["template"] == "Hi {{name}}"
    assert [each.version for each in book.versions("p", "greeting")] == [3, 2, 1]
    assert [each.version for each in book.versions("p", "greeting", before=3, limit=1)] == [2]
    with pytest.raises(Unknown, match="newest is 3"):
        book.version("p", "greeting", 4)
    with pytest.raises(Unknown, match="no prompt"):
        book.get("other", "greeting")


def test_who_writes_without_knowing_the_newest_is_told(book: PromptBook) -> None:
    book.save("p", "a", text("one"), base=0)
    book.save("p", "a", text("two"), base=1)
    with pytest.raises(Conflict, match="at version 2, not 1"):
        book.save("p", "a", text("three"), base=1)
    assert book.get("p", "a").latest == 2
    assert book.save("p", "a", text("two"), base=1)[1] is False


def test_many_who_write_at_once_lose_nothing(book: PromptBook) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda n: book.save("p", "a", text(f"text {n}"))[0], range(12)))
    assert sorted(each.version for each in made) == list(range(1, 13))
    for each in made:
        assert book.version("p", "a", each.version).document == each.document


def test_labels_move_and_the_moves_are_kept(book: PromptBook) -> None:
    for n in range(3):
        book.save("p", "a", text(f"text {n}"))
    assert book.resolve("p", "a", "latest").version == 3
    book.move("p", "a", "production", 1, "ada", "first")
    book.move("p", "a", "production", 3, "bob", "better", expected=1)
    book.move("p", "a", "staging", 3)
    assert book.resolve("p", "a", "production").version == 3
    assert book.version("p", "a", 3).labels == ("production", "staging")
    assert book.get("p", "a").labels == {"production": 3, "staging": 3}
    with pytest.raises(Conflict, match="on version 3, not on 1"):
        book.move("p", "a", "production", 2, expected=1)
    with pytest.raises(Unknown):
        book.move("p", "a", "production", 9)
    with pytest.raises(StoreError, match="latest"):
        book.move("p", "a", "latest", 1)
    book.move("p", "a", "staging", 0)
    with pytest.raises(Unknown, match="it has production"):
        book.resolve("p", "a", "staging")
    moves = [(each.label, each.before, each.after, each.by) for each in book.moves("p", "a")]
    assert moves == [
        ("staging", 3, 0, ""), ("staging", 0, 3, ""), ("production", 1, 3, "bob"),
        ("production", 0, 1, "ada"),
    ]  # fmt: skip


def test_of_two_who_move_a_label_at_once_one_is_told(book: PromptBook) -> None:
    for n in range(9):
        book.save("p", "a", text(f"text {n}"))
    book.move("p", "a", "production", 1)

    def move(version: int) -> bool:
        try:
            book.move("p", "a", "production", version, expected=1)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(move, range(2, 10))) == 1
    assert len(book.moves("p", "a")) == 2


def test_projects_are_apart_and_lists_page(book: PromptBook) -> None:
    for name in ("a", "b", "c_d"):
        book.save("one", name, text("x"))
    book.save("two", "a", text("y"))
    assert [each.name for each in book.find(["one"])] == ["a", "b", "c_d"]
    assert [(each.project, each.name) for each in book.find(None, after="one/b", limit=2)] == [
        ("one", "c_d"), ("two", "a"),
    ]  # fmt: skip
    assert [each.name for each in book.find(["one"], search="_")] == ["c_d"]
    book.delete("one", "a")
    assert book.save("one", "a", text("z"))[0].version == 1
    assert book.version("two", "a", 1).document["template"] == "y"


def test_comments_are_kept_in_order(book: PromptBook) -> None:
    book.save("p", "a", text("x"))
    book.comment("p", "a", 1, "ada", "Too long?")
    book.comment("p", "a", 1, "bob", "Fine.")
    assert [each.text for each in book.comments("p", "a")] == ["Too long?", "Fine."]
    with pytest.raises(Unknown):
        book.comment("p", "a", 2, "ada", "x")


WHOLE = {
    "kind": "chat",
    "syntax": "jinja2",
    "template": [
        {"role": "system", "content": "You help.\n\nBe brief: # not 'long'"},
        {"placeholder": "history"},
        {"role": "user", "content": "{{ question }}"},
    ],
    "variables": {
        "history": {"type": "messages", "required": False},
        "question": {"type": "string", "description": "what the user asks"},
    },
    "model": {"name": "gpt-4o-mini", "temperature": 0.2},
    "output_schema": {"type": "object"},
    "tools": [{"type": "function", "function": {"name": "search"}}],
}


def test_a_folder_of_files_is_the_registry(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    write(folder, "answer", 4, WHOLE)
    (folder / "greeting.yaml").write_text("template: |\n  Hi {{name}}\n")
    (folder / "README.md").write_text("no prompt")
    answer, greeting = read_folder(folder)
    assert (answer.name, answer.base, answer.definition.document()) == ("answer", 4, WHOLE)
    assert (greeting.base, greeting.definition.template) == (None, "Hi {{name}}\n")
    assert "Be brief: # not 'long'" in (folder / "answer.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a b.yaml", "template: x", "can't be a prompt's name"),
        ("a.yaml", "template: [", "can't be read"),
        ("a.yaml", "just text", "mapping with a template"),
        ("a.yaml", "template: '{{#a}}'", "has no end"),
        ("a.yaml", "template: x\nversion: two", "version is the number"),
        ("a.yaml", "!!python/object:os.system {}", "can't be read"),
    ],
)
def test_a_file_that_is_no_prompt_is_named(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(StoreError, match=said):
        read_folder(tmp_path)


def test_a_diff_shows_what_changed_and_little_else() -> None:
    before = {"template": "\n".join(f"line {n}" for n in range(40)), "model": {"name": "a"}}
    after = {**before, "template": before["template"].replace("line 20", "LINE 20")}  # type: ignore[attr-defined]
    lines = diff(before, after)
    assert [(each.kind, each.text.strip()) for each in lines if each.kind in ("removed", "added")] == [
        ("removed", "line 20"), ("added", "LINE 20"),
    ]  # fmt: skip
    assert len(lines) == 9
    removed, added = (next(e for e in lines if e.kind == kind) for kind in ("removed", "added"))
    assert (removed.before, removed.after, added.before, added.after) == (22, None, None, 22)
    assert diff(before, before) == []


def test_langfuses_export() -> None:
    page = {
        "data": [
            {
                "name": "shop/answer", "version": 2, "type": "chat", "labels": ["production", "latest"],
                "prompt": [
                    {"role": "system", "content": "Help {{who}}."},
                    {"type": "placeholder", "name": "history"},
                ],
                "config": {"model": "gpt-4o-mini", "temperature": 0.1}, "commitMessage": "shorter",
                "createdBy": "u-1",
            },
            {"name": "shop/answer", "version": 1, "type": "text", "prompt": "Help {{who}}.", "labels": []},
        ],
        "meta": {"page": 1},
    }  # fmt: skip
    first, second = read_export(json.dumps(page), "langfuse")
    assert (first.name, first.definition.template) == ("shop.answer", "Help {{who}}.")
    assert (second.labels, second.message) == (("production",), "shorter")
    assert second.definition.model == {"name": "gpt-4o-mini", "temperature": 0.1}
    assert second.definition.render({"who": "us", "history": []}) == [
        {"role": "system", "content": "Help us."}
    ]


def test_langsmiths_export() -> None:
    from langchain_core.load import dumpd
    from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate

    chat = ChatPromptTemplate.from_messages(
        [("system", "You help {who}. Use {{braces}}."), MessagesPlaceholder("history"), ("human", "{question}")]
    )  # fmt: skip
    lines = "\n".join(
        json.dumps(each)
        for each in (
            {"repo_handle": "answer", "commit_hash": "abc", "manifest": dumpd(chat)},
            {"repo_handle": "say", "manifest": dumpd(PromptTemplate.from_template("Say {{it}}", template_format="mustache"))},
        )
    )  # fmt: skip
    answer, say = read_export(lines, "langsmith")
    assert answer.source == "langsmith:answer@abc"
    values = {"who": "Ada", "question": "Why?", "history": []}
    rendered = answer.definition.render(values)
    assert isinstance(rendered, list)
    assert [each["content"] for each in rendered] == [
        each.content for each in chat.invoke(values).to_messages()
    ]
    assert say.definition.render({"it": "so"}) == "Say so"


@pytest.mark.parametrize(
    ("product", "export", "said"),
    [
        ("langfuse", "{", "neither JSON"),
        ("langfuse", "[]", "no prompt"),
        ("langfuse", '{"name": "a"}', "not one of langfuse's"),
        ("langfuse", '{"name": "a", "prompt": "{{#a}}"}', "has no end"),
        ("langsmith", '{"id": ["X"], "kwargs": {"template": "{a", "template_format": "f-string"}}', "names no variable"),
        ("langsmith", '{"id": ["X"], "kwargs": {"template": "a"}}', "no name"),
        ("other", "{}", "langfuse and langsmith"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_said(product: str, export: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        read_export(export, product)
