"""Something that is current within a `with` or an `async with`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from spanglass import _current
from spanglass._guard import guard

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context


class Attachment:
    """A context manager that may be entered several times, one within the other.

    Attributes:
        what: for the log, should it fail.
    """

    __slots__ = ("_tokens",)

    what: ClassVar[str]

    def __init__(self) -> None:
        self._tokens: list[Token[Context]] = []

    def _attach(self) -> Token[Context]:
        """Makes it current."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with guard(self.what):
            self._tokens.append(self._attach())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with guard(self.what):
            if self._tokens:
                _current.detach(self._tokens.pop())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)
