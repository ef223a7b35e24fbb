"""Presidio's recognisers behind a prefilter: the same findings, most texts in microseconds.

Needs the extra `pii`. Names of people and places take a spaCy pipeline, which is given by the name
of an installed package; without one, what has a form is found and names are not.
"""

import copy
import importlib
import logging
import threading
from collections.abc import Sequence
from typing import Any, Final, cast

from spanglass.redaction._presidio import LANGUAGE, engine_without_names
from spanglass_detectors.pii.found import Found
from spanglass_detectors.pii.prefilter import PHONE, Prefilter

#: Between the name of a recogniser and the number of its pattern.
_BETWEEN: Final = "#"
#: Where presidio says which recogniser it was (`RecognizerResult.RECOGNIZER_NAME_KEY`).
_NAME_KEY: Final = "recognizer_name"
#: Pipes of a spaCy pipeline that only grammar needs.
_GRAMMAR: Final = ("parser", "tagger", "attribute_ruler", "lemmatizer", "senter")


class PresidioFinder:
    """Finds what presidio finds.

    Args:
        entities: which; all that it knows unless given.
        names: a package with a spaCy pipeline (`en_core_web_sm`); empty for none.
        least: findings of lower scores are left out, from 0 to 1.
        prefilter: whether recognisers are left out that can find nothing; for comparison.

    Raises:
        ImportError: if presidio or the pipeline is not installed.
    """

    def __init__(
        self,
        entities: Sequence[str] | None = None,
        names: str = "",
        least: float = 0.0,
        prefilter: bool = True,
    ) -> None:
        # It says at every start which recognisers it leaves out.
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        from presidio_analyzer import AnalyzerEngine, PatternRecognizer

        self._has_names = bool(names)
        self._analyzer = AnalyzerEngine(
            nlp_engine=_with_names(names) if names else engine_without_names(),
            supported_languages=[LANGUAGE],
        )
        if prefilter:
            self._share_phones()
            if not names:
                self._analyzer.context_aware_enhancer = _without_context()
        wanted = None if entities is None else set(entities)
        self._least = least
        self._recognizers: dict[str, list[str]] = {}
        self._possible = _Possible()
        patterns: dict[str, list[tuple[str, int]]] = {}
        recognizer: Any
        for recognizer in self._analyzer.registry.recognizers:
            if wanted is not None and not wanted & set(recognizer.supported_entities):
                continue
            name = recognizer.name
            self._recognizers[name] = list(recognizer.supported_entities)
            if isinstance(recognizer, PatternRecognizer):
                recognizer = cast("Any", recognizer)
                given = int(recognizer.global_regex_flags or 0)
                flags = given & _KNOWN_FLAGS
                listed: list[Any] = list(recognizer.patterns or ())
                for number, each in enumerate(listed):
                    patterns[f"{name}{_BETWEEN}{number}"] = [(each.regex, flags)]
                if prefilter:
                    recognizer.patterns = [
                        _behind_gate(each, given, f"{name}{_BETWEEN}{number}", self._possible)
                        for number, each in enumerate(listed)
                    ]
            else:
                patterns[name] = []
        ready = {"PhoneRecognizer": PHONE} if "PhoneRecognizer" in patterns else {}
        self._entities = sorted({each for listed in self._recognizers.values() for each in listed})
        if wanted is not None:
            self._entities = [each for each in self._entities if each in wanted]
        self._prefilter = Prefilter(patterns, ready) if prefilter else None

    def _share_phones(self) -> None:
        """Puts a recogniser of telephone numbers in place of presidio's that finds the same."""
        try:
            from spanglass_detectors.pii.presidio_phones import SharedPhoneRecognizer
        except ImportError:
            # Another version of libphonenumber: presidio's own does.
            return
        listed: Any = self._analyzer.registry.recognizers
        for place, each in enumerate(listed):
            if type(each).__name__ == "PhoneRecognizer":
                listed[place] = SharedPhoneRecognizer.of(each)

    @property
    def always(self) -> frozenset[str]:
        """Recognisers that every text is given to."""
        if self._prefilter is None:
            return frozenset(self._recognizers)
        return frozenset(name.partition(_BETWEEN)[0] for name in self._prefilter.always)

    def find(self, text: str) -> list[Found]:
        """What presidio finds in a text, in its order of places; findings may overlap."""
        return [found for found, _ in self.found_by(text)]

    def found_by(self, text: str) -> list[tuple[Found, str]]:
        """The same, each with the name of the recogniser that found it."""
        entities = self._entities
        if self._prefilter is not None:
            possible = self._prefilter.possible(text)
            if not possible:
                return []
            listed = {
                each for name in possible for each in self._recognizers[name.partition(_BETWEEN)[0]]
            }
            entities = [each for each in entities if each in listed]
            self._possible.names = frozenset(possible)
        try:
            found = self._analyzer.analyze(text, language=LANGUAGE, entities=entities)
        finally:
            self._possible.names = None
        return sorted(
            (
                Found(each.start, each.end, each.entity_type, float(each.score)),
                str((each.recognition_metadata or {}).get(_NAME_KEY, "")),
            )
            for each in found
            if each.score >= self._least
        )


def _without_context() -> Any:
    """What presidio asks for words around a finding that make it surer, where there are none.

    Without a model of the language it knows no words, and copies every finding to say so.
    """
    from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

    class Nothing(ContextAwareEnhancer):
        def __init__(self) -> None:
            super().__init__(0.0, 0.0, 0, 0)

        def enhance_using_context(
            self,
            text: str,
            raw_results: list[Any],
            nlp_artifacts: Any,
            recognizers: list[Any],
            context: list[str] | None = None,
        ) -> list[Any]:
            """The findings as they are."""
            return raw_results

    return Nothing()


class _Possible(threading.local):
    """What the prefilter says of the text that a thread has at hand; None without one."""

    names: frozenset[str] | None = None


class _Gated:
    """An expression that is tried on a text only where the prefilter says that it can match.

    Args:
        expression: of the package `regex`.
        name: in the prefilter.
        possible: what the prefilter says.
    """

    def __init__(self, expression: Any, name: str, possible: _Possible) -> None:
        self._expression = expression
        self._name = name
        self._possible = possible

    def finditer(self, text: str, **options: Any) -> Any:
        """Where it matches."""
        names = self._possible.names
        if names is not None and self._name not in names:
            return iter(())
        return self._expression.finditer(text, **options)


def _behind_gate(pattern: Any, flags: int, name: str, possible: _Possible) -> Any:
    """A pattern of presidio's that is tried only where it can match.

    Args:
        pattern: presidio's, which compiles it at its first use otherwise.
        flags: those of its recogniser.
        name: in the prefilter.
        possible: what the prefilter says.
    """
    regex: Any = importlib.import_module("regex")

    # Recognisers of other analysers have the same object.
    gated = copy.copy(pattern)
    gated.compiled_with_flags = flags
    gated.compiled_regex = _Gated(regex.compile(pattern.regex, flags=flags), name, possible)
    return gated


#: Flags that `re` and `regex` share.
_KNOWN_FLAGS: Final = 2 | 8 | 16


def _with_names(package: str) -> Any:
    """An engine around a pipeline that is installed: nothing is downloaded."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    pipeline = importlib.import_module(package).load(disable=list(_GRAMMAR))

    class Ready(SpacyNlpEngine):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": LANGUAGE, "model_name": package}])
            self.nlp: Any = {LANGUAGE: pipeline}

        def load(self) -> None:
            """It is loaded."""

    return Ready()
