"""The decoding statement: the same in every process, and in step with the table."""

import dataclasses
import re
import subprocess
import sys
from collections import defaultdict

import pytest

from spanglass_store.migrate import migrations
from spanglass_store.otlp import content
from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.schema import KIND_ENUM, protobuf_schema, structure
from spanglass_store.otlp.spans import SPANS
from spanglass_store.schema import PAYLOAD_COLUMNS, READABLE_COLUMNS
from support.running import environment

#: Columns of `spans` that something else fills: prices, energy, redaction.
FILLED_LATER = {
    "cost_usd", "input_cost_usd", "output_cost_usd", "cost_source", "energy_j", "redacted",
}  # fmt: skip
_SHOW = """
import sys
from spanglass_store.otlp.spans import SPANS
heavy = {"clickhouse_connect", "chdb", "sqlalchemy", "fastapi", "grpc"} & set(sys.modules)
assert not heavy, heavy
print(SPANS.insert("d"))
"""
#: What the arriving table and its view look like, for types that are all the same.
CREATED = SPANS.create("d", defaultdict(lambda: "String"))


def filled() -> list[str]:
    """The columns that the view fills, in order."""
    names = re.search(r" AS SELECT (.*?) FROM d\.", CREATED[1])
    assert names is not None
    return [name.strip("`") for name in names[1].split(", ")]


def table() -> dict[str, str]:
    """The columns of `spans`, by the migrations: name and definition."""
    (first, *_) = migrations()
    statement = first.statements("spanglass")[0]
    body = statement[statement.index("(\n") + 2 : statement.index("\n)\nENGINE")]
    found: dict[str, str] = {}
    for line in body.splitlines():
        text = line.strip().rstrip(",")
        if not text or text.startswith("--"):
            continue
        name, _, definition = text.partition(" ")
        if definition.startswith("Nested("):
            for part in re.findall(r"(?:^Nested\(|, )(\w+) (?=[A-Z])", definition):
                found[f"{name}.{part}"] = definition
        else:
            found[name] = definition
    return found


def test_the_statement_is_the_same_in_every_process() -> None:
    shown = {
        subprocess.run(
            [sys.executable, "-c", _SHOW],
            env=environment(PYTHONHASHSEED=seed),
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(shown) == 1
    assert shown == {f"{SPANS.insert('d')}\n".encode()}


def test_every_column_is_filled_once() -> None:
    names = filled()
    assert len(set(names)) == len(names)
    known = {name for name, definition in table().items() if " ALIAS " not in definition}
    assert set(names) == known - FILLED_LATER


def test_what_others_fill_has_a_column() -> None:
    assert set(table()) >= FILLED_LATER


def test_what_is_handed_over_is_what_the_statement_selects() -> None:
    statement = SPANS.insert("d")
    (names,) = re.findall(rf"INSERT INTO d\.{SPANS.table} \((.*?)\)\n", statement)
    assert f"\nSELECT {names}\nFROM (" in statement
    given = [name.strip("`") for name in names.split(", ")]
    assert given == [*SPANS.parts, *SPANS.passed]
    # A column that is given never takes its default.
    assert not set(given) & {*SPANS.steps, *SPANS.columns}


def test_a_column_that_the_table_lacks_is_noticed() -> None:
    with pytest.raises(KeyError):
        SPANS.create("d", {})


def test_what_decodes_otherwise_has_another_name() -> None:
    """Or a collector of another version would write through it."""
    other = dataclasses.replace(SPANS, columns={**SPANS.columns, "service": "'x'"})
    assert other.table != SPANS.table
    assert dataclasses.replace(SPANS).table == SPANS.table


def test_every_column_is_readable_or_content() -> None:
    """A column that is in neither list could be read by nobody, one in both by everybody."""
    assert sorted((*READABLE_COLUMNS, *PAYLOAD_COLUMNS)) == sorted(table())


def test_the_schema_and_the_structure_name_the_same_fields() -> None:
    proto = set(re.findall(r"\b([a-z]\w+) = \d+;", protobuf_schema()))
    shape = set(
        re.findall(r"\b([a-z]\w+) (?:Array|Tuple|String|U?Int|Bool|Float|LowCard)", structure())
    )
    assert proto == shape
    assert KIND_ENUM in structure()
    # The statement carries the schema: nothing else has to be sent with it.
    assert quoted(protobuf_schema()) in SPANS.insert("d")
    assert quoted(structure()) in SPANS.insert("d")


@pytest.mark.parametrize(
    ("text", "literal"), [("a", "'a'"), ("a'b", r"'a\'b'"), ("a\\b", r"'a\\b'"), ("", "''")]
)
def test_literals_are_quoted(text: str, literal: str) -> None:
    assert quoted(text) == literal


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
        "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "gen_ai.prompt",
        "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "gen_ai.prompt.variable.name",
        "input.value", "output.value", "llm.input_messages.0.message.content",
        "llm.prompt_template.variables", "retrieval.documents.0.document.content",
        "embedding.embeddings.0.embedding.text", "traceloop.entity.input",
        "langfuse.observation.input", "langfuse.trace.output", "pydantic_ai.all_messages",
        "events", "final_result", "ai.prompt.messages", "ai.response.text", "ai.toolCall.args",
        "spanglass.reference", "mcp.request.argument",
    ],
)  # fmt: skip
def test_keys_that_carry_content_are_known(key: str) -> None:
    assert re.fullmatch(content.pattern(content.CONTENT_KEYS).strip("^$"), key)


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.usage.input_tokens",
        "gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.tool.name", "gen_ai.tool.call.id",
        "gen_ai.output.type", "llm.model_name", "input.mime_type", "ai.response.model",
        "llm.token_count.prompt", "http.request.method", "session.id", "event", "my.events",
    ],
)  # fmt: skip
def test_keys_that_carry_none_are_not_taken_for_content(key: str) -> None:
    assert not re.fullmatch(content.pattern(content.CONTENT_KEYS).strip("^$"), key)


@pytest.mark.parametrize("keys", [content.INPUT_KEYS, content.OUTPUT_KEYS])
def test_input_and_output_are_content(keys: tuple[str, ...]) -> None:
    for key in keys:
        assert re.fullmatch(content.pattern(content.CONTENT_KEYS).strip("^$"), key)


def test_migrations_are_numbered_without_a_gap() -> None:
    found = migrations()
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    for each in found:
        for statement in each.statements("db"):
            assert "${" not in statement
            assert re.match(
                r"(?s)(\s|--[^\n]*\n)*CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS ", statement
            )
