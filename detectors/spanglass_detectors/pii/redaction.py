"""Takes personal data out of texts, each kind in its way.

What is found is masked (`<EMAIL_ADDRESS>`), replaced by a keyed hash that is the same wherever the
value is (`<EMAIL_ADDRESS:9f2c…>`), or by one that is the same within a trace alone
(`<EMAIL_ADDRESS_9f2c>`), so that a conversation stays readable and nobody can be followed from one
to the next; by a pseudonym that who has the key can turn back (`<EMAIL_ADDRESS~…>`); or the whole
text goes.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from spanglass.redaction import announced, has_announcing_names
from spanglass_detectors.content import rewritten, role_of
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.pii.found import Found
from spanglass_detectors.pii.subjects import normal_form, subject

#: What stands for a text that could not be looked through.
WITHHELD: Final = "[withheld: redaction failed]"
#: Name under which such texts are counted.
FAILED: Final = "WITHHELD"
#: Hexadecimal digits of a hash in a text.
_HASH: Final = 16
_PLACEHOLDER: Final = 6
#: Shorter texts are nothing.
_SHORTEST: Final = 6


class Action(StrEnum):
    """What becomes of something that is found."""

    OFF = "off"
    MASK = "mask"
    HASH = "hash"
    PLACEHOLDER = "placeholder"
    PSEUDONYM = "pseudonym"
    DROP = "drop"


@dataclass(frozen=True)
class RedactionRule:
    """What becomes of some findings; what is empty holds for all.

    Attributes:
        fields: `input`, `output` or names of attributes; `*` stands for any letters.
    """

    action: Action
    entities: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()

    def holds(self, entity: str, field: str, role: str) -> bool:
        """Whether it is about this finding."""
        return (
            (not self.entities or entity in self.entities)
            and (not self.roles or role in self.roles)
            and (not self.fields or any(fnmatchcase(field, each) for each in self.fields))
        )


class TextRedactor:
    """Redacts texts and JSON values.

    Args:
        finder: what is looked for.
        rules: the first that is about a finding decides.
        otherwise: what becomes of the others.
        key: what is hashed with.
        pseudonym: makes one of an entity and a value; None where no rule asks for any.
    """

    def __init__(
        self,
        finder: Finder,
        rules: Sequence[RedactionRule],
        otherwise: Action,
        key: bytes,
        pseudonym: Callable[[str, str], str] | None = None,
    ) -> None:
        self._finder = finder
        self._rules = tuple(rules)
        self._otherwise = otherwise
        self._key = key
        self._pseudonym = pseudonym

    def redact_value(
        self, value: str, field: str, operation: str, scope: str, counts: Counter[str],
        name: str = "",
    ) -> str:  # fmt: skip
        """A field's value, JSON or text, without what is to go.

        It fails closed: where something goes wrong, the value is withheld and counted so.

        Args:
            value: of the field.
            field: its name.
            operation: what its span does.
            scope: within which placeholders are the same: a trace.
            counts: where findings are counted, by entity.
            name: that it stands under; it can say what the value is.
        """
        if len(value) < _SHORTEST:
            return value
        try:
            own: Counter[str] = Counter()
            if value[:1] not in ("{", "[", " ", "\n", "\t", "\r"):
                shown = self.redact(value, field, role_of(field, operation), scope, own, name)
                if own:
                    counts.update(own)
                return shown
            parts = self._parts(value, name)
            if parts is not None and not parts:
                return value

            def change(text: str, role: str, under: str) -> str:
                is_whole = text is value or _is_made(text)
                if parts is not None and text not in parts and not is_whole:
                    return text
                return self.redact(text, field, role, scope, own, under or name)

            shown = rewritten(value, role_of(field, operation), change)
        except Exception:
            counts[FAILED] += 1
            return WITHHELD
        counts.update(own)
        return shown

    def redact(
        self, text: str, field: str, role: str, scope: str, counts: Counter[str], name: str = ""
    ) -> str:
        """One text without what is to go."""
        parts: list[str] = []
        at = 0
        for each in self._finder.find(text, name):
            action = self._action(each.entity, field, role)
            if action is Action.OFF:
                continue
            counts[each.entity] += 1
            if action is Action.DROP:
                return f"[dropped: {each.entity}]"
            parts += (text[at : each.start], self._shown(action, each, text, scope))
            at = each.end
        return "".join([*parts, text[at:]]) if parts else text

    def _parts(self, value: str, name: str) -> set[str] | None:
        """What stands between quotes in JSON and has something in it, without reading the JSON.

        Texts without escapes stand in JSON as they are, between quotes, which belong to nothing
        that is looked for.

        Returns:
            None where that can't be said without reading it.
        """
        if self._finder.has_more or "\\" in value or has_announcing_names(value) or announced(name):
            return None
        parts: set[str] = set()
        for each in self._finder.find(value):
            end = value.find('"', each.end)
            parts.update(
                value[value.rfind('"', 0, each.start) + 1 : end if end >= 0 else None].split('"')
            )
        return parts

    def _action(self, entity: str, field: str, role: str) -> Action:
        for rule in self._rules:
            if rule.holds(entity, field, role):
                return rule.action
        return self._otherwise

    def _shown(self, action: Action, found: Found, text: str, scope: str) -> str:
        if action is Action.MASK:
            return f"<{found.entity}>"
        value = text[found.start : found.end]
        if action is Action.PSEUDONYM:
            # Without a key it raises, and the text is withheld.
            assert self._pseudonym is not None
            return self._pseudonym(found.entity, value)
        if action is Action.HASH:
            return f"<{found.entity}:{subject(self._key, found.entity, value)[:_HASH]}>"
        told = f"{scope}\0{found.entity}\0{normal_form(found.entity, value)}"
        digest = hmac.digest(self._key, told.encode("utf-8", "replace"), "sha256").hex()
        return f"<{found.entity}_{digest[:_PLACEHOLDER]}>"


def _is_made(text: str) -> bool:
    """Whether a text need not stand in the JSON so: a number, or what was too deep to be read."""
    return text[:1] in ("{", "[") or text.lstrip("-").isdigit()
