"""What people's SQL may consist of, beyond what ClickHouse's own rights can say.

Rights cover tables and columns. They do not cover the function `file`, which the embedded server
lets read every file of the machine, our passwords among them; nor table functions that look at
parts instead of rows, past every row filter. So a statement is looked at before it is run, as
ClickHouse itself has parsed it (`EXPLAIN AST`), and has to consist of what is known here: a kind
of node that is not listed is refused.

Somebody else's ClickHouse has one user for everything, whose rights cover more than a reader may
see. There a statement may name our tables and no others, and a reader without the right to
payload, which only rights to columns could keep from it, may run none at all.
"""

import json
import re
from collections.abc import Mapping, Set
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.endpoint import Role
from spanglass_store.errors import NotAllowed, QueryRefused
from spanglass_store.schema import READABLE_TABLES

#: Nodes that a query is made of. `ColumnsApplyTransformer` is not among them: the tree does not
#: show which function it applies.
_NODES: Final = frozenset({
    "ArrayJoin", "Asterisk", "ColumnsExceptTransformer", "ColumnsListMatcher",
    "ColumnsRegexpMatcher", "ColumnsReplaceTransformer", "ColumnsReplaceTransformer::Replacement",
    "ColumnsTransformerList", "DescribeQuery", "ExpressionList", "Function", "Identifier",
    "InterpolateElement", "Literal", "OrderByElement", "QualifiedAsterisk",
    "QualifiedColumnsListMatcher", "QualifiedColumnsRegexpMatcher", "SampleRatio",
    "SelectIntersectExceptQuery", "SelectQuery", "SelectWithUnionQuery", "Set", "Subquery",
    "TableExpression", "TableIdentifier", "TableJoin", "TablesInSelectQuery",
    "TablesInSelectQueryElement", "WindowDefinition", "WindowListElement", "WithElement",
})  # fmt: skip
#: What a statement can be, besides `EXPLAIN`.
_STATEMENTS: Final = frozenset({"SelectWithUnionQuery", "DescribeQuery"})
#: `EXPLAIN` in those of its kinds that look at the statement rather than at the data.
_EXPLAIN: Final = re.compile(r"Explain EXPLAIN(?: (?:AST|SYNTAX|QUERY TREE|PIPELINE))?(?: \(|$)")
#: Table functions that make rows out of nothing but their arguments.
_TABLE_FUNCTIONS: Final = frozenset({
    "numbers", "numbers_mt", "zeros", "zeros_mt", "generateSeries", "generate_series", "primes",
    "values", "view", "null",
})  # fmt: skip
#: Functions that reach files, other services or the server itself.
_FORBIDDEN: Final = re.compile(r"file|ai[A-Z]\w*|dictGet\w*|joinGet\w*|catboostEvaluate|logTrace")
#: Tables that hold nothing of anybody.
_HARMLESS_TABLES: Final = frozenset({"system.one", "system.numbers"})
_NODE: Final = re.compile(r" *([\w:]+)(?: (\S+))?")
#: Statements without a tree worth looking at, in the only forms that are let through.
_SHOW: Final = re.compile(
    r"\s*SHOW\s+(?:TABLES|DATABASES|(?:CREATE(?:\s+TABLE)?|COLUMNS\s+FROM)\s+([\w.]+))\s*",
    re.IGNORECASE,
)


def check_statement(store: Store, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Refuses what people's SQL has no business with.

    Args:
        store: as the reader who asks.
        sql: the statement, without a format.
        parameters: its values.

    Raises:
        QueryRefused: if the statement contains such a thing, or is wrong.
        NotAllowed: if this reader may not run any.
    """
    if store.role is Role.READER and not store.endpoint.isolated:
        raise NotAllowed(
            "This key may not read prompts and answers, and the ClickHouse given with --clickhouse"
            " can't keep them from its SQL. Use a key made with --payload."
        )
    if not sql.strip():
        raise QueryRefused("There is no statement. Write a SELECT.")
    show = _SHOW.fullmatch(sql)
    if show:
        _check_names(store, {show[1]} if show[1] else set())
        return
    names = set()
    before = ""
    tree = store.text(f"EXPLAIN AST {sql}", "JSONCompactEachRow", parameters)
    for row in tree.splitlines():
        (line,) = json.loads(row)
        found = _NODE.match(line)
        node, name = found.groups() if found else (line, "")
        if node == "Function" and before == "TableExpression" and name not in _TABLE_FUNCTIONS:
            raise QueryRefused(f"The table function {name} is not available here.")
        if node in ("Function", "Identifier") and name and _FORBIDDEN.fullmatch(name):
            raise QueryRefused(
                f"The function {name} is not available here, and nothing can have its name."
            )
        if node not in (_NODES if before else _STATEMENTS) and not _EXPLAIN.match(line):
            raise QueryRefused(
                f"Only SELECT, DESCRIBE and EXPLAIN are run here; this contains {node}."
            )
        if node in ("TableIdentifier", "Identifier") and before:
            names.add(name)
        before = node
    _check_names(store, names)


def _check_names(store: Store, names: Set[str]) -> None:
    """Refuses names of tables that are not ours, where rights do not keep them from readers.

    A name can also be a column's, an alias or a `WITH`: what is no table's is let through. Columns
    are looked at, too, because what stands behind `IN` can be either.

    Raises:
        QueryRefused: if there is one.
    """
    if store.endpoint.isolated or not names:
        return
    tables = {f"{store.database}.{name}" for name in READABLE_TABLES} | _HARMLESS_TABLES
    present = store.query(
        "SELECT name FROM system.databases UNION ALL"
        " SELECT name FROM system.tables WHERE database = {database:String}"
        " AND name NOT IN {readable:Array(String)}",
        {"database": store.database, "readable": list(READABLE_TABLES)},
    )
    # As the tree shows them, where a name ends at a blank.
    others = [str(row[0]).partition(" ")[0] for row in present.rows]
    for name in names:
        # Database and table, if it is a table; a column may have parts behind those.
        table = ".".join(name.split(".")[:2])
        if table not in tables and any(f"{name}.".startswith(f"{other}.") for other in others):
            raise QueryRefused(
                f"{name} is not available here, and nothing can have its name."
                f" The tables are {', '.join(READABLE_TABLES)}."
            )
