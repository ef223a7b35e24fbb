"""`spanglass.prompt`: prompts from the registry, kept in memory and refreshed in the background."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, urlencode

from spanglass import _state
from spanglass._guard import guard, guarded, log
from spanglass.prompts._copies import Copies
from spanglass.prompts._definition import read
from spanglass.prompts._prompt import Origin, Prompt
from spanglass.prompts._work import PromptError

if TYPE_CHECKING:
    from spanglass._runtime import Runtime

#: What an application falls back to: a text, messages, or a whole definition.
Fallback: TypeAlias = str | Sequence[Mapping[str, str]] | Mapping[str, Any]
#: Name, label and version.
_Which: TypeAlias = tuple[str, str, int | None]

#: Seconds that the first use of a prompt waits for the registry.
_FIRST_WAIT_S: Final = 2.0
_REFRESH_TIMEOUT_S: Final = 10.0
#: Seconds after a failure in which the registry is not asked again.
_PAUSE_S: Final = 10.0
_MOST_PROMPTS: Final = 1000


class _Entry:
    """A prompt in memory; None where the registry had none to give.

    Attributes:
        until: by the steady clock, when it is asked for again.
    """

    __slots__ = ("prompt", "until")

    def __init__(self, prompt: Prompt | None, until: float) -> None:
        self.prompt = prompt
        self.until = until


class _Absent(Exception):
    """The registry says that there is no such prompt, or that it may not be read."""


class Registry:
    """The prompts of one `init`.

    Args:
        runtime: what `init` has set up.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.entries: dict[_Which, _Entry] = {}
        self._copies = Copies(runtime.settings)
        self._lock = threading.Lock()
        self._first_lock = threading.Lock()
        self._waiting: set[_Which] = set()
        self._is_refreshing = False
        self._pid = os.getpid()

    def slow(self, which: _Which, fallback: Fallback | None) -> Prompt:
        """A prompt that is not in memory, or is due again."""
        self._after_fork()
        entry = self.entries.get(which)
        if entry is None:
            with self._first_lock:
                entry = self.entries.get(which) or self._first(which)
        elif time.monotonic() >= entry.until:
            self._refresh_later(which)
        return entry.prompt or _own(which[0], fallback)

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._lock, self._first_lock = threading.Lock(), threading.Lock()
            self._is_refreshing = False

    def _first(self, which: _Which) -> _Entry:
        prompt: Prompt | None = None
        pause = self.runtime.settings.prompt_refresh_s
        try:
            prompt = self._ask(which, _FIRST_WAIT_S)
        except Exception as error:
            pause = _PAUSE_S
            answer = None if isinstance(error, _Absent) else self._copies.find(which)
            prompt = None
            if answer is not None:
                with guard("prompt"):
                    prompt = _prompt(which[0], answer, "disk")
            instead = "the last good copy is used" if prompt else "there is no copy"
            log.warning(
                "spanglass: no prompt %s from the registry: %s; %s", which[0], error, instead
            )
        entry = _Entry(prompt, time.monotonic() + pause)
        if len(self.entries) >= _MOST_PROMPTS:
            self.entries.pop(next(iter(self.entries)), None)
        self.entries[which] = entry
        return entry

    def _refresh_later(self, which: _Which) -> None:
        with self._lock:
            self._waiting.add(which)
            if self._is_refreshing:
                return
            self._is_refreshing = True
        try:
            threading.Thread(target=self._refresh, name="spanglass-prompts", daemon=True).start()
        except RuntimeError:
            # No thread can be started any more: the process ends.
            self._is_refreshing = False

    def _refresh(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_refreshing = False
                    return
                which = self._waiting.pop()
            entry = self.entries.get(which)
            if entry is None:
                continue
            pause = self.runtime.settings.prompt_refresh_s
            try:
                entry.prompt = self._ask(which, _REFRESH_TIMEOUT_S)
            except Exception as error:
                # What was good is used on.
                pause = min(pause, _PAUSE_S)
                log.debug("spanglass: the prompt %s was not refreshed: %s", which[0], error)
            entry.until = time.monotonic() + pause

    def _ask(self, which: _Which, timeout_s: float) -> Prompt:
        from spanglass._transport import Transport

        name, label, version = which
        asked = {"label": label} if version is None else {"version": version}
        settings = self.runtime.settings
        path = f"/api/v1/prompts/{quote(name, safe='')}/resolve?{urlencode(asked)}"
        answer = Transport(settings, settings.web).get(path, min(timeout_s, settings.timeout_s))
        if answer.status in (401, 403, 404, 422):
            raise _Absent(_detail(answer.body) or f"it answered {answer.status}")
        if answer.status != 200:
            raise OSError(f"it answered {answer.status}")
        said = json.loads(answer.body)
        made = _prompt(name, said, "registry")
        self._copies.keep(which, said)
        return made


def _detail(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return ""


def _prompt(name: str, answer: Mapping[str, Any], origin: Origin) -> Prompt:
    return Prompt(name, int(answer["version"]), read(answer["definition"]), origin)


def _own(name: str, fallback: Fallback | None) -> Prompt:
    """The application's own prompt."""
    origin: Origin = "none" if fallback is None else "fallback"
    given: Any = "" if fallback is None else fallback
    if not isinstance(given, str | Mapping):
        given = list(given)
    try:
        definition = read(given if isinstance(given, Mapping) else {"template": given})
    except PromptError as error:
        log.warning("spanglass: the fallback of the prompt %s can't be used: %s", name, error)
        return Prompt(name, None, read({"template": ""}), "none")
    return Prompt(name, None, definition, origin)


_registry: Registry | None = None


def _nothing() -> Prompt:
    return Prompt("", None, read({"template": ""}), "none")


@guarded(_nothing)
def prompt(
    name: str,
    *,
    label: str = "production",
    version: int | None = None,
    fallback: Fallback | None = None,
    split: Mapping[str, float] | None = None,
    unit: str | None = None,
) -> Prompt:
    """A prompt from the registry.

        greeting = spanglass.prompt("greeting", fallback="Greet {{name}}.")
        client.chat.completions.create(model="gpt-4o-mini", messages=greeting.messages(name="Ada"))

    The first use waits up to two seconds for the registry; after that it is in memory, and is
    refreshed in the background. Where the registry is away, the last good copy on disk is used,
    and else the fallback. It does not raise.

    Args:
        name: of the prompt.
        label: which version: the one that has this label now.
        version: one version, whatever its labels.
        fallback: a text, messages or a definition for when there is nothing else.
        split: an experiment: labels with their shares, the present one first. Takes the place of
            `label`.
        unit: whom the split keeps with one label; by default the user of `context`, or its
            session. Without any, it is the first label.
    """
    global _registry
    if split is not None:
        from spanglass.prompts._split import choose

        label = choose(name, split, unit, label)
    runtime = _state.runtime
    registry = _registry
    if registry is None or registry.runtime is not runtime:
        if runtime is None or runtime is _state.captured:
            # Not set up, or inside of a test: nothing is fetched.
            return _own(name, fallback)
        registry = _registry = Registry(runtime)
    entry = registry.entries.get((name, label, version))
    if entry is not None and entry.prompt is not None and time.monotonic() < entry.until:
        return entry.prompt
    return registry.slow((str(name), str(label), version), fallback)
