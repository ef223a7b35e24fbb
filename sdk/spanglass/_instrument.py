"""`spanglass.instrument`: turns on the OpenTelemetry instrumentations that are installed.

One for each library, never two: what two of them record is the same call twice, with its tokens
and its cost.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from typing import Any, Final

from spanglass import _state
from spanglass._guard import guard, guarded, log
from spanglass._instrumentations import LIBRARIES, Library
from spanglass._tracer_provider import CurrentProvider

_GROUP: Final = "opentelemetry_instrumentor"
#: What says to the instrumentations of each family whether to record content. Without a word
#: OpenTelemetry's own record none, the others all.
_CONTENT: Final[Mapping[bool, Mapping[str, str]]] = {
    True: {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    },
    False: {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
        "OPENINFERENCE_HIDE_INPUTS": "true",
        "OPENINFERENCE_HIDE_OUTPUTS": "true",
        "TRACELOOP_TRACE_CONTENT": "false",
    },
}


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """What became of one instrumentation.

    Attributes:
        library: what it is for: `openai`, `langchain`, …
        distribution: the package that it comes in; empty where none is installed.
        version: of that package.
        on: whether it is turned on, by this call or one before.
        reason: why it is not; empty where it is.
    """

    library: str
    distribution: str
    version: str
    on: bool
    reason: str = ""

    def __str__(self) -> str:
        package = f"{self.distribution} {self.version}".strip()
        about = ": ".join(part for part in (package, self.reason) if part)
        return f"{'on' if self.on else 'left':<5}{self.library:<17}{about}"


class Instrumentations(tuple[Instrumentation, ...]):
    """What `instrument` returns: one line for each instrumentation, to read or to print."""

    __slots__ = ()

    @property
    def on(self) -> dict[str, str]:
        """The distribution that is turned on for each library."""
        return {each.library: each.distribution for each in self if each.on}

    @property
    def left(self) -> tuple[Instrumentation, ...]:
        """What is not turned on; each says why."""
        return tuple(each for each in self if not each.on)

    def __repr__(self) -> str:
        lines = [str(each) for each in sorted(self, key=lambda each: not each.on)]
        return "\n".join(lines) or "no library that could be instrumented is installed"


_lock: Final = threading.RLock()
#: For each library what has been turned on here: the distribution and its instrumentors.
_on: Final[dict[str, tuple[str, list[Any]]]] = {}
#: Variables that have been set here.
_set: Final[dict[str, str]] = {}


@guarded(lambda: Instrumentations())
def instrument(only: Iterable[str] | None = None) -> Instrumentations:
    """Turns on the OpenTelemetry instrumentations that are installed, one for each library.

        spanglass.init(service="assistant")
        print(spanglass.instrument())

    Their spans are part of our traces, and `context`, redaction and sampling apply to them. It
    can be called again, before or after `init`: what is on stays on. Where the environment does
    not say whether instrumentations record content, it is set to what `init` says, so call it
    behind `init` and before the clients are made.

    Args:
        only: libraries (`openai`, `langchain`, …), or packages of instrumentations
            (`openinference-instrumentation-openai`) where another than the preferred one is to
            be used; None for every library that is installed. The only way to `threading`, which
            changes `threading` and `concurrent.futures` so that they keep the context.

    Returns:
        What is on, and what was left and why.
    """
    wanted = None if only is None else _names([only] if isinstance(only, str) else only)
    with _lock:
        _say_whether_content()
        found: list[Instrumentation] = []
        for library in LIBRARIES:
            with guard(f"instrument {library.name}"):
                found += _one_library(library, wanted)
        for unknown in sorted(wanted or ()):
            if not any(unknown in (each.name, *each.instrumentations) for each in LIBRARIES):
                log.warning("spanglass: nothing is known of %r that could be turned on", unknown)
                found.append(Instrumentation(unknown, "", "", False, "not known"))
    return Instrumentations(found)


@guarded(tuple[str, ...])
def uninstrument(only: Iterable[str] | None = None) -> tuple[str, ...]:
    """Turns off what `instrument` has turned on.

    Args:
        only: libraries; None for all.

    Returns:
        The libraries that are not instrumented any more.
    """
    wanted = None if only is None else _names([only] if isinstance(only, str) else only)
    ended: list[str] = []
    with _lock:
        for name, (package, instrumentors) in list(_on.items()):
            if wanted is None or name in wanted or package in wanted:
                del _on[name]
                for instrumentor in instrumentors:
                    with guard(f"uninstrument {name}"):
                        instrumentor.uninstrument()
                ended.append(name)
        if not _on:
            for variable, value in _set.items():
                if os.environ.get(variable) == value:
                    del os.environ[variable]
            _set.clear()
    return tuple(ended)


def _names(given: Iterable[str]) -> set[str]:
    return {str(each).strip().lower().replace("_", "-") for each in given}


def _one_library(library: Library, wanted: set[str] | None) -> Iterator[Instrumentation]:
    packages = [each for each in map(_installed, library.instrumentations) if each is not None]
    named = [each for each in packages if wanted and each.name.lower() in wanted]
    chosen = bool(named) or (not library.by_name_only if wanted is None else library.name in wanted)
    absent = bool(library.distribution) and _installed(library.distribution) is None
    if not chosen or (absent and not packages):
        if wanted is not None and library.name in wanted:
            yield _left(library, None, f"{library.distribution} is not installed")
        elif not chosen and packages and wanted is not None and not absent:
            yield from (_left(library, each, "not asked for") for each in packages)
        return
    if not packages:
        advice = f"no instrumentation is installed: pip install {library.instrumentations[0]}"
        yield _left(library, None, advice)
        return
    if absent:
        reason = f"{library.distribution} is not installed"
        yield from (_left(library, each, reason) for each in packages)
        return
    yield from _one_of(library, named or packages, packages)


def _one_of(
    library: Library, candidates: list[Distribution], packages: list[Distribution]
) -> Iterator[Instrumentation]:
    """Turns on the first of the candidates that can be; says what became of every package."""
    taken = _on[library.name][0] if library.name in _on else ""
    theirs = "" if taken else next((p.name for p in packages if _turned_on_elsewhere(p)), "")
    for package in [*candidates, *(each for each in packages if each not in candidates)]:
        if taken == package.name:
            yield Instrumentation(library.name, package.name, package.version, True)
        elif theirs == package.name:
            yield _left(library, package, "the application has turned it on itself")
        elif taken or theirs:
            yield _left(library, package, f"{taken or theirs} is on; one is enough")
        elif package not in candidates:
            yield _left(library, package, "not asked for")
        else:
            reason = _turn_on(library, package)
            if not reason:
                taken = package.name
                yield Instrumentation(library.name, package.name, package.version, True)
            else:
                yield _left(library, package, reason)


def _turn_on(library: Library, package: Distribution) -> str:
    """Turns on a package's instrumentors; says why that could not be."""
    made: list[Any] = []
    try:
        instrumentors = [entry.load()() for entry in _entry_points(package)]
    except Exception as error:
        return f"it can't be imported: {_said(error)}"
    try:
        for instrumentor in instrumentors:
            instrumentor.instrument(
                tracer_provider=CurrentProvider(), raise_exception_on_conflict=True
            )
            if not instrumentor.is_instrumented_by_opentelemetry:
                raise RuntimeError("it did not turn on")
            made.append(instrumentor)
    except Exception as error:
        for instrumentor in made:
            with guard(f"uninstrument {library.name}"):
                instrumentor.uninstrument()
        return _said(error)
    if not made:
        return "it has nothing that could be turned on"
    _on[library.name] = (package.name, made)
    return ""


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _turned_on_elsewhere(package: Distribution) -> bool:
    """Whether the application uses an instrumentation already; nothing is imported for it."""
    for entry in _entry_points(package):
        module = sys.modules.get(entry.module)
        found = getattr(module, entry.attr, None) if module is not None else None
        if getattr(found, "_is_instrumented_by_opentelemetry", False):
            return True
        # Each instrumentor has one object, and that is what knows.
        one = getattr(found, "_instance", None)
        if getattr(one, "is_instrumented_by_opentelemetry", False):
            return True
    return False


def _entry_points(package: Distribution) -> list[EntryPoint]:
    return [entry for entry in package.entry_points if entry.group == _GROUP]


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _left(library: Library, package: Distribution | None, reason: str) -> Instrumentation:
    name, version = (package.name, package.version) if package is not None else ("", "")
    return Instrumentation(library.name, name, version, False, reason)


def _say_whether_content() -> None:
    """Sets what the environment does not say about content, as `init` has it."""
    runtime = _state.runtime
    if runtime is None or _set:
        return
    for variable, value in _CONTENT[bool(runtime.settings.capture_content)].items():
        if variable not in os.environ:
            _set[variable] = os.environ[variable] = value
