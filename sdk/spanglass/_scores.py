"""`spanglass.score` and `spanglass.feedback`: how good something was, said now or later.

A score is an event of its own (`gen_ai.evaluation.result`), so it can be given while its span
runs, after it has ended, and in another process that knows the ids.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from opentelemetry import trace

from spanglass import _clock, _current, _state
from spanglass import _names as names
from spanglass._guard import guarded, log
from spanglass._logs import Event
from spanglass._serialize import json_text, text

#: Who or what has given a score.
Source: TypeAlias = Literal["human", "user", "code", "judge", "detector"]

_SOURCES: Final = ("human", "user", "code", "judge", "detector")
#: Characters of a name, a label or an evaluator, and of the metadata.
_SHORT: Final = 200
_METADATA: Final = 10_000
_USER_FEEDBACK: Final = "user_feedback"

#: Reasons that were said already: a loop that scores wrongly says it once.
_said: Final[set[str]] = set()


class Ids(NamedTuple):
    """What is current here, to be stored beside an answer.

    Attributes:
        trace_id: 32 hexadecimal digits; None outside of any span.
        span_id: 16 hexadecimal digits; None outside of any span.
        session_id: as `context` says; None without.
    """

    trace_id: str | None
    span_id: str | None
    session_id: str | None


class _Refused(Exception):
    """A score that cannot be recorded.

    Args:
        reason: under which it is counted.
        message: what is wrong, and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Target(NamedTuple):
    trace_id: int
    span_id: int
    session_id: str | None
    response_id: str | None


def _no_ids() -> Ids:
    return Ids(None, None, None)


def _no_id() -> str | None:
    return None


@guarded(_no_ids)
def current_ids() -> Ids:
    """Trace, span and session that are current here; each is None where there is none.

    Stored with an answer, they are what `score` and `feedback` take later, in any process.
    """
    about = _current.current_span().get_span_context()
    session = _current.attributes().get(names.SESSION)
    if not about.is_valid:
        return Ids(None, None, session)
    return Ids(trace.format_trace_id(about.trace_id), trace.format_span_id(about.span_id), session)


@guarded(_no_id)
def score(
    name: str,
    value: float | bool | str,
    *,
    label: str | None = None,
    comment: str | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    session_id: str | None = None,
    evaluator: str | None = None,
    source: Source = "code",
    metadata: Mapping[str, object] | None = None,
    score_id: str | None = None,
    time_ns: int | None = None,
) -> str | None:
    """Scores the current span, or a span, a trace or a session by id.

        spanglass.score("groundedness", 0.9, evaluator="overlap-v2")

    Args:
        name: what is measured; a higher value means more of it.
        value: a number, a truth (recorded as 1 or 0 and labelled), or a category (a label).
        label: a category beside a number.
        comment: why.
        trace_id: 32 hexadecimal digits; the trace, or that of `span_id`. By default the current.
        span_id: 16 hexadecimal digits.
        session_id: the session. Without `trace_id` and `span_id` the score is about the session.
        evaluator: what or who has given it, with a version: `overlap-v2`.
        source: `human`, `user`, `code`, `judge` or `detector`.
        metadata: more about it; recorded as JSON.
        score_id: of an earlier score that this one replaces. By default a new one.
        time_ns: when it was given, in nanoseconds since 1970. By default now.

    Returns:
        The score's id; None where it was not recorded, which is said in a warning and counted.
    """
    found: dict[str, Any] = {names.EVALUATION_NAME: name}
    if isinstance(value, str):
        found[names.EVALUATION_LABEL] = value
    else:
        found[names.EVALUATION_SCORE] = value
        if isinstance(value, bool) or type(value).__name__ == "bool":
            found[names.EVALUATION_LABEL] = "true" if value else "false"
    if label is not None:
        found[names.EVALUATION_LABEL] = label
    return _give(
        found, comment, (trace_id, span_id, session_id), evaluator, source, metadata, score_id,
        time_ns,
    )  # fmt: skip


@guarded(_no_id)
def feedback(
    *,
    thumbs: bool | Literal["up", "down"] | None = None,
    rating: float | None = None,
    rating_scale: tuple[float, float] = (1, 5),
    correction: str | None = None,
    comment: str | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    session_id: str | None = None,
    source: Source = "user",
    evaluator: str | None = None,
    metadata: Mapping[str, object] | None = None,
    score_id: str | None = None,
    time_ns: int | None = None,
) -> str | None:
    """What a person says of an answer: a score named `user_feedback`, from 0 to 1.

        spanglass.feedback(thumbs="up", trace_id=ids.trace_id, span_id=ids.span_id)

    Args:
        thumbs: up (1) or down (0).
        rating: on `rating_scale`; recorded from 0 to 1, and as given in the metadata.
        rating_scale: the worst and the best rating; the best may be the lower number.
        correction: the answer as it should have been.
        comment: in the person's words.
        trace_id: as for `score`.
        span_id: as for `score`.
        session_id: as for `score`.
        source: who says it: `user`, or `human` for people of yours.
        evaluator: who it was, if that is to be known.
        metadata: more about it; recorded as JSON.
        score_id: of an earlier feedback that this one replaces.
        time_ns: as for `score`.

    Returns:
        The score's id; None where it was not recorded, which is said in a warning and counted.
    """
    found: dict[str, Any] = {names.EVALUATION_NAME: _USER_FEEDBACK}
    more = dict(metadata or {})
    try:
        if thumbs is not None:
            up = _is_up(thumbs)
            found[names.EVALUATION_SCORE] = float(up)
            found[names.EVALUATION_LABEL] = "up" if up else "down"
        if rating is not None:
            found[names.EVALUATION_SCORE] = _share(rating, rating_scale)
            more |= {"rating": rating, "rating_scale": list(rating_scale)}
        if correction is not None:
            found[names.CORRECTION] = str(correction)
        if names.EVALUATION_SCORE not in found:
            if correction is None and comment is None:
                raise _Refused(
                    "invalid", "feedback needs thumbs, a rating, a correction or a comment"
                )
            found[names.EVALUATION_LABEL] = "comment" if correction is None else "correction"
    except _Refused as refused:
        _refuse(refused)
        return None
    return _give(
        found, comment, (trace_id, span_id, session_id), evaluator, source, more, score_id, time_ns
    )


def _give(
    found: dict[str, Any],
    comment: str | None,
    about: tuple[str | None, str | None, str | None],
    evaluator: str | None,
    source: str,
    metadata: Mapping[str, object] | None,
    score_id: str | None,
    time_ns: int | None,
) -> str | None:
    """Records a score, and returns its id."""
    runtime = _state.runtime
    if runtime is None:
        _state.miss(score=True)
        return None
    if _state.is_masking():
        return None
    settings = runtime.settings
    try:
        target = _target(*about)
        moment = _clock.wall() if time_ns is None else _moment(time_ns)
        _check(found, source)
    except _Refused as refused:
        _refuse(refused)
        return None
    identity = score_id or str(uuid.uuid4())
    found[names.SCORE_ID] = identity
    found[names.SCORE_SOURCE] = source
    found[names.SCORE_EVALUATOR] = evaluator
    found[names.SESSION] = target.session_id
    found[names.RESPONSE_ID] = target.response_id
    attributes: dict[str, Any] = {
        key: text(value, _SHORT) if isinstance(value, str) else value
        for key, value in found.items()
        if value is not None and key != names.CORRECTION
    }
    if metadata:
        attributes[names.SCORE_METADATA] = json_text(dict(metadata), _METADATA)
    if settings.capture_content:
        said = {
            names.EVALUATION_EXPLANATION: comment,
            names.CORRECTION: found.get(names.CORRECTION),
        }
        limit = settings.max_content_chars
        attributes |= {key: text(each, limit) for key, each in said.items() if each}
    runtime.sink.offer_score(
        Event(
            names.EVALUATION,
            attributes,
            moment,
            target.trace_id,
            target.span_id,
            runtime.provider.resource,
            runtime.scope,
        )
    )
    return identity


def _is_up(thumbs: object) -> bool:
    """Raises _Refused for what is neither up nor down."""
    for up, words in ((True, (True, "up")), (False, (False, "down"))):
        if any(thumbs is word or thumbs == word for word in words):
            return up
    raise _Refused("invalid", f"thumbs is up or down, not {thumbs!r}")


def _share(rating: float, scale: tuple[float, float]) -> float:
    """A rating from 0 to 1.

    Raises:
        _Refused: it is not on the scale.
    """
    try:
        worst, best = (float(each) for each in scale)
        share = (float(rating) - worst) / (best - worst)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        share = math.nan
    if not 0 <= share <= 1:
        raise _Refused("invalid", f"the rating {rating!r} is not on the rating_scale {scale!r}")
    return share


def _check(found: dict[str, Any], source: str) -> None:
    """Makes a number of the value, and checks what has to be right.

    Raises:
        _Refused: something is not.
    """
    name = found[names.EVALUATION_NAME]
    if not isinstance(name, str) or not name.strip():
        raise _Refused("invalid", "a score needs a name")
    if source not in _SOURCES:
        raise _Refused("invalid", f"source is one of {', '.join(_SOURCES)}, not {source!r}")
    if names.EVALUATION_SCORE not in found:
        if not str(found[names.EVALUATION_LABEL]).strip():
            raise _Refused("invalid", f"the score {name!r} is an empty text")
        return
    value = found[names.EVALUATION_SCORE]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        kind = type(value).__name__
        raise _Refused(
            "invalid", f"the score {name!r} needs a finite number, true, false or a text ({kind})"
        )
    found[names.EVALUATION_SCORE] = number


def _moment(time_ns: object) -> int:
    """Raises _Refused for what is no time that OpenTelemetry can carry."""
    if isinstance(time_ns, bool) or not isinstance(time_ns, int) or not 0 < time_ns < 1 << 63:
        raise _Refused("invalid", f"time_ns is nanoseconds since 1970, not {time_ns!r}")
    return time_ns


def _target(trace_id: str | None, span_id: str | None, session_id: str | None) -> _Target:
    """What a score is about.

    Raises:
        _Refused: an id is none, or there is nothing.
    """
    if trace_id is None and span_id is not None:
        raise _Refused("invalid", "a span_id needs its trace_id beside it")
    if trace_id is not None:
        return _Target(_id(trace_id, 32), _id(span_id, 16) if span_id else 0, session_id, None)
    if session_id is not None:
        return _Target(0, 0, session_id, None)
    session = _current.attributes().get(names.SESSION)
    about = _current.current_span().get_span_context()
    if about.is_valid:
        return _Target(about.trace_id, about.span_id, session, _current.response_id())
    if session is not None:
        return _Target(0, 0, session, None)
    raise _Refused(
        "no_target", "a score outside of any span or session needs a trace_id or session_id"
    )


def _id(given: str, digits: int) -> int:
    """An id as a number.

    Raises:
        _Refused: it is none.
    """
    try:
        hexadecimal = len(given) == digits and given.isascii() and given.isalnum()
        number = int(given, 16) if hexadecimal else 0
    except (TypeError, ValueError):
        number = 0
    if not number:
        whose = "trace" if digits == 32 else "span"
        raise _Refused("invalid", f"a {whose}_id has {digits} hexadecimal digits, not all 0")
    return number


def _refuse(refused: _Refused) -> None:
    """Counts a score that is not recorded, and says once what is wrong with it."""
    runtime = _state.runtime
    if runtime is None:
        _state.miss(score=True)
        return
    runtime.sink.refuse_score(refused.reason)
    said = str(refused)
    if said not in _said and len(_said) < 1000:
        _said.add(said)
        log.warning("spanglass: a score is not recorded: %s", said)
