"""Personal data is taken out before anything is on disk: the stage, and its settings.

It goes through every text of a request: names, messages, attributes and their nested values, bodies
of log records, attributes of resources and of points. It works on the decoded request, before the
spool, so neither spool nor store nor dead letters ever hold what it took out.
"""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanglass_collector.ingest.check import Stage
from spanglass_collector.ingest.forms import Form
from spanglass_detectors.pii.detector import is_text
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.pii.pseudonyms import Pseudonyms, read_key
from spanglass_detectors.pii.redaction import Action, RedactionRule, TextRedactor
from spanglass_store.otlp.content import CONTENT_KEYS, INPUT_KEYS, OUTPUT_KEYS, pattern

#: Attribute that counts what was taken out of a span or log record, by entity.
MARK: Final = "spanglass.redacted"
_OPERATION: Final = "gen_ai.operation.name"
_FIELDS: Final = {
    **dict.fromkeys(INPUT_KEYS, "input"), **dict.fromkeys(OUTPUT_KEYS, "output"),
}  # fmt: skip
#: Names of attributes that were looked at before. Cleared when there are so many.
_REMEMBERED: Final = 20_000
#: Longer ones are not remembered.
_LONGEST_NAME: Final = 1_000


class RuleSettings(BaseModel):
    """A rule: what it does not name it is about, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    projects: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()


class RedactSettings(BaseModel):
    """The table `[redact]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action = Action.OFF
    rule: tuple[RuleSettings, ...] = ()
    find: dict[str, Any] = Field(default_factory=dict)
    key_file: str = ""

    @property
    def is_on(self) -> bool:
        """Whether anything is ever taken out."""
        return self.action is not Action.OFF or any(
            rule.action is not Action.OFF for rule in self.rule
        )

    @property
    def has_pseudonyms(self) -> bool:
        """Whether anything is replaced by what can be turned back."""
        return Action.PSEUDONYM in (self.action, *(rule.action for rule in self.rule))

    def pseudonyms(self, data_dir: Path | None = None) -> Pseudonyms | None:
        """What makes pseudonyms and turns them back; None where there is no key.

        Args:
            data_dir: of the service, in which the key must not be.

        Raises:
            ValueError: if the key can't be used; the message says what to do.
        """
        if not self.key_file:
            return None
        try:
            return Pseudonyms(read_key(Path(self.key_file), data_dir))
        except (ValueError, ImportError) as error:
            raise ValueError(f"redact.key_file: {error}") from error


def read_redact(given: dict[str, Any], data_dir: Path | None = None) -> RedactSettings:
    """The settings of redaction.

    Args:
        given: the table `[redact]`.
        data_dir: of the service, in which the key of pseudonyms must not be.

    Raises:
        ValueError: if something in it is wrong; the message names it.
    """
    try:
        settings = RedactSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("redact", *first["loc"])))
        said = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise ValueError(f"{place}: {said}") from error
    if settings.is_on:
        try:
            Finder(**settings.find)
        except (TypeError, ValueError, ImportError) as error:
            raise ValueError(f"redact.find: {error}") from error
    if settings.has_pseudonyms and not settings.key_file:
        raise ValueError(
            "redact.key_file: pseudonyms need a key. Make one outside the data directory:"
            " spanglass pseudonyms new-key FILE"
        )
    settings.pseudonyms(data_dir)
    return settings


class Redaction:
    """The stages of all projects.

    Args:
        settings: what is taken out, and how.
        key: what is hashed with.
    """

    def __init__(self, settings: RedactSettings, key: bytes) -> None:
        self._settings = settings
        self._key = key
        self._finder = Finder(**settings.find) if settings.is_on else None
        self._pseudonyms = settings.pseudonyms() if settings.has_pseudonyms else None
        self._stages: dict[str, Stage | None] = {}
        #: What was taken out so far, by entity.
        self.counts: Counter[str] = Counter()

    def __call__(self, project: str) -> Stage | None:
        """The stage of a project; None where nothing is ever taken out of its requests."""
        if self._finder is None:
            return None
        if project not in self._stages:
            if len(self._stages) > _REMEMBERED:
                self._stages.clear()
            self._stages[project] = self._made(self._finder, project)
        return self._stages[project]

    def _made(self, finder: Finder, project: str) -> Stage | None:
        rules = [
            RedactionRule(rule.action, rule.entities, rule.fields, rule.roles)
            for rule in self._settings.rule
            if not rule.projects or project in rule.projects
        ]
        otherwise = self._settings.action
        if otherwise is Action.OFF and all(rule.action is Action.OFF for rule in rules):
            return None
        made = self._pseudonyms
        pseudonym = functools.partial(made.of, project) if made is not None else None
        redactor = TextRedactor(finder, rules, otherwise, self._key, pseudonym)
        return _Stage(redactor, self.counts).apply


class _Stage:
    """Redacts requests of one project."""

    def __init__(self, redactor: TextRedactor, counts: Counter[str]) -> None:
        self._redactor = redactor
        self._counts = counts
        self._clean: set[str] = set()

    def apply(self, request: Any, form: Form) -> None:
        """Changes a decoded request in place."""
        for resource in getattr(request, form.resources):
            self._attributes(resource.resource.attributes, "", "", self._counts)
            for scope in getattr(resource, form.scopes):
                self._attributes(scope.scope.attributes, "", "", self._counts)
                self._names(scope.scope, ("name", "version"), "", self._counts)
                for item in getattr(scope, form.listed):
                    self._item(item, form)

    def _item(self, item: Any, form: Form) -> None:
        counts: Counter[str] = Counter()
        if form.holders:
            self._metric(item, counts)
        else:
            self._span_or_record(item, counts)
            if counts:
                _mark(item, counts)
        self._counts.update(counts)

    def _span_or_record(self, item: Any, counts: Counter[str]) -> None:
        scope = item.trace_id.hex()
        fields = item.DESCRIPTOR.fields_by_name
        operation = next(
            (each.value.string_value for each in item.attributes if each.key == _OPERATION), ""
        )
        self._attributes(item.attributes, operation, scope, counts)
        if "body" in fields:
            self._value(item.body, "body", operation, scope, counts, "")
            self._names(item, ("event_name", "severity_text"), scope, counts)
            return
        item.name = self._redactor.redact_value(item.name, "name", operation, scope, counts)
        self._names(item, ("trace_state",), scope, counts)
        if item.status.message:
            item.status.message = self._redactor.redact_value(
                item.status.message, "status_message", operation, scope, counts
            )
        for event in item.events:
            self._attributes(event.attributes, operation, scope, counts)
            self._names(event, ("name",), scope, counts)
        for link in item.links:
            self._attributes(link.attributes, operation, scope, counts)
            self._names(link, ("trace_state",), scope, counts)

    def _metric(self, metric: Any, counts: Counter[str]) -> None:
        self._names(metric, ("name", "description", "unit"), "", counts)
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points if kind else ():
            self._attributes(point.attributes, "", "", counts)
            for exemplar in getattr(point, "exemplars", ()):
                self._attributes(exemplar.filtered_attributes, "", "", counts)

    def _attributes(
        self, attributes: Iterable[Any], operation: str, scope: str, counts: Counter[str]
    ) -> None:
        for attribute in attributes:
            key = attribute.key
            if key in _FIELDS or _is_looked_at(key):
                self._value(attribute.value, _FIELDS.get(key, key), operation, scope, counts, key)
            self._names(attribute, ("key",), scope, counts)

    def _names(self, of: Any, fields: Iterable[str], scope: str, counts: Counter[str]) -> None:
        """Changes short texts that are mostly the same few, in place."""
        for field in fields:
            before = getattr(of, field)
            if not before or before in self._clean:
                continue
            after = self._redactor.redact_value(before, "name", "", scope, counts)
            if after != before:
                setattr(of, field, after)
                continue
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            if len(before) <= _LONGEST_NAME:
                self._clean.add(before)

    def _value(
        self, value: Any, field: str, operation: str, scope: str, counts: Counter[str], name: str
    ) -> None:
        """Changes a value in place, at any depth."""
        kind = value.WhichOneof("value")
        if kind == "string_value":
            before = value.string_value
            after = self._redactor.redact_value(before, field, operation, scope, counts, name)
            if after is not before and after != before:
                value.string_value = after
        elif kind in ("int_value", "double_value"):
            number = getattr(value, kind)
            # Some languages have no integers.
            before = f"{number:.0f}" if kind == "double_value" and number % 1 == 0 else str(number)
            after = self._redactor.redact_value(before, field, operation, scope, counts, name)
            if after != before:
                value.string_value = after
        elif kind == "bytes_value":
            self._bytes(value, field, operation, scope, counts, name)
        elif kind == "array_value":
            for each in value.array_value.values:
                self._value(each, field, operation, scope, counts, name)
        elif kind == "kvlist_value":
            for entry in value.kvlist_value.values:
                self._value(entry.value, field, operation, scope, counts, entry.key)
                self._names(entry, ("key",), scope, counts)

    def _bytes(
        self, value: Any, field: str, operation: str, scope: str, counts: Counter[str], name: str
    ) -> None:
        """Bytes that are text are looked through like text; others are pictures and the like."""
        try:
            before = value.bytes_value.decode()
        except UnicodeDecodeError:
            return
        after = self._redactor.redact_value(before, field, operation, scope, counts, name)
        if after != before:
            value.bytes_value = after.encode()


def _mark(item: Any, counts: Counter[str]) -> None:
    """Says on a span or record what was taken out, with what its sender took out before."""
    for attribute in item.attributes:
        if attribute.key == MARK:
            try:
                before = json.loads(attribute.value.string_value)
                counts = counts + Counter({str(k): int(v) for k, v in before.items()})
            except (ValueError, TypeError, AttributeError):
                continue
            attribute.value.string_value = json.dumps(dict(sorted(counts.items())))
            return
    added = item.attributes.add(key=MARK)
    added.value.string_value = json.dumps(dict(sorted(counts.items())))


_CONTENT: Final = re.compile(pattern(CONTENT_KEYS))
_known: dict[str, bool] = {}


def _is_looked_at(key: str) -> bool:
    """Whether an attribute can hold what somebody wrote."""
    found = _known.get(key)
    if found is None:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        found = _known[key] = bool(_CONTENT.match(key)) or is_text(key)
    return found
