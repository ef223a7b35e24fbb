"""The rules that count: those of files and those made through the API."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from spanglass_alerts.rules import files
from spanglass_alerts.rules.book import Book
from spanglass_alerts.rules.model import Rule, rule
from spanglass_store.state.alerts import AlertState

log = logging.getLogger(__name__)


class Shelf:
    """Reads files again when they change; what is wrong in them leaves what was.

    Args:
        places: files and folders.
        state: where rules of the API are.

    Raises:
        RulesError: if the files are wrong at the start.
    """

    def __init__(self, places: Sequence[str], state: AlertState) -> None:
        self._places = [each for each in places if each.strip()]
        self._state = state
        self._stamp = self._stamps()
        #: What is wrong with the files as they are now; empty if nothing is.
        self.problem = ""
        self.book: Book = files.read(self._places)
        self._made: dict[str, Rule] = {}
        self._texts: dict[str, object] = {}

    def refresh(self) -> None:
        """Takes up what has changed."""
        stamp = self._stamps()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self.book = files.read(self._places)
                self.problem = ""
            except files.RulesError as error:
                self.problem = str(error)
                log.error("the rules stay what they were: %s", error)
        documents = self._state.documents("rule")
        if documents != self._texts:
            made: dict[str, Rule] = {}
            for name, document in documents.items():
                try:
                    made[name] = rule(document)
                except ValidationError:
                    log.error("the rule %s is none of this version's", name)
            self._made, self._texts = made, dict(documents)

    @property
    def rules(self) -> list[Rule]:
        """Those that are evaluated; one of the API goes before one of a file with its name."""
        found = {each.name: each for each in self.book.rules} | self._made
        return [each for each in found.values() if each.enabled]

    def origin(self) -> dict[str, tuple[Rule, str]]:
        """Every rule with where it is from: `file` or `api`."""
        found = {each.name: (each, "file") for each in self.book.rules}
        return found | {name: (each, "api") for name, each in self._made.items()}

    def _stamps(self) -> tuple[tuple[str, int, int], ...]:
        found: list[tuple[str, int, int]] = []
        try:
            paths: list[Path] = files.paths(self._places)
        except files.RulesError:
            return ()
        for path in paths:
            try:
                about = path.stat()
            except OSError:
                continue
            found.append((str(path), about.st_mtime_ns, about.st_size))
        return tuple(found)
