"""Which traces a review queue takes: a query, and how many by which reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from spanglass_store.errors import StoreError
from spanglass_store.queries.search.parse import QueryError, parse

Method = Literal["random", "uncertain", "disagreement", "feedback", "novel", "diverse"]
#: How an item came in by hand. Nothing is known of its chance to be there.
CHOSEN: Final = "chosen"
#: In the order in which they take their share of the traces: what is left is drawn at random.
METHODS: Final[tuple[Method, ...]] = (
    "uncertain", "disagreement", "feedback", "novel", "diverse", "random",
)  # fmt: skip
#: Those that compare texts.
BY_TEXT: Final = frozenset({"novel", "diverse"})
#: Items of a queue at most.
MOST_ITEMS: Final = 10_000


@dataclass(frozen=True)
class Part:
    """So many traces for one reason.

    Attributes:
        method: `random`; `uncertain`: a score near its threshold; `disagreement`: scores that say
            different things of one trace; `feedback`: users were not content; `novel`: unlike what
            was looked at; `diverse`: unlike each other.
        count: how many of a draw, at most.
        ratio: of `random`, a share of the traces instead of a number.
        scores: of `uncertain`, one name; of `disagreement`, one that several give, or several.
        threshold: of `uncertain`.
    """

    method: Method = "random"
    count: int = 0
    ratio: float = 0.0
    scores: tuple[str, ...] = ()
    threshold: float = 0.5


@dataclass(frozen=True)
class Plan:
    """What a queue is fed with.

    Attributes:
        query: in the language of the list of traces; empty for all.
        parts: how many by which reason.
        every_hours: how often it draws by itself; 0 for never.
        unit: what is labelled: the last answer of a model in the trace, or the whole trace.
    """

    query: str = ""
    parts: tuple[Part, ...] = field(default_factory=lambda: (Part("random", 50),))
    every_hours: float = 0.0
    unit: Literal["answer", "trace"] = "answer"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def ordered(self) -> Sequence[Part]:
        """The parts in the order in which they take their share."""
        return sorted(self.parts, key=lambda each: METHODS.index(each.method))


def read_plan(document: Mapping[str, Any]) -> Plan:
    """A plan from JSON.

    Raises:
        StoreError: if it can't be one; the message says why.
    """
    parts = tuple(
        Part(**{**each, "scores": tuple(each.get("scores", ()))}) for each in document["parts"]
    )
    made = Plan(**{**document, "parts": parts})
    try:
        parse(made.query)
    except QueryError as error:
        raise StoreError(f"The query can't be read: {error}") from error
    methods = [each.method for each in parts]
    if not parts or len(set(methods)) < len(methods):
        raise StoreError("A plan has at least one part, and each method once.")
    for each in parts:
        if each.method == "random":
            if bool(each.count) == bool(each.ratio):
                raise StoreError("random: give either a count or a ratio.")
        elif not each.count or each.ratio:
            raise StoreError(f"{each.method}: give a count.")
        if each.method == "uncertain" and len(each.scores) != 1:
            raise StoreError("uncertain: give the name of one score.")
        if each.method == "disagreement" and not each.scores:
            raise StoreError("disagreement: give the names of scores that should say the same.")
    return made
