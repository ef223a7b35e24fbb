"""What a detector is, and how a function becomes one."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from spanglass_detectors.results import Result
from spanglass_detectors.span import COLUMNS, Span


class Detector:
    """Judges spans. Subclass it, or use `@detector` on a function.

    One object judges many spans, one at a time, in a process of its own; what takes long, like
    loading a model, belongs into `__init__`. It may raise: then that span is marked, and the next
    one is judged.

    Attributes:
        version: of what it judges by. A new one gives new results beside the old.
        operations: kinds of spans that it is for (`chat`, `retrieval`); empty for all.
        columns: what it reads of a span besides its identity (see `Span`); less is faster.
        batch: most spans that `judge_batch` takes at once.
    """

    version: str = "1"
    operations: Sequence[str] = ()
    columns: Sequence[str] = COLUMNS
    batch: int = 1

    #: What `spanglass detect list` says of it.
    description: ClassVar[str] = ""

    def judge(self, span: Span) -> Iterable[Result]:
        """What is to be said of one span; nothing is an answer, too."""
        raise NotImplementedError

    def judge_batch(self, spans: Sequence[Span]) -> Sequence[Iterable[Result]]:
        """The same for several, in their order. For models that are faster so: set `batch`."""
        return [self.judge(span) for span in spans]


class FunctionDetector(Detector):
    """A function as a detector.

    Args:
        function: takes a span (and the job's options, by name), gives results.
        options: of the job.
    """

    def __init__(
        self,
        function: Callable[..., Iterable[Result] | Result | None],
        options: dict[str, Any] | None = None,
    ) -> None:
        self._function = function
        self._options = options or {}
        for name, value in getattr(function, "__spanglass__", {}).items():
            setattr(self, name, value)

    def judge(self, span: Span) -> Iterable[Result]:
        found = self._function(span, **self._options)
        if found is None:
            return []
        return list(found) if isinstance(found, Iterable) else [found]


def detector(
    version: str = "1",
    operations: Sequence[str] = (),
    columns: Sequence[str] = COLUMNS,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a detector of a function that takes a span.

    Args:
        version: of what it judges by.
        operations: kinds of spans that it is for; empty for all.
        columns: what it reads of a span besides its identity.

    Raises:
        ValueError: if a column is not known.
    """
    unknown = set(columns) - set(COLUMNS)
    if unknown:
        raise ValueError(f"no columns of spans: {sorted(unknown)}; there are {COLUMNS}")
    described = {"version": version, "operations": tuple(operations), "columns": tuple(columns)}

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__spanglass__ = described  # type: ignore[attr-defined]
        return function

    return mark


def made(found: Any, options: dict[str, Any]) -> Detector:
    """A detector from what a name led to: a class, an object or a function.

    Raises:
        TypeError: if it is none of these, or does not take the options.
    """
    if isinstance(found, type) and issubclass(found, Detector):
        return found(**options)
    if isinstance(found, Detector):
        return found
    if callable(found):
        return FunctionDetector(found, options)
    raise TypeError(f"{found!r} is no detector: neither a function nor a subclass of Detector")
