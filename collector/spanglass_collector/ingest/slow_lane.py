"""The slow lane: segments that ClickHouse refused, apart from those that it takes.

One thread divides them, first by project, and searches each project's part for what can't be
stored. It does one insert for each project in turn, so that nobody waits for the end of another's
search. A segment stays in the spool, and in its account, until all of it is settled; after a crash
it begins again, which stores nothing twice and keeps no letter twice.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from spanglass_collector.ingest.dead_letters import DeadLetters, DeadLettersFull
from spanglass_collector.ingest.inserts import Inserts, Stopped
from spanglass_collector.ingest.search import Case, Search
from spanglass_collector.ingest.segments import Segment
from spanglass_collector.ingest.spool import Spool
from spanglass_collector.ingest.unknown import cleaned
from spanglass_store.errors import QueryRefused, StoreOverloaded

log = logging.getLogger(__name__)

#: Searches that take turns: each has its part of a segment in memory.
_MOST_OPEN: Final = 4
#: How often it is looked whether dead letters have room again, in seconds.
_LOOK_EVERY_S: Final = 1.0
#: Pause after an unexpected error, in seconds.
_AFTER_ERROR_S: Final = 5.0


class SlowLane:
    """Settles refused segments. Safe to share between threads.

    Args:
        spool: where the segments lie meanwhile.
        inserts: stores what can be stored.
        dead_letters: for what can't.
        finish: called with a segment that is settled and the number of its dead items.
        stop: ends it.
    """

    def __init__(
        self,
        spool: Spool,
        inserts: Inserts,
        dead_letters: DeadLetters,
        finish: Callable[[Segment, int], None],
        stop: threading.Event,
    ) -> None:
        self._spool = spool
        self._signal = spool.signal
        self._inserts = inserts
        self._dead_letters = dead_letters
        self._finish = finish
        self._stop = stop
        self._work = threading.Condition()
        self._cases: dict[int, Case] = {}
        #: Not told apart by project yet: first of all, since most of it is nobody's fault.
        self._mixed: deque[Case] = deque()
        #: By project, the one that was served last at the end.
        self._waiting: dict[str, deque[Search]] = {}
        self._open: deque[Search] = deque()
        #: Those that dead letters have no room for.
        self._parked: list[Search] = []
        self._looked = 0.0
        #: Bytes of segments that each project keeps in the spool.
        self._held: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="slow lane", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Waits for its end. An insert under way need not be waited for: it is done again."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- what it holds -----------------------------------------------------------------------

    @property
    def segments(self) -> int:
        """Segments that are not settled."""
        return len(self._cases)

    @property
    def items(self) -> int:
        """Items of these segments, stored or not."""
        with self._work:
            return sum(case.segment.items for case in self._cases.values())

    @property
    def parked(self) -> frozenset[str]:
        """Projects whose refused items dead letters have no room for."""
        with self._work:
            return frozenset(search.project for search in self._parked)

    def refusal(self, project: str) -> str:
        """Why nothing more of a project can be accepted for now; empty if it can.

        As with dead letters, a project may hold as much of the spool as it leaves free.
        """
        if project in self.parked:
            return (
                "ClickHouse refuses what this project sends, and its dead letters are full:"
                " see `spanglass dead-letters list`"
            )
        with self._work:
            held = self._held[project]
        if held > self._spool.limits.total_bytes - self._spool.size:
            return "ClickHouse refused much of what this project sent, and it is not settled yet"
        return ""

    # -- the writers' side -------------------------------------------------------------------

    def put(self, segment: Segment) -> None:
        """Takes over a segment that was refused."""
        with self._work:
            case = self._cases[segment.number] = Case(segment, open=1)
            self._mixed.append(case)
            self._work.notify()

    def take_apart(self, segment: Segment, body: bytes) -> tuple[Case, bytes] | None:
        """Takes over what projects have in a segment of which too much was refused before.

        Returns:
            None if there is nothing of that kind in it. Else what the others have: it is to be
            stored and settled, or handed over with `put_rest`.
        """
        most = self._spool.limits.insert_bytes
        with self._work:
            shunned = {project for project, held in self._held.items() if held > most}
            shunned.update(search.project for search in self._parked)
        if not shunned:
            return None
        by_project = self._signal.by_project(body)
        ours = shunned.intersection(by_project)
        if not ours:
            return None
        with self._work:
            case = self._cases[segment.number] = Case(segment, open=1)
            for project in sorted(ours):
                self._add(case, project)
        return case, b"".join(part for each, part in by_project.items() if each not in ours)

    def put_rest(self, case: Case) -> None:
        """Takes over the others' part of a segment, which could not be stored."""
        with self._work:
            self._mixed.append(case)
            self._work.notify()

    def settle(self, case: Case, dead: int = 0) -> None:
        """A part of a segment is stored, or in dead letters.

        Raises:
            Stopped: if we are to stop before the accounts take it.
        """
        with self._work:
            case.open -= 1
            case.dead += dead
            done = not case.open
        if done:
            self._finish(case.segment, case.dead)
            with self._work:
                del self._cases[case.segment.number]

    def _add(self, case: Case, project: str) -> None:
        """A search of its own for a project."""
        search = Search(case, project, self._signal, self._inserts, self._dead_letters)
        case.open += 1
        case.apart.add(project)
        self._held[project] += case.segment.size
        self._waiting.setdefault(project, deque()).append(search)
        self._work.notify()

    # -- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            case, search = self._next()
            try:
                if case is not None:
                    self._sift(case)
                elif search is not None:
                    self._step(search)
            except Stopped:
                return
            except Exception as error:
                # The segment is safe in the spool; a thread that ended here would be missed.
                self._inserts.stats.last_error = str(error)
                log.exception("a refused segment has to wait")
                if search is not None:
                    search.restart()
                if case is not None:
                    self.put_rest(case)
                self._stop.wait(_AFTER_ERROR_S)

    def _next(self) -> tuple[Case | None, Search | None]:
        """Whose turn it is; nobody's if there was nothing to do for a moment."""
        with self._work:
            self._look_for_room()
            if self._mixed:
                return self._mixed.popleft(), None
            self._open_more()
            now = time.monotonic()
            for _ in range(len(self._open)):
                search = self._open[0]
                self._open.rotate(-1)
                if search.not_before <= now:
                    return None, search
            self._work.wait(0.2)
        return None, None

    def _open_more(self) -> None:
        """Begins with the projects that were served least recently, one search of each."""
        busy = {search.project for search in self._open}
        for project in [each for each in self._waiting if each not in busy]:
            if len(self._open) >= _MOST_OPEN:
                return
            queue = self._waiting.pop(project)
            self._open.append(queue.popleft())
            if queue:
                self._waiting[project] = queue

    def _look_for_room(self) -> None:
        now = time.monotonic()
        if not self._parked or now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        for search in list(self._parked):
            if self._dead_letters.has_room(search.project, search.last_size):
                self._parked.remove(search)
                self._waiting.setdefault(search.project, deque()).appendleft(search)

    def _step(self, search: Search) -> None:
        try:
            if not search.step():
                return
        except DeadLettersFull as full:
            log.error("%s What project %r sends is not accepted.", full, search.project)
            search.restart()
            with self._work:
                self._open.remove(search)
                self._parked.append(search)
            return
        with self._work:
            self._open.remove(search)
            self._held[search.project] -= search.case.segment.size
            if not self._held[search.project]:
                del self._held[search.project]
        self.settle(search.case, search.dead)

    def _sift(self, case: Case) -> None:
        """Stores what can be stored of several projects; the rest is searched by project."""
        by_project = self._signal.by_project(case.segment.read())
        groups = [[(name, body) for name, body in by_project.items() if name not in case.apart]]
        while groups:
            group = groups.pop()
            if len(group) == 1:
                with self._work:
                    self._add(case, group[0][0])
            elif group and not self._stores(b"".join(body for _, body in group)):
                middle = len(group) // 2
                groups += [group[middle:], group[:middle]]
        self.settle(case)

    def _stores(self, body: bytes) -> bool:
        """Whether ClickHouse takes it, as it is or with the fields alone that we know."""
        try:
            self._inserts(body, self._signal.count(body))
        except StoreOverloaded:
            return False
        except QueryRefused:
            known = cleaned(body, self._signal)
            return known is not body and self._stores(known)
        return True
