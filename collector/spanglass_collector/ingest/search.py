"""The search for what ClickHouse can't take, through what one project has in a refused segment.

What was refused goes in without unknown fields, or is halved until what can't be stored is alone:
that becomes a dead letter. A search that has cost too much is given up: what was not told apart by
then becomes dead letters together.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from spanglass_collector.ingest import tree
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.inserts import Inserts, TooManyDays
from spanglass_collector.ingest.segments import Segment
from spanglass_collector.ingest.signals import Signal
from spanglass_collector.ingest.unknown import cleaned
from spanglass_store.errors import QueryRefused, StoreOverloaded

log = logging.getLogger(__name__)

#: Inserts, and seconds of them, after which a search is given up.
BUDGET: Final = (256, 120.0)
#: Tries of an insert that takes too much memory or time, before it is halved; and of one that
#: can't be halved, before it is a dead letter, since somebody else may use the memory up.
_OVERLOADED_TRIES: Final = (3, 8)
#: First and longest pause between those tries, in seconds.
_PAUSES: Final = (0.2, 10.0)


@dataclass
class Case:
    """A segment of which something was refused.

    Attributes:
        segment: which.
        apart: projects whose part is searched by itself.
        open: how many of its parts are not settled.
        dead: how many items became dead letters.
    """

    segment: Segment
    apart: set[str] = field(default_factory=set)
    open: int = 0
    dead: int = 0


@dataclass
class _Part:
    """Rows that may be refused.

    Attributes:
        body: a request.
        items: how many it holds.
        searched: whether unknown fields were looked for.
        tries: how often there was too little memory or time for it.
    """

    body: bytes
    items: int
    searched: bool = False
    tries: int = 0


class Search:
    """One search.

    Args:
        case: the segment.
        project: whose part of it.
        signal: what is in it.
        inserts: stores what can be stored.
        dead_letters: for what can't.
    """

    def __init__(
        self,
        case: Case,
        project: str,
        signal: Signal,
        inserts: Inserts,
        dead_letters: DeadLetters,
    ) -> None:
        self.case = case
        self.project = project
        self._signal = signal
        self._inserts = inserts
        self._dead_letters = dead_letters
        #: When it goes on, on the monotonic clock.
        self.not_before = 0.0
        #: Size of the last dead letter, in bytes: there may have been no room for it.
        self.last_size = 0
        self.restart()

    def restart(self) -> None:
        """Begins anew: nothing of the segment is kept in memory until the next step."""
        #: The last is tried first, so they are few: each has a copy of what is said about its
        #: resource.
        self._parts: list[_Part] | None = None
        self._tried = 0
        self._seconds = 0.0
        #: Items that became dead letters.
        self.dead = 0

    @property
    def _spent(self) -> bool:
        return self._tried >= BUDGET[0] or self._seconds >= BUDGET[1]

    def step(self) -> bool:
        """One insert; says whether that was the last.

        Raises:
            DeadLettersFull: if something is to become a dead letter and there is no room.
            Stopped: if we are to stop first.
        """
        if self._parts is None:
            body = self._signal.by_project(self.case.segment.read())[self.project]
            self._parts = [_Part(body, self._signal.count(body))]
        part = self._parts.pop()
        began = time.monotonic()
        try:
            self._inserts(part.body, part.items)
        except StoreOverloaded as error:
            part.tries += 1
            if part.tries < _OVERLOADED_TRIES[part.items == 1] and not self._spent:
                pause, longest = _PAUSES
                self.not_before = time.monotonic() + min(pause * 2**part.tries, longest)
                self._parts.append(part)
            else:
                self._divide(part, error)
        except QueryRefused as error:
            self._divide(part, error)
        self._tried += 1
        self._seconds += time.monotonic() - began
        return not self._parts

    def _divide(self, part: _Part, error: QueryRefused | StoreOverloaded) -> None:
        """Goes on with parts of what was refused, or gives it up.

        Raises:
            DeadLettersFull: if it is given up and there is no room.
        """
        assert self._parts is not None
        if isinstance(error, TooManyDays) and (halves := self._signal.halve_by_day(part.body)):
            # Those can be stored, however much the search has cost.
            self._push(halves, part.searched)
            return
        if isinstance(error, QueryRefused) and not part.searched:
            body = cleaned(part.body, self._signal)
            if body is not part.body:
                log.warning("segment %d goes in without unknown fields", self.case.segment.number)
                self._parts.append(_Part(body, part.items, searched=True))
                return
        if not self._spent and (halves := tree.halve(part.body, self._signal.path)):
            self._push(halves, part.searched)
            return
        self._bury(part, str(error))

    def _push(self, bodies: list[bytes], searched: bool) -> None:
        assert self._parts is not None
        for body in reversed(bodies):
            self._parts.append(_Part(body, self._signal.count(body), searched))

    def _bury(self, part: _Part, reason: str) -> None:
        self.last_size = len(part.body)
        if part.items > 1:
            reason += f" (One or more of these {part.items}: finding out which cost too much.)"
        segment = self.case.segment.number
        self._dead_letters.put(
            self._signal, segment, self.project, part.body, part.items, reason
        )  # fmt: skip
        self.dead += part.items
        log.error("ClickHouse refused %d %s for ever: %s", part.items, self._signal.items, reason)
