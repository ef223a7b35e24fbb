"""The rules with presidio's recognisers beside them, where it is installed.

Nothing of it is loaded before the first text: it takes seconds and some hundred megabytes.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from typing import Any, Final

from spanglass.redaction._redactor import Finding, Redactor, merged

#: What presidio finds that is no personal data by itself, or is of next to no certainty.
NOT_PERSONAL: Final = frozenset({"URL", "DATE_TIME", "UUID"})
LANGUAGE: Final = "en"
_LEAST: Final = 0.5


def is_installed() -> bool:
    """Whether presidio is there."""
    return importlib.util.find_spec("presidio_analyzer") is not None


def engine_without_names() -> Any:
    """What presidio takes in place of a model of the language: names are not found."""
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    engine = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": "no_op"}])
    engine.load()
    return engine


class PresidioRedactor(Redactor):
    """Finds what the rules find, and what presidio's recognisers do."""

    def __init__(self) -> None:
        super().__init__()
        self._analyzer: Any = None
        self._loading = threading.Lock()

    def find(self, text: str) -> list[Finding]:
        """What is in a text, in order, without overlaps. See `Redactor.find`.

        Raises:
            ImportError: if presidio is not installed.
        """
        found = super().find(text)
        if not text.strip():
            return found
        for each in self._loaded().analyze(text, language=LANGUAGE):
            if each.score >= _LEAST and each.entity_type not in NOT_PERSONAL:
                found.append(Finding(each.start, each.end, each.entity_type, each.start))
        return merged(found)

    def _loaded(self) -> Any:
        with self._loading:
            if self._analyzer is None:
                # It says at every start which recognisers it leaves out.
                logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
                from presidio_analyzer import AnalyzerEngine

                self._analyzer = AnalyzerEngine(
                    nlp_engine=engine_without_names(), supported_languages=[LANGUAGE]
                )
            return self._analyzer
