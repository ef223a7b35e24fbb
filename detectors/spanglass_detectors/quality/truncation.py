"""Answers that were cut off.

What the provider says of the end decides; where it says nothing, how the text ends. What it can't
see: an answer that was cut exactly behind a sentence.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_CUT: Final = frozenset({"length", "max_tokens", "max_output_tokens", "model_length", "incomplete"})
_ENDED: Final = frozenset({"stop", "end_turn", "stop_sequence", "tool_calls", "tool_use", "eos"})
#: Characters below which an ending says nothing: titles, names, numbers.
_SHORTEST: Final = 80
#: How a text ends that is whole: a sign, a link, a list, a table, code.
_WHOLE: Final = re.compile(
    r"(?:[.!?…:;。！？」』\"'”’)\]}>*_`|\-]|[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?)\s*$|(?:^|\n)\s*(?:[-*•#>|]|\d+[.)])[^\n]*$|https?://\S+$"
)
_LIKELY: Final = 0.7


class Truncation(NamedTuple):
    """How sure it is that an answer was cut off, from 0 to 1, and why."""

    value: float
    reason: str


def truncation(answer: str, finish_reasons: Sequence[str]) -> Truncation | None:
    """Whether an answer was cut off; None where nothing says.

    Args:
        answer: as plain text.
        finish_reasons: what the provider said.
    """
    said = {each.lower() for each in finish_reasons}
    if said & _CUT:
        return Truncation(1.0, f"the provider says {min(said & _CUT)}")
    text = answer.rstrip()
    if text.count("```") % 2:
        return Truncation(_LIKELY, "a block of code is not closed")
    if said & _ENDED or not text:
        return Truncation(0.0, "") if text or said else None
    if len(text) >= _SHORTEST and not _WHOLE.search(text[-400:]):
        return Truncation(_LIKELY, f"it ends with “{text[-40:]}”")
    return Truncation(0.0, "")
