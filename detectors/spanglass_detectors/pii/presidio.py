"""Presidio's recognisers behind a prefilter: the same findings, most texts in microseconds.

Needs the extra `pii`. Names of people and places take a spaCy pipeline, which is given by the name
of an installed package; without one, what has a form is found and names are not.
"""

import importlib
import logging
from collections.abc import Sequence
from typing import Any, Final, cast

from spanglass_detectors.pii.found import Found
from spanglass_detectors.pii.prefilter import PHONE, Prefilter

#: What presidio finds that is no personal data by itself, or is of next to no certainty.
NOT_PERSONAL: Final = frozenset({"URL", "DATE_TIME", "UUID"})
_LANGUAGE: Final = "en"
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
            nlp_engine=_with_names(names) if names else _without_names(),
            supported_languages=[_LANGUAGE],
        )
        wanted = None if entities is None else set(entities)
        self._least = least
        self._recognizers = {}
        patterns: dict[str, list[tuple[str, int]]] = {}
        recognizer: Any
        for recognizer in self._analyzer.registry.recognizers:
            if wanted is not None and not wanted & set(recognizer.supported_entities):
                continue
            name = recognizer.name
            self._recognizers[name] = list(recognizer.supported_entities)
            patterns[name] = []
            if isinstance(recognizer, PatternRecognizer):
                recognizer = cast("Any", recognizer)
                flags = int(recognizer.global_regex_flags or 0) & _KNOWN_FLAGS
                listed: list[Any] = list(recognizer.patterns or ())
                patterns[name] = [(each.regex, flags) for each in listed]
        ready = {"PhoneRecognizer": PHONE} if "PhoneRecognizer" in patterns else {}
        self._entities = sorted({each for listed in self._recognizers.values() for each in listed})
        if wanted is not None:
            self._entities = [each for each in self._entities if each in wanted]
        self._prefilter = Prefilter(patterns, ready) if prefilter else None

    @property
    def always(self) -> frozenset[str]:
        """Recognisers that every text is given to."""
        return self._prefilter.always if self._prefilter else frozenset(self._recognizers)

    def find(self, text: str) -> list[Found]:
        """What presidio finds in a text, in its order of places; findings may overlap."""
        entities = self._entities
        if self._prefilter is not None:
            possible = self._prefilter.possible(text)
            if not possible:
                return []
            listed = {each for name in possible for each in self._recognizers[name]}
            entities = [each for each in entities if each in listed]
        found = self._analyzer.analyze(text, language=_LANGUAGE, entities=entities)
        return sorted(
            Found(each.start, each.end, each.entity_type, float(each.score))
            for each in found
            if each.score >= self._least
        )


#: Flags that `re` and `regex` share.
_KNOWN_FLAGS: Final = 2 | 8 | 16


def _without_names() -> Any:
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    engine = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": "no_op"}])
    engine.load()
    return engine


def _with_names(package: str) -> Any:
    """An engine around a pipeline that is installed: nothing is downloaded."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    pipeline = importlib.import_module(package).load(disable=list(_GRAMMAR))

    class Ready(SpacyNlpEngine):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": _LANGUAGE, "model_name": package}])
            self.nlp: Any = {_LANGUAGE: pipeline}

        def load(self) -> None:
            """It is loaded."""

    return Ready()
