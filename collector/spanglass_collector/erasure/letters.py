"""Erasing from dead letters: what the store refused is kept beside it, and is no less personal."""

import logging
from collections.abc import Iterator, Mapping

from google.protobuf.message import DecodeError

from spanglass_collector.erasure import requests
from spanglass_collector.ingest import wire
from spanglass_collector.ingest.dead_letters import DeadLetter, DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.signals import SIGNALS, Signal
from spanglass_collector.ingest.wire import Malformed
from spanglass_store.erasure.erase import Eraser
from spanglass_store.erasure.selection import Selection
from spanglass_store.errors import Unknown

log = logging.getLogger(__name__)


class LetterEraser:
    """Erases one selection from the dead letters.

    Args:
        letters: of the data directory.
        ledgers: the accounts, by the signal's name.
        selection: what is to go.
    """

    def __init__(
        self, letters: DeadLetters, ledgers: Mapping[str, Ledger], selection: Selection
    ) -> None:
        self._letters = letters
        self._ledgers = ledgers
        self._selection = selection
        self._signals = {each.name: each for each in SIGNALS}

    def collect(self, eraser: Eraser) -> None:
        """Tells the eraser of traces that are selected by what lies here."""
        for signal, _, body in self._readable():
            eraser.add_traces(sorted(requests.fitting_traces(signal, body, self._selection)))

    def count(self, eraser: Eraser | None = None) -> int:
        """Items that are to go.

        Args:
            eraser: knows the traces; None if only what says itself that it is meant is counted.
        """
        return sum(
            removed
            for signal, letter, body in self._readable()
            for _, _, removed in [self._rest(signal, letter, body, eraser)]
        ) + sum(letter.items for letter in self._damaged())

    def erase(self, eraser: Eraser) -> int:
        """Erases; letters with nothing left are deleted. How many items went or were changed.

        Raises:
            OSError: if the disk does not take it; doing it again goes on.
        """
        erased = 0
        for signal, letter, body in self._readable():
            rest, items, removed = self._rest(signal, letter, body, eraser)
            if not removed:
                continue
            erased += removed
            self._ledgers[signal.name].discarded(letter.items - items, "erased")
            if rest:
                self._letters.replace(letter, rest, items)
            else:
                self._letters.remove(letter.name)
        for letter in self._damaged():
            erased += max(letter.items, 1)
            self._ledgers[letter.signal].discarded(letter.items, "erased")
            self._letters.remove(letter.name)
        return erased

    def _rest(
        self, signal: Signal, letter: DeadLetter, body: bytes, eraser: Eraser | None
    ) -> tuple[bytes, int, int]:
        known: set[tuple[str, str]] = set()
        if eraser is not None:
            by_project: dict[str, list[str]] = {}
            for project, trace_id in requests.trace_ids(signal, body):
                by_project.setdefault(project, []).append(trace_id)
            for project, ids in by_project.items():
                known.update((project, each) for each in eraser.among(project, ids))
        return requests.without(
            signal, body, self._selection, lambda project, trace: (project, trace) in known
        )

    def _readable(self) -> Iterator[tuple[Signal, DeadLetter, bytes]]:
        for letter in self._letters.list():
            if letter.damaged:
                continue
            try:
                body = self._letters.body(letter.name)
                signal = self._signals[letter.signal]
                # Read once, so that one that can't be is told from one that does not fit.
                requests.trace_ids(signal, body)
            except Unknown:
                # Replayed or discarded a moment ago.
                continue
            except (DecodeError, Malformed) as error:
                log.warning("dead letter %s can't be read: %s", letter.name, error)
                continue
            yield signal, letter, body

    def _damaged(self) -> list[DeadLetter]:
        """Letters that nobody can read or replay, and in which a selected name or id stands."""
        which = self._selection
        # As protobuf writes a value: a short name stands in many bytes that are none.
        names = (each.encode() for each in (which.user_id, which.session_id) if each)
        marks = [wire.field(1, each) for each in names]
        if which.trace_id:
            marks.append(bytes.fromhex(which.trace_id))
        # Whose project it was can't be read either.
        is_all = which.is_everything and not which.project
        if not marks and not is_all:
            return []
        found = []
        for letter in self._letters.list():
            if not letter.damaged:
                continue
            try:
                body = self._letters.body(letter.name)
            except Unknown:
                continue
            if is_all or any(mark in body for mark in marks):
                found.append(letter)
        return found
