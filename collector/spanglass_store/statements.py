"""What people's SQL may consist of, beyond what ClickHouse's own rights can say.

Rights cover tables and columns. They do not cover the function `file`, which the embedded server
lets read every file of the machine, our passwords among them; nor table functions that look at
parts instead of rows, past every row filter. So a statement is looked at before it is run, as
ClickHouse itself has parsed it (`EXPLAIN AST`), and has to consist of what is known here: a kind
of node that is not listed is refused.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from spanglass_store.client import Store
from spanglass_store.errors import QueryRefused

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
_NODE: Final = re.compile(r" *([\w:]+)(?: (\S+))?")
#: Statements without a tree worth looking at, in the only forms that are let through.
_SHOW: Final = re.compile(
    r"\s*SHOW\s+(?:TABLES|DATABASES|CREATE\s+(?:TABLE\s+)?[\w.]+|COLUMNS\s+FROM\s+[\w.]+)\s*",
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
    """
    if _SHOW.fullmatch(sql):
        return
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
        before = node
