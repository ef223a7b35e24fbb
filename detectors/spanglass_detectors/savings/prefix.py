"""What a provider's cache of prompts could hold, from prompts that followed each other.

A provider keeps the beginning of a prompt for some minutes, and takes less for the part that is the
same again: from `SHORTEST` tokens on, within `KEPT_S` seconds. Of a call and the one before it in
its segment, the common beginning is c characters of n, so about c / n of its tokens. A call saves

    u * (input - read) - m * v * (write - input)

a token at these prices, with u the tokens that could have been read and were not, v those of the
beginning, and m 1 where the call came too late and would write it anew. Where blocks of the prompt
are the same in both calls and stand behind something that differs, c is what they would make
together if they stood first.

Sources: providers' documents on prompt caching (OpenAI: from 1,024 tokens, 5 to 10 minutes;
Anthropic: from 1,024 tokens on most models, 5 minutes, a write costs 1.25 times the input). Tokens
are shared out by characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

#: Tokens of the shortest beginning that is kept, and for how many seconds.
SHORTEST: Final = 1_024
KEPT_S: Final = 300.0
#: By how much a part's share of tokens can differ from its share of characters.
TOLERANCE: Final = 0.15
#: Ends of blocks: empty lines, in JSON, too, and messages.
_END: Final = re.compile(r'\\n\\n|\n\n|"\s*\}\s*,\s*\{')
#: What is shorter may be the same by chance.
_SHORTEST_BLOCK: Final = 40


@dataclass(frozen=True)
class Followed:
    """A call and the one before it.

    Attributes:
        prompt: tools, instructions and messages, in the order in which they are sent.
        before: of the call before.
        characters: of the whole prompt.
        gap_s: between the two, in seconds.
        tokens: of the prompt.
        read: of them from the provider's cache.
    """

    prompt: str
    before: str
    characters: int
    gap_s: float
    tokens: float
    read: float


@dataclass(frozen=True)
class Rates:
    """US dollars a million tokens."""

    input: float
    read: float
    write: float


@dataclass(frozen=True)
class Potential:
    """What a cache would save of a call on average.

    Attributes:
        usd: of a call, as the prompts are.
        usd_error: standard error of that.
        usd_ordered: of a call, if what is the same stood first.
        usd_ordered_error: standard error of that.
        prefix: mean tokens of the common beginning.
        shared: mean tokens of what is the same, wherever it stands.
        in_time: part of the calls that came while the beginning would have been kept.
        calls: that were looked at.
    """

    usd: float
    usd_error: float
    usd_ordered: float
    usd_ordered_error: float
    prefix: float
    shared: float
    in_time: float
    calls: int


def common_prefix(first: str, second: str) -> int:
    """Characters of the common beginning."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def shared_characters(first: str, second: str) -> int:
    """Characters of the first one's blocks that the second has, too."""
    there = set(_END.split(second))
    return sum(len(each) for each in _END.split(first) if len(each) >= _SHORTEST_BLOCK
               and each in there)  # fmt: skip


def potential(calls: Sequence[Followed], rates: Rates) -> Potential:
    """What a cache of prompts would save of a call.

    Args:
        calls: drawn by chance, one at least.
        rates: of the model.
    """
    plain, ordered, prefixes, shares = [], [], [], []
    for call in calls:
        share = call.tokens / max(1, call.characters)
        prefix = common_prefix(call.prompt, call.before) * share
        shared = max(prefix, shared_characters(call.prompt, call.before) * share)
        prefixes.append(prefix)
        shares.append(shared)
        plain.append(_saved(call, prefix, rates))
        ordered.append(_saved(call, shared, rates))

    def error(values: list[float]) -> float:
        return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0

    return Potential(
        float(np.mean(plain)), error(plain), float(np.mean(ordered)), error(ordered),
        float(np.mean(prefixes)), float(np.mean(shares)),
        float(np.mean([call.gap_s <= KEPT_S for call in calls])), len(calls),
    )  # fmt: skip


def _saved(call: Followed, kept: float, rates: Rates) -> float:
    """US dollars of one call, were `kept` tokens in the cache; negative where they are written."""
    if kept < SHORTEST:
        return 0.0
    if call.gap_s > KEPT_S:
        return -kept * max(0.0, rates.write - rates.input) / 1e6
    return max(0.0, kept - call.read) * (rates.input - rates.read) / 1e6
