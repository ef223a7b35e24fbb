"""All dialects, made into what the engine looks up: rules by the name of an attribute.

Where two dialects give the same attribute, the earlier of `DIALECTS` does.
"""

from typing import Final, NamedTuple

from spanglass_collector.dialects import (
    convert,
    engines,
    generations,
    langfuse,
    langsmith,
    logfire,
    mcp,
    names,
    openinference,
    openlit,
    openllmetry,
    vercel,
)
from spanglass_collector.dialects.model import Assembled, Convert, Dialect, Source

DIALECTS: Final[tuple[Dialect, ...]] = (
    langfuse.DIALECT,
    openinference.DIALECT,
    vercel.DIALECT,
    langsmith.DIALECT,
    logfire.DIALECT,
    openlit.DIALECT,
    mcp.DIALECT,
    openllmetry.DIALECT,
    engines.DIALECT,
    generations.DIALECT,
)


class Rule(NamedTuple):
    """What becomes of an attribute.

    Attributes:
        target: the canonical attribute; empty where `convert` gives several.
        key: the attribute.
        convert: makes the canonical value.
        others: names of further attributes that it is given.
    """

    target: str
    key: str
    convert: Convert
    others: tuple[str, ...]


def _rules() -> list[Rule]:
    made = []
    for dialect in DIALECTS:
        for target, sources in dialect.attributes.items():
            of_type = names.TYPES.get(target, convert.text)
            for given in sources:
                source = Source(given) if isinstance(given, str) else given
                made.append(Rule(target, source.key, source.convert or of_type, source.others))
        made += [Rule("", each.key, each.convert, each.others) for each in dialect.unpacked]
    return made


#: Rules in the order in which they are tried, and by attribute the places of its own.
RULES: Final = _rules()
RULES_OF: Final[dict[str, tuple[int, ...]]] = {
    key: tuple(n for n, rule in enumerate(RULES) if rule.key == key)
    for key in {rule.key for rule in RULES}
}
#: What every list is, by the root of its names.
LISTS: Final = {each.root: each.gives for dialect in DIALECTS for each in dialect.indexed}
INPUTS: Final = tuple(each for dialect in DIALECTS for each in dialect.input)
OUTPUTS: Final = tuple(each for dialect in DIALECTS for each in dialect.output)
#: The attributes in which content is.
CONTENT: Final = frozenset(
    key
    for source in (*INPUTS, *OUTPUTS)
    for key in (source.parts.values() if isinstance(source, Assembled) else (source,))
)
FIRST_CHUNKS: Final = frozenset(name for dialect in DIALECTS for name in dialect.first_chunk)
FIRST_CHUNK_TIMES: Final = tuple(
    dialect.first_chunk_time for dialect in DIALECTS if dialect.first_chunk_time
)
#: Scopes of the dialects that have names without a point in them.
PLAIN_SCOPES: Final = tuple(
    scope
    for dialect in DIALECTS
    if any(type(each) is str and "." not in each for each in dialect.input + dialect.output)
    for scope in dialect.scopes
)
#: Every attribute that says anything, but for those of lists.
KNOWN: Final = (
    frozenset(RULES_OF)
    | frozenset(other for rule in RULES for other in rule.others)
    | CONTENT
    | frozenset(FIRST_CHUNK_TIMES)
)
