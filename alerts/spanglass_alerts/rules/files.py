"""Reads files of rules; what is wrong has a line, a column, and what was expected."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from spanglass_alerts.rules import book as books
from spanglass_alerts.rules import model, routing
from spanglass_alerts.rules.book import Book
from spanglass_alerts.rules.model import KINDS
from spanglass_alerts.rules.vocabulary import nearest
from spanglass_store.errors import StoreError

#: Bytes of a file, and values in it; an alias counts as what it stands for.
MOST_BYTES: Final = 8 << 20
_MOST_NODES: Final = 500_000
_MOST_DEPTH: Final = 50
_LISTS: Final = ("rules", "channels", "routes", "inhibit", "maintenance", "tests")
#: What only one file can say.
_SINGLE: Final = ("heartbeat", "incidents")
#: The word for the rules that ship, where a path could stand.
SHIPPED: Final = "shipped"


class RulesError(StoreError):
    """A file of rules is wrong; the message says where, and what was expected.

    Attributes:
        place: where it is, if that is known.
        field: the name that it is about; empty for none.
        said: what is wrong, without the place.
        more: what else is.
    """

    place: "Place | None" = None
    field: str = ""
    said: str = ""
    more: "tuple[RulesError, ...]" = ()


@dataclass(frozen=True)
class Place:
    """Where something stands: line and column, from 1."""

    line: int
    column: int


class _Reader:
    """Builds values from YAML's nodes and remembers where each stood."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.places: dict[tuple[str | int, ...], Place] = {}
        self._loader = yaml.SafeLoader("")
        self._count = 0

    def value(self, node: Node, path: tuple[str | int, ...] = ()) -> Any:
        self._count += 1
        mark = node.start_mark
        place = Place(mark.line + 1, mark.column + 1)
        if self._count > _MOST_NODES or len(path) > _MOST_DEPTH:
            raise self.wrong(place, "there is too much in the file, or it refers to itself")
        self.places[path] = place
        if isinstance(node, MappingNode):
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key_place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                if not isinstance(key_node, ScalarNode):
                    raise self.wrong(key_place, "a name is expected here")
                key = str(key_node.value)
                if key in found:
                    raise self.wrong(key_place, f"{key!r} is given twice")
                found[key] = self.value(value_node, (*path, key))
                self.places[(*path, key, "")] = key_place
            return found
        if isinstance(node, SequenceNode):
            return [self.value(each, (*path, i)) for i, each in enumerate(node.value)]
        try:
            return self._loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            raise self.wrong(place, f"{str(error).partition(chr(10))[0]}") from error

    def wrong(self, place: Place, what: str, field: str = "") -> RulesError:
        end = "" if what.endswith(("?", ".")) else "."
        error = RulesError(f"{self.source}: line {place.line}, column {place.column}: {what}{end}")
        error.place, error.said, error.field = place, f"{what}{end}", field
        return error


def parse(text: str, source: str = "rules") -> Book:
    """A book from YAML.

    Args:
        text: the file.
        source: what messages call it.

    Raises:
        RulesError: if something is wrong, with line and column.
    """
    if len(text.encode()) > MOST_BYTES:
        raise RulesError(f"{source}: larger than {MOST_BYTES >> 20} MiB. Divide it into files.")
    reader = _Reader(source)
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise reader.wrong(place, f"{error.problem or error.context or 'no YAML'}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise reader.wrong(Place(1, 1), f"no YAML: {error}") from error
    if node is None:
        return Book()
    value = reader.value(node)
    if not isinstance(value, dict):
        raise reader.wrong(
            Place(1, 1), f"names are expected here: {', '.join((*_LISTS, *_SINGLE))}"
        )
    for item in value["rules"] if isinstance(value.get("rules"), list) else ():
        if isinstance(item, dict):
            item.setdefault("kind", "threshold")
    _distinct(reader, value)
    try:
        return Book.model_validate(value)
    except ValidationError as error:
        first, *others = (_explained(reader, each, value) for each in error.errors())
        first.more = tuple(others)
        raise first from error


def _distinct(reader: _Reader, value: dict[str, Any]) -> None:
    for kind in ("rules", "channels", "maintenance"):
        seen: dict[str, Place] = {}
        items = value.get(kind)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str):
                continue
            place = reader.places[(kind, index, "name")]
            if name in seen:
                raise reader.wrong(
                    place,
                    f"the name {name!r} is taken by line {seen[name].line}; names have to differ",
                )
            seen[name] = place


def _explained(reader: _Reader, first: Any, value: Any) -> RulesError:
    # A rule's kind stands in the path of what is wrong with it, and not in the file.
    path: list[str | int] = []
    here = value
    for part in first["loc"]:
        inside: Any = here
        if isinstance(inside, dict):
            if part not in inside:
                continue
        elif not isinstance(inside, list) or not isinstance(part, int) or part >= len(inside):
            continue
        here = inside[part]
        path.append(part)
    last = str(first["loc"][-1]) if first["loc"] else ""
    said = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    said = said[:1].lower() + said[1:]
    named = str(path[-1]) if path and isinstance(path[-1], str) else ""
    place = reader.places.get(tuple(path)) or Place(1, 1)
    match first["type"]:
        case "extra_forbidden":
            place = reader.places.get((*path, ""), place)
            said = f"there is no {last!r} here{nearest(last, _fields_near(first, value))}"
        case "missing":
            said = f"{last!r} is missing"
        case "union_tag_invalid":
            here_kind = here.get("kind", here.get("type")) if isinstance(here, dict) else here
            place = reader.places.get((*path, "kind"), reader.places.get((*path, "type"), place))
            said = (
                f"there is no kind {here_kind!r}{nearest(str(here_kind), KINDS)}"
                if path and path[0] == "rules"
                else said
            )
        case "union_tag_not_found":
            said = "'type' is missing: slack, pagerduty, webhook, email or apprise"
        case _ if named:
            said = f"{named}: {said}"
    # What is missing or unknown is called by its own name, what is within something by that.
    own = first["type"] in ("extra_forbidden", "missing")
    return reader.wrong(place, said, str(path[2]) if len(path) > 2 else last if own else named)


def _fields_near(first: Any, value: Any) -> list[str]:
    """Names that could have been meant where one is unknown."""
    loc = first["loc"][:-1]
    kinds = {
        "rules": [*model.Rule.__args__],
        "channels": [
            routing.Slack, routing.PagerDuty, routing.Webhook, routing.Email, routing.Apprise,
        ],
        "routes": [routing.Route], "inhibit": [routing.Inhibition],
        "maintenance": [routing.Maintenance], "tests": [books.RuleTest],
    }  # fmt: skip
    models: list[Any] = kinds.get(str(loc[0]), [Book]) if loc else [Book]
    item = value
    for part in loc[:2]:
        item = item[part]
    chosen = item.get("kind", item.get("type")) if isinstance(item, dict) else None
    for each in models:
        for name in ("kind", "type"):
            field = each.model_fields.get(name)
            if field is not None and chosen in getattr(field.annotation, "__args__", ()):
                models = [each]
    if len(loc) > 3:
        # Inside a part of it, whose names are few: said as they are.
        annotation = models[0].model_fields.get(str(loc[-1]))
        models = (
            [annotation.annotation]
            if hasattr(annotation and annotation.annotation, "model_fields")
            else models
        )
    return sorted({f.alias or n for each in models for n, f in each.model_fields.items()})


def paths(places: Iterable[str]) -> list[Path]:
    """The files that are meant by files and folders.

    Raises:
        RulesError: if there is no such file or folder.
    """
    found: list[Path] = []
    for place in filter(None, (each.strip() for each in places)):
        path = shipped_rules() if place == SHIPPED else Path(place).expanduser()
        if path.is_dir():
            found += sorted(p for p in path.rglob("*.y*ml") if p.suffix in (".yaml", ".yml"))
        elif path.is_file():
            found.append(path)
        else:
            raise RulesError(
                f"There is no file or folder {place}. Name YAML files, folders of them, or"
                f" {SHIPPED!r} for the rules that ship."
            )
    return found


def shipped_rules() -> Path:
    """The file of rules that ship."""
    return Path(str(resources("spanglass_alerts").joinpath("shipped", "rules.yaml")))


def read(places: Iterable[str]) -> Book:
    """The book of files and folders.

    Raises:
        RulesError: if one can't be read, is wrong, or repeats a name of another.
    """
    book = Book()
    origin: dict[tuple[str, str], Path] = {}
    for path in paths(places):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError(f"{path} can't be read: {error}.") from error
        one = parse(text, str(path))
        for kind, names in (
            ("rule", [each.name for each in one.rules]),
            ("channel", [each.name for each in one.channels]),
        ):
            for name in names:
                other = origin.setdefault((kind, name), path)
                if other != path:
                    raise RulesError(
                        f"{path}: the {kind} {name!r} is in {other}, too; names have to differ."
                    )
        update: dict[str, Any] = {n: [*getattr(book, n), *getattr(one, n)] for n in _LISTS}
        for name in _SINGLE:
            if getattr(one, name) and getattr(book, name):
                raise RulesError(f"{path}: {name} is in another file already. Keep one of them.")
            update[name] = getattr(one, name) or getattr(book, name)
        book = book.model_copy(update=update)
    check_names(book)
    return book


def check_names(book: Book) -> None:
    """Refuses routes to channels, and tests of rules, that are not there.

    Raises:
        RulesError: if there is one.
    """
    channels = {each.name for each in book.channels}
    for route in book.routes:
        for name in (*route.channels, *(c for each in route.escalate for c in each.channels)):
            if name not in channels:
                raise RulesError(f"A route names the channel {name!r}{_near(name, channels)}")
    rules = {each.name for each in book.rules}
    for test in book.tests:
        if test.rule not in rules:
            raise RulesError(f"A test names the rule {test.rule!r}{_near(test.rule, rules)}")


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    return f", which is nowhere{nearest(name, names)}" if names else ", and there are none."
