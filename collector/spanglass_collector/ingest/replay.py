"""Dead letters, for whoever looks after them: listed, shown, and put back into the spool."""

import threading
from collections.abc import Sequence
from typing import Any

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.check import RESOURCE_SPANS
from spanglass_collector.ingest.dead_letters import DeadLetter, DeadLetters
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.spool import Spool, SpoolFull
from spanglass_collector.receivers.otlp_json import traces_to_json
from spanglass_store.errors import StoreUnavailable


class DeadLetterDesk:
    """What can be done about dead letters. Safe to share between threads.

    Args:
        letters: the dead letters.
        spool: where replayed ones go.
        ledger: the accounts.
    """

    def __init__(self, letters: DeadLetters, spool: Spool, ledger: Ledger) -> None:
        self._letters = letters
        self._spool = spool
        self._ledger = ledger
        self._lock = threading.Lock()

    def list(self) -> list[DeadLetter]:
        """All of them, oldest first."""
        return self._letters.list()

    def show(self, name: str) -> tuple[DeadLetter, dict[str, Any]]:
        """One of them, with its spans in OTLP's JSON.

        Raises:
            Unknown: if there is none of that name.
        """
        return shown(self._letters, name)

    def replay(self, names: Sequence[str] = ()) -> dict[str, int]:
        """Puts refused spans back into the spool, from where they are stored.

        Args:
            names: which; all where none is named.

        Returns:
            The number of spans by name.

        Raises:
            Unknown: if there is none of a name. Then nothing was replayed.
            StoreUnavailable: if the spool has no room; what was replayed before is.
        """
        with self._lock:
            if names:
                wanted = [self._letters.find(name) for name in dict.fromkeys(names)]
            else:
                wanted = self._letters.list()
            for letter in wanted:
                self._replay(letter)
        return {letter.name: letter.spans for letter in wanted}

    def _replay(self, letter: DeadLetter) -> None:
        parts = [
            wire.field(RESOURCE_SPANS, content)
            for content in wire.messages(self._letters.body(letter.name), RESOURCE_SPANS)
        ]
        try:
            self._spool.append(parts, letter.spans).result()
        except SpoolFull as full:
            raise StoreUnavailable(f"{letter.name} stays a dead letter: {full}.") from full
        try:
            self._ledger.revived(letter.spans)
            self._letters.remove(letter.name)
        except OSError as error:
            # A second replay stores the same spans again, which makes them no more than they are.
            raise StoreUnavailable(f"{letter.name} stays a dead letter: {error}.") from error


def shown(letters: DeadLetters, name: str) -> tuple[DeadLetter, dict[str, Any]]:
    """A dead letter with its spans in OTLP's JSON.

    Raises:
        Unknown: if there is none of that name.
    """
    return letters.find(name), traces_to_json(letters.body(name))
