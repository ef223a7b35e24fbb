"""`spanglass.feedback_link`: a link that a browser can give feedback by, without a key."""

from __future__ import annotations

import time
from typing import Final

from spanglass import _current, _state
from spanglass._guard import guarded, log

#: A link that outlives its secret is of no use.
_LONGEST_S: Final = 10 * 366 * 86_400


def _no_link() -> str | None:
    return None


@guarded(_no_link)
def feedback_link(
    *,
    trace_id: str | None = None,
    span_id: str | None = None,
    name: str = "user_feedback",
    expires_in_s: float = 30 * 86_400,
) -> str | None:
    """A link by which anybody who has it can give feedback on one span or trace.

    It needs the setting `feedback_secret`, and the same one at the collector.

    Args:
        trace_id: which trace; by default the current span's, and that span.
        span_id: which span of it; None for the whole trace.
        name: of the score that the feedback becomes.
        expires_in_s: seconds for which the link is valid.

    Returns:
        `{web_url}/feedback/{token}`; None where there is none, which is said in a warning.
    """
    from spanglass.feedback_token import FeedbackTarget, sign

    runtime = _state.runtime
    if runtime is None:
        _state.miss(score=True)
        return None
    settings = runtime.settings
    if not settings.feedback_secret:
        log.warning(
            "spanglass: there is no feedback link without a secret: give init(feedback_secret=…)"
            " or SPANGLASS_FEEDBACK_SECRET, here and at the collector"
        )
        return None
    if trace_id is None and span_id is None:
        about = _current.current_span().get_span_context()
        if about.is_valid:
            trace_id, span_id = f"{about.trace_id:032x}", f"{about.span_id:016x}"
    if trace_id is None:
        log.warning("spanglass: a feedback link outside of any span needs a trace_id")
        return None
    if not isinstance(expires_in_s, int | float) or not 0 < expires_in_s < _LONGEST_S:
        log.warning(
            "spanglass: there is no feedback link: expires_in_s is seconds from now, above 0 and"
            " at most ten years; not %r",
            expires_in_s,
        )
        return None
    target = FeedbackTarget(
        settings.project,
        trace_id.lower(),
        (span_id or "").lower(),
        name,
        int(time.time() + expires_in_s),
    )
    try:
        return f"{settings.web}/feedback/{sign(target, settings.feedback_secret)}"
    except ValueError as error:
        log.warning("spanglass: there is no feedback link: %s", error)
        return None
