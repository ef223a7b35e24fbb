"""Draws the traces of a review queue from a window of time.

What a plan chooses on purpose (uncertain, new, …) is a part of its own that is looked at whole, so
each of its items stands for itself. The others are a simple random sample of what is left. So the
parts together are a stratified sample, and an estimate from its labels holds for all traces.

Random numbers are permanent: a hash of the queue and the trace. A second draw of the same window
takes those that follow, which is again a simple random sample (E. Ohlsson, 1995).
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from spanglass_detectors.text.exchange import ANSWERS
from spanglass_store.client import Store
from spanglass_store.errors import Conflict, StoreError
from spanglass_store.queries.search.parse import parse
from spanglass_store.queries.traces import TraceFilter
from spanglass_store.review.plan import BY_TEXT, Part
from spanglass_store.state.review_tables import Queue, ReviewItem, ReviewStratum
from spanglass_store.state.reviews import Drawn, Layer, ReviewBook

#: Traces whose texts are compared, at most; of more, as many by chance.
MOST_TEXTS: Final = 20_000
#: Texts of what was looked at before, or of earlier traffic, that new ones are compared with.
_MOST_KNOWN: Final = 2_000
#: With fewer known texts, earlier traffic is taken for known, too.
_FEW_KNOWN: Final = 50
#: Characters at the end of an input that stand for it: a conversation's last question.
_TEXT: Final = 1_000
_AT_ONCE: Final = 200

#: Vectors of texts, as rows of unit length.
Embed = Callable[[Sequence[str]], Any]


@dataclass(frozen=True)
class Draw:
    """What came of a draw.

    Attributes:
        traces: how many there were to draw from.
        added: items that are new.
        by_method: how many items each reason gave.
    """

    traces: int
    added: int
    by_method: dict[str, int]


def draw(
    store: Store,
    book: ReviewBook,
    queue: Queue,
    start: datetime,
    end: datetime,
    embed: Embed | None = None,
    count: int = 0,
) -> Draw:
    """Draws from a window of time, or more by chance from one that was drawn from before.

    Args:
        store: as a reader, or as the owner.
        book: keeps what is drawn.
        queue: for which.
        start: earliest start of a trace, inclusive.
        end: latest, exclusive.
        embed: makes vectors of texts, where the plan compares texts.
        count: how many by chance, in place of the plan's number.

    Raises:
        Conflict: if the window covers a part of one that was drawn from.
        StoreError: if texts can't be compared here, or the budget does not allow it.
    """
    before = [
        each
        for each in book.strata(queue.project, queue.name)
        if each.start < end and start < each.end
    ]
    if any((each.start, each.end) != (start, end) for each in before):
        last = max(each.end for each in before)
        raise Conflict(
            "A part of this time was drawn from before, so its traces would be drawn twice. Begin"
            f" at {last.isoformat()}, or give exactly the same times to draw more from them."
        )
    window = _Window(store, queue, start, end)
    held = {each.trace_id for each in book.items(queue.project, queue.name) if each.stratum}
    room = queue.budget - len(book.items(queue.project, queue.name))
    if room <= 0:
        raise StoreError(
            f"{queue.name!r} has as many items as its budget allows: {queue.budget}. Raise it."
        )
    if before:
        layers = [_more(window, book, queue, before, count, held, room)]
    else:
        layers = _layers(window, book, queue, embed, count, room)
    traces = window.count()
    found = [replace(each, items=window.resolved(each.items)) for each in layers]
    added = book.add_draw(queue.project, queue.name, start, end, found)
    return Draw(traces, added, {each.method: len(each.items) for each in found if each.items})


def by_hand(store: Store, queue: Queue, trace_ids: Sequence[str]) -> list[Drawn]:
    """Traces that somebody chose, with the span that is to be looked at; those that are not there
    are left out.

    Args:
        store: as a reader.
        queue: for which.
        trace_ids: 32 hexadecimal digits each.
    """
    ids = list(dict.fromkeys(each.lower() for each in trace_ids))
    return _resolved(store, queue, [(each, _place(queue, each)) for each in ids])


def _layers(
    window: "_Window", book: ReviewBook, queue: Queue, embed: Embed | None, count: int, room: int
) -> list[Layer]:
    total = window.count()
    picked: set[str] = set()
    layers: list[Layer] = []
    for part in queue.plan.ordered():
        left = room - len(picked)
        if part.method == "random":
            wanted = count or part.count or math.ceil(part.ratio * (total - len(picked)))
            ids = window.at_random(min(wanted, left), picked)
            layers.append(Layer("random", total - len(picked), _places(queue, ids)))
            continue
        wanted = min(part.count, left)
        if part.method in BY_TEXT:
            ids = _by_text(window, book, queue, part, embed, wanted, picked)
        else:
            ids = window.chosen(part, wanted, picked)
        picked.update(ids)
        layers.append(Layer(part.method, len(ids), _places(queue, ids)))
    if all(each.method != "random" for each in layers):
        # Nobody looks at the others, and the estimate has to know that they are there.
        layers.append(Layer("random", total - len(picked), ()))
    return [each for each in layers if each.population]


def _more(
    window: "_Window", book: ReviewBook, queue: Queue, before: Sequence[ReviewStratum], count: int,
    held: set[str], room: int,
) -> Layer:  # fmt: skip
    """More by chance from a window that was drawn from."""
    rest = next((each for each in before if each.method == "random"), None)
    if rest is None:
        raise Conflict("All traces of this time are in the queue.")
    wanted = count or next(
        (each.count for each in queue.plan.parts if each.method == "random"), 0
    )  # fmt: skip
    if not wanted:
        raise StoreError("Say how many more: count.")
    apart = sum(each.population for each in before if each is not rest)
    ids = window.at_random(min(wanted, room), held)
    return Layer("random", max(window.count() - apart, rest.population), _places(queue, ids),
                 rest.id)  # fmt: skip


def _by_text(
    window: "_Window", book: ReviewBook, queue: Queue, part: Part, embed: Embed | None,
    wanted: int, picked: set[str],
) -> list[str]:  # fmt: skip
    if embed is None:
        raise StoreError(
            f"{part.method}: texts can't be compared here; pip install 'spanglass[detectors]'"
            " where the service runs."
        )
    from spanglass_detectors.review.centers import farthest, k_centers

    texts = {each: text for each, text in window.texts().items() if each not in picked}
    if not texts or wanted < 1:
        return []
    ids = list(texts)
    vectors = embed(list(texts.values()))
    known = window.texts_of(book.items(queue.project, queue.name))
    if part.method == "diverse":
        rows = k_centers(vectors, wanted, embed(known) if known else None)
    else:
        if len(known) < _FEW_KNOWN:
            known += list(window.earlier().texts(_MOST_KNOWN).values())
        # Without anything to be unlike of, they are to be unlike each other.
        rows = farthest(vectors, embed(known), wanted) if known else k_centers(vectors, wanted)
    return [ids[row] for row in rows]


class _Window:
    """The traces of a queue's query in a range of time."""

    def __init__(self, store: Store, queue: Queue, start: datetime, end: datetime) -> None:
        self._store = store
        self._queue = queue
        self._range = (start, end)
        which = TraceFilter(start, end, queue.project, query=parse(queue.plan.query))
        where, self._values = which.conditions(store.database)
        self._from = f"FROM {store.database}.traces AS t FINAL WHERE {' AND '.join(where)}"
        self._values |= {"seed": queue.seed, "of": queue.project, "from": start}

    def earlier(self) -> "_Window":
        """As long a time before this one."""
        start, end = self._range
        return _Window(self._store, self._queue, start - (end - start), start)

    def count(self) -> int:
        """How many traces there are."""
        return int(self._store.row(f"SELECT count() {self._from}", self._values)[0])

    def at_random(self, count: int, without: set[str]) -> list[str]:
        """Traces with the smallest random numbers."""
        if count < 1:
            return []
        rows = self._store.query(
            f"SELECT t.trace_id {self._from} ORDER BY {_HASH}, t.trace_id LIMIT {{most:UInt32}}",
            {**self._values, "most": count + len(without)},
        ).rows
        return [each for (each,) in rows if each not in without][:count]

    def chosen(self, part: Part, count: int, without: set[str]) -> list[str]:
        """Traces by what was said of them."""
        if count < 1:
            return []
        scores = (
            f"FROM {self._store.database}.scores AS s FINAL WHERE s.project = {{of:String}}"
            " AND s.value IS NOT NULL AND s.created_at >= {from:DateTime64(6, 'UTC')}"
            f" AND s.trace_id IN (SELECT t.trace_id {self._from})"
        )
        by_machine = "s.source NOT IN ('human', 'user')"
        if part.method == "uncertain":
            asked = (
                f"SELECT s.trace_id AS id, abs(avg(s.value) - {{at:Float64}}) AS far {scores}"
                f" AND {by_machine} AND s.name IN {{names:Array(String)}} GROUP BY id"
            )
        elif part.method == "disagreement":
            asked = (
                f"SELECT id, min(said) - max(said) AS far FROM (SELECT s.trace_id AS id,"
                f" avg(s.value) AS said {scores} AND {by_machine}"
                " AND s.name IN {names:Array(String)} GROUP BY id, s.name, s.evaluator)"
                " GROUP BY id HAVING far < 0"
            )
        else:
            asked = (
                f"SELECT s.trace_id AS id, min(s.value) AS far {scores} AND s.source = 'user'"
                " GROUP BY id HAVING far < 0.5"
            )
        rows = self._store.query(
            f"SELECT id FROM ({asked}) AS t ORDER BY far, {_HASH.replace('t.trace_id', 'id')}, id"
            " LIMIT {most:UInt32}",
            {
                **self._values, "names": list(part.scores), "at": part.threshold,
                "most": count + len(without),
            },
        ).rows  # fmt: skip
        return [each for (each,) in rows if each not in without][:count]

    def texts(self, most: int = MOST_TEXTS) -> dict[str, str]:
        """What was asked in each trace, of as many traces by chance."""
        # By other random numbers than the sample's: what is chosen here must not lean on it.
        other = _HASH.replace("{seed:String}", "{seed:String}, 'texts'")
        few = f"SELECT t.trace_id {self._from} ORDER BY {other} LIMIT {{most:UInt32}}"
        return self._texts(few, {"most": most})

    def texts_of(self, items: Sequence[ReviewItem]) -> list[str]:
        """What was asked in the traces of items, as far as they are still there."""
        found: list[str] = []
        ids = [each.trace_id for each in items][-_MOST_KNOWN:]
        for first in range(0, len(ids), _AT_ONCE):
            rows = self._store.query(
                f"{_ASKED} FROM {self._store.database}.spans AS s FINAL"
                " WHERE s.project = {of:String} AND s.trace_id IN {ids:Array(String)}"
                " AND s.input != '' GROUP BY s.trace_id",
                {"of": self._queue.project, "ids": ids[first : first + _AT_ONCE]},
            ).rows
            found += [text for _, text in rows]
        return found

    def _texts(self, ids: str, values: dict[str, Any]) -> dict[str, str]:
        start, end = self._range
        rows = self._store.query(
            f"{_ASKED} FROM {self._store.database}.spans AS s WHERE s.project = {{of:String}}"
            " AND s.start_time >= {first:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR"
            " AND s.start_time < {last:DateTime64(6, 'UTC')} + INTERVAL 1 DAY"
            f" AND s.input != '' AND s.trace_id IN ({ids}) GROUP BY s.trace_id ORDER BY s.trace_id",
            {**self._values, **values, "first": start, "last": end},
        ).rows
        return {str(trace_id): str(text) for trace_id, text in rows}

    def resolved(self, items: Sequence[Drawn]) -> list[Drawn]:
        """The items with the span that is to be looked at."""
        return _resolved(
            self._store, self._queue, [(each.trace_id, each.place) for each in items]
        )  # fmt: skip


#: A permanent random number of a trace in a queue.
_HASH: Final = "sipHash64(concat({seed:String}, t.trace_id))"
_ASKED: Final = (
    f"SELECT s.trace_id, rightUTF8(argMin(s.input_text, (s.parent_span_id != '', s.start_time)),"
    f" {_TEXT})"
)


def _place(queue: Queue, trace_id: str) -> float:
    digest = hashlib.blake2b(f"{queue.seed}{trace_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _places(queue: Queue, ids: Sequence[str]) -> list[Drawn]:
    return [Drawn(each, "", "", _place(queue, each)) for each in ids]


def _resolved(store: Store, queue: Queue, items: Sequence[tuple[str, float]]) -> list[Drawn]:
    """Items with the span to look at: the trace's last answer of a model, or else its root."""
    found: dict[str, tuple[str, str]] = {}
    for first in range(0, len(items), _AT_ONCE):
        ids = [each for each, _ in items[first : first + _AT_ONCE]]
        bounds = store.row(
            "SELECT min(start_time), max(end_time), count()"
            f" FROM {store.database}.traces WHERE trace_id IN {{ids:Array(String)}}",
            {"ids": ids},
        )
        if not bounds[2]:
            continue
        rows = store.query(
            "SELECT s.trace_id,"
            " argMaxIf(s.span_id, (s.end_time, s.span_id), s.operation IN {answers:Array(String)}"
            " AND s.output != '') AS answer,"
            " argMin(s.span_id, (s.parent_span_id != '', s.start_time, s.span_id)) AS root"
            f" FROM {store.database}.spans AS s WHERE s.project = {{of:String}}"
            " AND s.start_time >= {first:DateTime64(9, 'UTC')}"
            " AND s.start_time <= {last:DateTime64(9, 'UTC')}"
            " AND s.trace_id IN {ids:Array(String)} GROUP BY s.trace_id",
            {
                "ids": ids, "of": queue.project, "answers": list(ANSWERS), "first": bounds[0],
                "last": bounds[1],
            },
        ).rows  # fmt: skip
        found |= {trace_id: (answer, root) for trace_id, answer, root in rows}
    made = []
    for trace_id, place in items:
        if trace_id not in found:
            continue
        answer, root = found[trace_id]
        judged = answer if queue.plan.unit == "answer" else ""
        made.append(Drawn(trace_id, judged, judged or root, place))
    return made
