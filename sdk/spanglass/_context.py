"""`spanglass.context`: who and why, applied to every span below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from spanglass import _current
from spanglass import _names as names
from spanglass._attachment import Attachment
from spanglass._guard import guarded, log
from spanglass._serialize import attribute

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context as OtelContext

#: Characters of one value.
_LIMIT: Final = 4_000
_MAX_TAGS: Final = 64


class Context(Attachment):
    """What `spanglass.context` returns: a context manager, for `with` and `async with`."""

    __slots__ = ("_given",)

    what = "context"

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__()
        self._given = given

    def _attach(self) -> Token[OtelContext]:
        return _current.attach_attributes(self._merged())

    def _merged(self) -> dict[str, Any]:
        """What holds around, with what is given here: tags add up, all else is replaced."""
        outer = _current.attributes()
        merged = {**outer, **self._given}
        if names.TAGS in outer and names.TAGS in self._given:
            both = [*outer[names.TAGS], *self._given[names.TAGS]]
            merged[names.TAGS] = list(dict.fromkeys(both))[:_MAX_TAGS]
        return merged


@guarded(lambda: Context({}))
def context(
    *,
    session_id: str | None = None,
    user_id: str | None = None,
    tags: Iterable[str] | None = None,
    feature: str | None = None,
    metadata: Mapping[str, object] | None = None,
    prompt: str | tuple[str, str | int] | Mapping[str, object] | None = None,
) -> Context:
    """Says for all spans that start inside who they are for and what they belong to.

        with spanglass.context(session_id="s-17", user_id="u-4", tags=["beta"]):
            answer(question)

    Contexts nest: an inner one adds to and replaces what the outer one says; tags add up. The
    span that is current already does not change.

    Args:
        session_id: conversation, as `session.id` and `gen_ai.conversation.id`.
        user_id: person, as `user.id`.
        tags: labels to filter by, as `spanglass.tags`.
        feature: part of the product, as `spanglass.feature`.
        metadata: anything else worth finding, each as `spanglass.metadata.KEY`.
        prompt: name of the prompt in use, or name and version: `("greeting", 3)` or
            `{"name": "greeting", "version": 3}`.
    """
    given: dict[str, Any] = {}
    for name, text in (
        (names.SESSION, session_id),
        (names.CONVERSATION, session_id),
        (names.USER, user_id),
        (names.FEATURE, feature),
    ):
        if text is not None:
            given[name] = attribute(str(text), _LIMIT)
    if isinstance(tags, Iterable):
        listed = [tags] if isinstance(tags, str) else tags
        given[names.TAGS] = [str(attribute(str(tag), 200)) for tag in listed][:_MAX_TAGS]
    elif tags is not None:
        log.warning("spanglass: tags of context() are a list of texts; %r is left out", tags)
    if isinstance(metadata, Mapping):
        for key, value in metadata.items():
            found = attribute(value, _LIMIT)
            if found is not None:
                given[f"{names.METADATA}{key}"] = found
    elif metadata is not None:
        log.warning("spanglass: metadata of context() is a mapping; %r is left out", metadata)
    given |= _prompt(prompt)
    return Context(given)


def _prompt(prompt: object) -> dict[str, Any]:
    if prompt is None:
        return {}
    name: object
    version: object
    if isinstance(prompt, str):
        name, version = prompt, None
    elif isinstance(prompt, Mapping):
        name, version = prompt.get("name"), prompt.get("version")
    elif isinstance(prompt, tuple | list):
        name, version = tuple([*prompt, None, None][:2])
    else:
        name, version = getattr(prompt, "name", None), getattr(prompt, "version", None)
    named: dict[str, object] = {names.PROMPT_NAME: name, names.PROMPT_VERSION: version}
    return {key: attribute(str(value), 500) for key, value in named.items() if value is not None}
