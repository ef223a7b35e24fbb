"""Dead letters, for whoever looks after them: listed, shown, put back into the spool, deleted."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.dead_letters import DeadLetter, DeadLetters
from spanglass_collector.ingest.pipeline import Queue
from spanglass_collector.ingest.signals import RESOURCE, SIGNALS
from spanglass_collector.ingest.spool import SpoolFull
from spanglass_collector.receivers.otlp_json import to_json
from spanglass_store.errors import StoreUnavailable, Unknown

_FORMS: Final = {signal.name: signal.form for signal in SIGNALS}

_DAMAGED: Final = (
    "damaged on the disk and can't be replayed: its bytes are in the folder dead-letters of the"
    " data directory, as they were found."
)


class DeadLetterDesk:
    """What can be done about dead letters. Safe to share between threads.

    Args:
        letters: the dead letters.
        queues: where replayed ones go, by the signal's name.
    """

    def __init__(self, letters: DeadLetters, queues: Mapping[str, Queue]) -> None:
        self._letters = letters
        self._queues = queues
        self._lock = threading.Lock()

    def list(self) -> list[DeadLetter]:
        """All of them, oldest first."""
        return self._letters.list()

    def show(self, name: str) -> tuple[DeadLetter, dict[str, Any]]:
        """One of them, with its content in OTLP's JSON.

        Raises:
            Unknown: if there is none of that name.
        """
        return shown(self._letters, name)

    def replay(self, names: Sequence[str] = ()) -> dict[str, int]:
        """Puts what was refused back into the spool, from where they are stored.

        Args:
            names: which; all that can be read where none is named.

        Returns:
            The number of items by name.

        Raises:
            Unknown: if there is none of a name, or it was damaged. Then nothing was replayed.
            StoreUnavailable: if the spool has no room; what was replayed before is.
        """
        with self._lock:
            if names:
                wanted = [self._letters.find(name) for name in dict.fromkeys(names)]
                for letter in wanted:
                    if letter.damaged:
                        raise Unknown(f"{letter.name} was {_DAMAGED}")
            else:
                wanted = [letter for letter in self._letters.list() if not letter.damaged]
            for letter in wanted:
                self._replay(letter)
        return {letter.name: letter.items for letter in wanted}

    def discard(self, names: Sequence[str]) -> dict[str, int]:
        """Deletes what was refused, for good.

        Args:
            names: which.

        Returns:
            The number of items by name.

        Raises:
            Unknown: if there is none of a name. Then nothing was deleted.
            StoreUnavailable: if the disk does not take it; what was deleted before is.
        """
        with self._lock:
            wanted = [self._letters.find(name) for name in dict.fromkeys(names)]
            for letter in wanted:
                try:
                    self._queues[letter.signal].ledger.discarded(letter.items)
                    self._letters.remove(letter.name)
                except OSError as error:
                    raise StoreUnavailable(f"{letter.name} stays: {error}.") from error
        return {letter.name: letter.items for letter in wanted}

    def _replay(self, letter: DeadLetter) -> None:
        queue = self._queues[letter.signal]
        parts = [
            wire.field(RESOURCE, content)
            for content in wire.messages(self._letters.body(letter.name), RESOURCE)
        ]
        try:
            queue.spool.append(parts, letter.items).result()
        except SpoolFull as full:
            raise StoreUnavailable(f"{letter.name} stays a dead letter: {full}.") from full
        try:
            queue.ledger.revived(letter.items)
            self._letters.remove(letter.name)
        except OSError as error:
            # A second replay stores the same items again, which makes them no more than they are.
            raise StoreUnavailable(f"{letter.name} stays a dead letter: {error}.") from error


def shown(letters: DeadLetters, name: str) -> tuple[DeadLetter, dict[str, Any]]:
    """A dead letter with its content in OTLP's JSON.

    Raises:
        Unknown: if there is none of that name.
    """
    letter = letters.find(name)
    if letter.damaged:
        # It stands in the file as it was found; there is no request to be shown.
        return letter, {}
    return letter, to_json(letters.body(name), _FORMS[letter.signal])
