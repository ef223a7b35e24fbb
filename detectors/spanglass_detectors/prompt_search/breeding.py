"""Where candidates come from: chosen examples, crossover, mutation."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from spanglass.evaluation import Example
from spanglass_detectors.prompt_search.candidate import Candidate, text_of

_WORD: Final = re.compile(r"\w+")


class Breeder:
    """Makes candidates from candidates.

    Args:
        pool: examples that may be shown, by key.
        models: who may answer.
        most_shots: examples that a prompt shows at most.
        rng: source of chance.
    """

    def __init__(
        self, pool: Mapping[str, Example], models: Sequence[str], most_shots: int,
        rng: random.Random,
    ) -> None:  # fmt: skip
        self._keys = sorted(pool)
        self._words = {key: _words(pool[key]) for key in self._keys}
        self._models = list(models)
        self._most = min(most_shots, len(self._keys))
        self._rng = rng

    def diverse(self, first: str = "") -> tuple[str, ...]:
        """Examples that are far from each other: each is the furthest from those before it.

        Source: T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance" (1985).
        """
        if not self._most:
            return ()
        chosen = [first or self._rng.choice(self._keys)]
        while len(chosen) < self._most:
            left = [key for key in self._keys if key not in chosen]
            chosen.append(max(left, key=lambda key: min(
                self._distance(key, other) for other in chosen
            )))  # fmt: skip
        return tuple(chosen)

    def drawn(self) -> tuple[str, ...]:
        """As many examples as chance has it, drawn by chance."""
        if not self._most:
            return ()
        return tuple(self._rng.sample(self._keys, self._rng.randint(1, self._most)))

    def nearest(self, example: Example, besides: Sequence[str]) -> str:
        """The example that shares most words with one that failed; empty where there is none."""
        wanted = _words(example)
        left = [key for key in self._keys if key not in besides]
        near = [(_shared(self._words[key], wanted), key) for key in left]
        return max(near)[1] if near else ""

    def crossed(self, one: Candidate, other: Candidate) -> Candidate:
        """A child: what it says and who answers from either parent, examples of both."""
        shots = list(dict.fromkeys((*one.shots, *other.shots)))
        self._rng.shuffle(shots)
        sizes = sorted((len(one.shots), len(other.shots)))
        count = self._rng.randint(sizes[0], min(self._most, max(sizes[1], len(shots))))
        return Candidate(
            self._rng.choice((one.instruction, other.instruction)), tuple(shots[:count]),
            self._rng.choice((one.model, other.model)), "crossover",
        )  # fmt: skip

    def mutated(self, one: Candidate, failed: Sequence[Example]) -> Candidate:
        """A candidate with one thing changed: an example more, less or another, or the model.

        An example that is added is, every other time, the nearest to one that failed.
        """
        ways = ["add"] * 2 if len(one.shots) < self._most else []
        ways += ["swap", "drop"] if one.shots else []
        ways += ["model"] if len(self._models) > 1 else []
        if not ways:
            return one
        way = self._rng.choice(ways)
        shots = list(one.shots)
        if way == "model":
            others = [each for each in self._models if each != one.model]
            return replace(one, model=self._rng.choice(others), origin="mutation")
        if way in ("swap", "drop"):
            shots.pop(self._rng.randrange(len(shots)))
        if way in ("swap", "add") and (added := self._another(one.shots, failed)):
            shots.insert(self._rng.randint(0, len(shots)), added)
        return replace(one, shots=tuple(shots), origin="mutation")

    def _another(self, besides: Sequence[str], failed: Sequence[Example]) -> str:
        if failed and self._rng.random() < 0.5:
            return self.nearest(self._rng.choice(failed), besides)
        left = [key for key in self._keys if key not in besides]
        return self._rng.choice(left) if left else ""

    def _distance(self, one: str, other: str) -> float:
        return 1 - _shared(self._words[one], self._words[other])


def _words(example: Example) -> frozenset[str]:
    return frozenset(_WORD.findall(text_of(example).lower()[:20_000]))


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))
