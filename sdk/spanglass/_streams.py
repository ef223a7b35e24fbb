"""The span of a generator, from its first step to its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass import _current
from spanglass import _names as names
from spanglass._guard import guard
from spanglass._serialize import json_text
from spanglass._spans import Capture, Span

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context


class Stream:
    """Keeps a generator's span, its context and what it yielded. No method raises.

    The context is current between `resume` and the next `suspend`, `succeed` or `fail`: while
    the generator's own code runs, and not while its caller's does. What the generator itself
    made current is there again when it goes on.

    Args:
        span: started, not current.
        capture: whether what is yielded is recorded; None for what `init` says.
    """

    __slots__ = (
        "_all_text",
        "_capture",
        "_context",
        "_count",
        "_items",
        "_kept",
        "_limit",
        "_span",
        "_token",
    )

    def __init__(self, span: Span, capture: Capture | None) -> None:
        self._span = span
        self._capture = capture
        self._context: Context | None = None
        self._token: Token[Context] | None = None
        self._items: list[tuple[bool, str]] = []
        self._all_text = True
        self._kept = 0
        self._count = 0
        runtime = span._runtime
        wanted = runtime is not None and span._captures(capture)
        self._limit = runtime.settings.max_content_chars if runtime and wanted else 0

    def resume(self) -> None:
        """The generator's code runs now."""
        with guard("generator"):
            if self._span._runtime is None:
                return
            if self._context is None:
                self._span._attach()
                self._token, self._span._token = self._span._token, None
            else:
                self._token = _current.resume(self._context)

    def suspend(self, item: object) -> None:
        """The generator has yielded."""
        with guard("generator"):
            if self._span._runtime is None:
                return
            self._context = _current.capture()
            self._detach()
            self._add(item)

    def succeed(self) -> None:
        """The generator has returned."""
        with guard("generator"):
            self._detach()
            self._record()
        with guard("generator"):
            self._span._end(None)

    def fail(self, error: BaseException) -> None:
        """The generator has raised, or was closed."""
        with guard("generator"):
            self._detach()
            self._record()
        with guard("generator"):
            if self._span._recording:
                self._span._fail(error)
        with guard("generator"):
            self._span._end(None)

    def _detach(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            _current.detach(token)

    def _add(self, item: object) -> None:
        span = self._span
        if self._count == 0 and span._kind.operation:
            since = span._now_ns() - (span._start_ns or 0)
            span._attributes[names.TIME_TO_FIRST_CHUNK] = since / 1e9
        self._count += 1
        if self._kept < self._limit:
            # Anything but text is written down now: the caller may change it next.
            is_text = type(item) is str
            kept = str(item) if is_text else json_text(item, self._limit - self._kept)
            self._all_text = self._all_text and is_text
            self._items.append((is_text, kept))
            self._kept += len(kept) + 2

    def _record(self) -> None:
        if self._span._runtime is None:
            return
        self._span._attributes[names.CHUNKS] = self._count
        items = self._items
        if not items:
            return
        if self._all_text:
            self._span._record_output("".join(kept for _, kept in items), self._capture)
        else:
            written = (json_text(kept, self._limit) if text else kept for text, kept in items)
            self._span._write_output(f"[{', '.join(written)}]", self._capture)
