"""How a batch of OTLP requests becomes rows: a table that nothing is stored in, and a view.

    INSERT … FORMAT ProtobufSingle  →  arriving table (engine Null)  →  view  →  the table

The statement only unfolds the request, resource by resource down to one row an item, and hands
over each item's parts. What follows from them is said by the arriving table: parts are its
`EPHEMERAL` columns, and every column of the stored table has a `DEFAULT` over them. Why not in the
statement: ClickHouse analyses a default in a fraction of the time that the same expression takes in
a statement, which is the larger part of what a small batch costs. A default that names other
columns is analysed with all of their expressions in it, though. So what follows from many columns
is left to the view, which finds them ready.

All of this follows from code, so it is not migrated but made anew where it is missing. The arriving
table's name ends in a digest of what it does: collectors of two versions can share a database.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from spanglass_store.otlp.literal import quoted
from spanglass_store.otlp.schema import Shape

#: What every arriving table's name begins with.
PREFIX: Final = "otlp_"
#: Stands for the database's name in expressions that name a table.
DATABASE: Final = "${database}"


@dataclass(frozen=True)
class View:
    """A further table that is filled from what arrives.

    Attributes:
        target: its name.
        columns: its columns that are filled: expressions over columns of the arriving table.
        where: which of the rows.
    """

    target: str
    columns: Mapping[str, str]
    where: str


@dataclass(frozen=True)
class Decoder:
    """From the requests of one signal to the rows of one table.

    Attributes:
        target: name of the table that is filled.
        shape: what requests look like.
        parts: columns that the statement hands over and that are not stored, with their types.
        passed: columns of the target that the statement fills as they are.
        rows: makes a `SELECT` of `parts` and `passed`, one row an item, from a source.
        steps: further columns that are not stored: expressions over parts and other steps.
        columns: the other columns of the target: expressions over parts, steps and columns.
        layers: names for expressions over columns and over the names of the layers before; within
            a layer, over each other.
        derived: columns of the target that follow from those.
        views: further tables that are filled.
    """

    target: str
    shape: Shape
    parts: Mapping[str, str]
    passed: tuple[str, ...]
    rows: Callable[[str], str]
    steps: Mapping[str, str]
    columns: Mapping[str, str]
    views: tuple[View, ...] = ()
    layers: tuple[Mapping[str, str], ...] = ()
    derived: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def table(self) -> str:
        """Name of the arriving table."""
        what = repr((
            self.parts, self.passed, self.steps, self.columns, self.views, self.layers,
            self.derived,
        ))  # fmt: skip
        return f"{PREFIX}{self.target}_{hashlib.sha256(what.encode()).hexdigest()[:8]}"

    def create(self, database: str, types: Mapping[str, str]) -> list[str]:
        """Statements that make the arriving table and its views, where they are missing.

        Args:
            database: where.
            types: the target's columns that are stored, with their types.

        Raises:
            KeyError: if a column is filled that the target does not have.
        """
        filled = [*self.passed, *self.columns]
        definitions = [
            *(f"`{name}` {kind} EPHEMERAL" for name, kind in self.parts.items()),
            *(f"`{name}` EPHEMERAL {sql}" for name, sql in self.steps.items()),
            *(f"`{name}` {types[name]}" for name in self.passed),
            *(f"`{name}` {types[name]} DEFAULT {sql}" for name, sql in self.columns.items()),
        ]
        table = ",\n".join(definitions)
        stored = View(self.target, {name: f"`{name}`" for name in filled} | dict(self.derived), "")
        return [
            f"CREATE TABLE IF NOT EXISTS {database}.{self.table}\n({table}\n)\nENGINE = Null",
            *(self._create(database, view) for view in (*self.views, stored)),
        ]

    def _create(self, database: str, view: View) -> str:
        columns = ", ".join(f"{sql} AS `{name}`" for name, sql in view.columns.items())
        source = f"{database}.{self.table}"
        if view.target == self.target:
            # A name is analysed again wherever it is used, with all that stands behind it. Behind
            # a subquery it is a column.
            kept = tuple(f"`{name}`" for name in (*self.passed, *self.columns))
            for layer in self.layers:
                new = (f"{sql} AS {name}" for name, sql in layer.items())
                source = f"(SELECT {', '.join([*kept, *new])} FROM {source})"
                kept = (*kept, *layer)
        return (
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.{self.table}_to_{view.target}"
            f" TO {database}.{view.target} AS SELECT {columns} FROM {source}"
            + (f" WHERE {view.where}" if view.where else "")
        ).replace(DATABASE, database)

    def insert(self, database: str) -> str:
        """The `INSERT` whose body is one or more requests, concatenated.

        Protobuf merges repeated fields, so several requests in a row are one valid request. The
        statement carries the settings that it is read under.
        """
        names = ", ".join(f"`{name}`" for name in (*self.parts, *self.passed))
        source = f"input({quoted(self.shape.structure())})"
        return (
            f"INSERT INTO {database}.{self.table} ({names})\n"
            f"SETTINGS {self._settings()}\n"
            f"SELECT {names}\nFROM ({self.rows(source)})\n"
            "FORMAT ProtobufSingle"
        )

    def _settings(self) -> str:
        return (
            "format_schema_source = 'string', format_schema_message_name = 'Request',"
            " input_format_protobuf_oneof_presence = 1, enable_named_columns_in_function_tuple = 1,"
            # There is nothing to choose between, and looking for it takes time.
            " query_plan_enable_optimizations = 0, output_format_json_escape_forward_slashes = 0,"
            " output_format_json_quote_64bit_integers = 0,"
            f" format_schema = {quoted(self.shape.schema())}"
        )


def select(fields: Mapping[str, str], kept: tuple[str, ...], source: str) -> str:
    """One layer of a statement: new columns and those handed through.

    `arrayJoin` copies every column of a row for each element it makes, so a layer keeps only what
    the next one needs.
    """
    new = [f"{sql} AS {name}" for name, sql in fields.items()]
    return f"SELECT {', '.join([*kept, *new])}\nFROM ({source})"
