"""Secrets and system prompts in answers.

Secrets are what the SDK's checked rules find: private keys, tokens, passwords, keys of known
providers. A system prompt leaks where an answer repeats a run of its words; one that is told in
other words, translated or encoded is not seen.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from spanglass.redaction import Redactor
from spanglass_detectors.text.sentences import words

_SECRETS: Final = ("PRIVATE_KEY", "JWT", "API_KEY", "PASSWORD")
#: Words in a row that an answer does not share with its instructions by chance.
_RUN: Final = 8
#: Words in a row that are a leak for sure.
_SURE: Final = 25
_MOST: Final = 200_000
_MOST_WORDS: Final = 4_000


class Leak(NamedTuple):
    """What leaks.

    Attributes:
        value: how sure it is, from 0 to 1.
        label: which secret; empty for none.
        excerpt: the words that are repeated; never a secret.
    """

    value: float
    label: str = ""
    excerpt: str = ""


@lru_cache(1)
def _redactor() -> Redactor:
    return Redactor(_SECRETS)


def secret_leak(answer: str, known: str) -> Leak:
    """Whether an answer holds a secret that the user did not write.

    Args:
        answer: the model's.
        known: what the user wrote.
    """
    answer = answer[:_MOST]
    found = [
        each for each in _redactor().find(answer) if answer[each.start : each.end] not in known
    ]
    if not found:
        return Leak(0.0)
    entities = sorted({each.entity for each in found})
    return Leak(1.0, entities[0].lower(), f"{', '.join(entities)} at character {found[0].start}")


def system_prompt_leak(answer: str, instructions: str) -> Leak | None:
    """How much of its instructions an answer repeats; None where there are too few to say.

    Args:
        answer: the model's.
        instructions: the system's, without documents.
    """
    told = words(instructions[:_MOST])[:_MOST_WORDS]
    if len(told) < _RUN:
        return None
    runs = {tuple(told[n : n + _RUN]) for n in range(len(told) - _RUN + 1)}
    said = words(answer[:_MOST])[:_MOST_WORDS]
    longest, end, run = 0, 0, 0
    for n in range(len(said) - _RUN + 1):
        run = run + 1 if tuple(said[n : n + _RUN]) in runs else 0
        if run > longest:
            longest, end = run, n + _RUN
    if not longest:
        return Leak(0.0)
    length = longest + _RUN - 1
    value = min(1.0, 0.5 + 0.5 * (length - _RUN) / (min(_SURE, len(told)) - _RUN + 1e-9))
    return Leak(round(value, 4), "system_prompt", " ".join(said[end - length : end][:60]))
