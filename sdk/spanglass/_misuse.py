"""Calls whose arguments are not those of the function: said in words, and done as far as they go.

A misspelt setting must not cost the others, and is no error of ours. Imported with the first one.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from spanglass._guard import log

#: What has been said; a call in a loop says it once.
_said: Final[set[str]] = set()
_MAX_SAID: Final = 1000


def is_misuse(error: BaseException) -> bool:
    """Whether a call has failed before the function began, because of its arguments.

    That is where the frame that has caught the error is the last of its traceback.
    """
    trace = error.__traceback__
    return isinstance(error, TypeError) and trace is not None and trace.tb_next is None


def fitting(
    function: Callable[..., Any], kwargs: Mapping[str, Any], error: BaseException
) -> dict[str, Any] | None:
    """The named arguments that a function has, of a call with others beside them.

    Args:
        function: what was called.
        kwargs: what it was given by name. What it does not have is named in a warning.
        error: why the call has failed.

    Returns:
        The arguments to call it with instead; None where leaving some out does not help, which
        is said in a warning, too.
    """
    known = _names(function)
    unknown = [name for name in kwargs if name not in known]
    if not unknown:
        _say(f"{error}: the call does nothing")
        return None
    for name in unknown:
        near = difflib.get_close_matches(name, known, 1, cutoff=0.7)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        _say(f"{function.__qualname__}() has no argument {name!r}: it is left out{hint}")
    return {name: value for name, value in kwargs.items() if name in known}


def _names(function: Callable[..., Any]) -> list[str]:
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in found if parameter.kind in by_name]


def _say(text: str) -> None:
    if text not in _said and len(_said) < _MAX_SAID:
        _said.add(text)
        log.warning("spanglass: %s", text)
