"""Files of prices as tables with their places: TOML, or YAML that says the same.

price:
  - provider: openai
    model: gpt-4o
    start: 2026-01-01
    input: 2.50
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import yaml

from spanglass_store.errors import StoreError

_HEADER: Final = re.compile(r"^\s*\[\[\s*price\s*\]\]")
#: Endings of files that are YAML; others are TOML.
_YAML: Final = (".yaml", ".yml")
#: More than any list of prices is; YAML's parser is slow.
_MOST_CHARACTERS: Final = 4 << 20


class PriceFileError(StoreError):
    """A file of prices is wrong; the message names the line and what to do."""


def entries(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of a file, each with its place, for messages.

    Args:
        text: of the file.
        name: of the file; its ending says what it is.

    Raises:
        PriceFileError: if it is not what its ending says, or has other things in it.
    """
    if len(text) > _MOST_CHARACTERS:
        raise PriceFileError(f"{name}: it has more than {_MOST_CHARACTERS >> 20} MiB.")
    is_yaml = name.lower().endswith(_YAML)
    document, lines = _of_yaml(text, name) if is_yaml else _of_toml(text, name)
    unknown = [key for key in document if key != "price"]
    tables = document.get("price")
    if unknown or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        what = f"there is no {unknown[0]!r}" if unknown else "there are no prices"
        how = "an item of the list `price`" if is_yaml else "one table [[price]]"
        raise PriceFileError(f"{name}: {what}. Write {how} for each.")
    for number, table in enumerate(tables, 1):
        line = f"line {lines[number - 1]}, " if len(lines) == len(tables) else ""
        yield f"{name}, {line}entry {number}", table


def _of_toml(text: str, name: str) -> tuple[dict[str, Any], list[int]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PriceFileError(f"{name}: this is no TOML: {error}.") from error
    lines = [n for n, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    return document, lines


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that comes twice is a mistake, and so is an alias."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read here; write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: {key.value!r} is there twice")
            seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def _of_yaml(text: str, name: str) -> tuple[dict[str, Any], list[int]]:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        document = loader.construct_document(root) if root is not None else {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise PriceFileError(f"{name}: this is no YAML: {said}.") from error
    finally:
        loader.dispose()
    if not isinstance(document, dict):
        raise PriceFileError(f"{name}: there are no prices. Write them as the list `price`.")
    listed = next((value for key, value in root.value if key.value == "price"), None) if root else 0
    items = listed.value if isinstance(listed, yaml.SequenceNode) else []
    return document, [item.start_mark.line + 1 for item in items]
