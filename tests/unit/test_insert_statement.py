"""The decoding statement: the same in every process, and in step with the table."""

import dataclasses
import re
import subprocess
import sys
from collections import defaultdict

import pytest

from spanglass_store.migrate import DECODERS as DECODER_LIST
from spanglass_store.migrate import migrations
from spanglass_store.otlp import content
from spanglass_store.otlp.decoder import Decoder
from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.schema import KIND_ENUM
from spanglass_store.otlp.spans import SPANS
from spanglass_store.schema import PAYLOAD_COLUMNS, READABLE_COLUMNS, READABLE_TABLES
from support.running import environment

#: Columns of `spans` that something else fills: prices, energy.
FILLED_LATER = {
    "energy_j",
}  # fmt: skip
_SHOW = """
import sys
from spanglass_store.otlp.spans import SPANS
heavy = {"clickhouse_connect", "chdb", "sqlalchemy", "fastapi", "grpc"} & set(sys.modules)
assert not heavy, heavy
print(SPANS.insert("d"))
"""
DECODERS = pytest.mark.parametrize("decoder", DECODER_LIST, ids=lambda each: each.target)


def filled(decoder: Decoder) -> dict[str, list[str]]:
    """The columns that views fill, by table, in order."""
    found = {}
    for statement in decoder.create("d", defaultdict(lambda: "String"))[1:]:
        target, selected = re.findall(
            r"TO d\.(\w+) AS (?:WITH .* )?SELECT (.*) FROM d\.", statement
        )[0]
        found[target] = re.findall(r" AS `([^`]+)`", selected)
    return found


def table(wanted: str) -> dict[str, str]:
    """The columns of a table, by the migrations: name and definition."""
    statements = [each for migration in migrations() for each in migration.statements("spanglass")]
    (statement,) = (each for each in statements if f" spanglass.{wanted}\n(" in each)
    body = statement[statement.index("(\n") + 2 : statement.index("\n)\nENGINE")]
    found: dict[str, str] = {}
    for line in body.splitlines():
        text = line.strip().rstrip(",")
        if not text or text.startswith(("--", "INDEX ")):
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


@DECODERS
def test_every_column_is_filled_once(decoder: Decoder) -> None:
    for target, names in filled(decoder).items():
        assert len(set(names)) == len(names)
        known = {name for name, each in table(target).items() if " ALIAS " not in each}
        assert set(names) == known - (FILLED_LATER if target == "spans" else set())


def test_what_others_fill_has_a_column() -> None:
    assert set(table("spans")) >= FILLED_LATER


@DECODERS
def test_what_is_handed_over_is_what_the_statement_selects(decoder: Decoder) -> None:
    statement = decoder.insert("d")
    (names,) = re.findall(rf"INSERT INTO d\.{decoder.table} \((.*?)\)\n", statement)
    assert f"\nSELECT {names}\nFROM (" in statement
    given = [name.strip("`") for name in names.split(", ")]
    assert given == [*decoder.parts, *decoder.passed]
    # A column that is given never takes its default.
    assert not set(given) & {*decoder.steps, *decoder.columns}


def test_a_column_that_the_table_lacks_is_noticed() -> None:
    with pytest.raises(KeyError):
        SPANS.create("d", {})


def test_what_decodes_otherwise_has_another_name() -> None:
    """Or a collector of another version would write through it."""
    other = dataclasses.replace(SPANS, columns={**SPANS.columns, "service": "'x'"})
    assert other.table != SPANS.table
    assert dataclasses.replace(SPANS).table == SPANS.table


@pytest.mark.parametrize("name", READABLE_COLUMNS)
def test_every_column_is_readable_or_content(name: str) -> None:
    """A column that is in neither list could be read by nobody, one in both by everybody."""
    assert sorted((*READABLE_COLUMNS[name], *PAYLOAD_COLUMNS[name])) == sorted(table(name))


def test_tables_with_content_list_their_columns() -> None:
    assert set(PAYLOAD_COLUMNS) == set(READABLE_COLUMNS) <= set(READABLE_TABLES)


@DECODERS
def test_the_schema_and_the_structure_name_the_same_fields(decoder: Decoder) -> None:
    proto = set(re.findall(r"\b([a-z]\w+) = \d+;", decoder.shape.schema()))
    kinds = r"\b([a-z]\w+) (?:Array|Tuple|Nullable|String|U?Int|Bool|Float|LowCard)"
    assert proto == set(re.findall(kinds, decoder.shape.structure()))
    assert KIND_ENUM in decoder.shape.structure()
    # The statement carries the schema: nothing else has to be sent with it.
    assert quoted(decoder.shape.schema()) in decoder.insert("d")
    assert quoted(decoder.shape.structure()) in decoder.insert("d")


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
        "spanglass.reference", "mcp.request.argument", "annotations.0.annotation.explanation",
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
            # Each can be run twice.
            assert re.match(
                r"(?s)(\s|--[^\n]*\n)*(CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS "
                r"|DROP TABLE IF EXISTS |ALTER TABLE [\w.]+\s+"
                r"(ADD INDEX IF NOT EXISTS|MATERIALIZE INDEX|MODIFY COLUMN) )",
                statement,
            )
