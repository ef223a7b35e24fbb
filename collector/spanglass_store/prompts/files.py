"""Prompts as files: one YAML document each, named like the prompt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from spanglass.prompts import Definition, PromptError, read
from spanglass_store.errors import StoreError
from spanglass_store.state.prompts import MOST_PROMPTS, NAME

#: Key under which a file says which version it was written from.
_BASE: Final = "version"
_SUFFIXES: Final = (".yaml", ".yml")
_MOST_BYTES: Final = 4 << 20


@dataclass(frozen=True)
class PromptFile:
    """A prompt in a folder.

    Attributes:
        base: the version of the registry that it was written from; None if it does not say.
    """

    name: str
    definition: Definition
    base: int | None
    path: Path


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that a diff of files reads well."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(document: Mapping[str, Any]) -> str:
    """A definition's plain data as YAML."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def read_folder(folder: Path) -> list[PromptFile]:
    """Every prompt of a folder, by name.

    Raises:
        StoreError: if there is no such folder, or a file is no prompt; nothing is read then.
    """
    if not folder.is_dir():
        raise StoreError(f"{folder} is no folder. `spanglass prompts pull` writes one.")
    paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if len(paths) > MOST_PROMPTS:
        raise StoreError(f"{folder} has more than {MOST_PROMPTS} files.")
    return [read_file(path) for path in paths]


def read_file(path: Path) -> PromptFile:
    """The prompt of a file; the file's name is the prompt's.

    Raises:
        StoreError: if it is no prompt.
    """
    name = path.stem
    if not re.fullmatch(NAME, name):
        raise StoreError(f"{path}: {name!r} can't be a prompt's name; use letters, digits, . _ -.")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{path} is larger than any prompt.")
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise StoreError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    base = said.pop(_BASE, None) if isinstance(said, dict) else None
    if not (base is None or (isinstance(base, int) and not isinstance(base, bool))):
        raise StoreError(f"{path}: version is the number of the version it was written from.")
    try:
        return PromptFile(name, read(said), base, path)
    except PromptError as error:
        raise StoreError(f"{path}: {error}") from error


def write(folder: Path, name: str, version: int, document: Mapping[str, Any]) -> Path:
    """Writes a version into a folder; the path of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(as_yaml({_BASE: version, **document}), encoding="utf-8")
    return path
