"""Examples in files: CSV, JSON lines, Parquet, and folders that Hugging Face's `datasets` wrote."""

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spanglass_store.errors import StoreError
from spanglass_store.state.dataset_tables import Item

#: Columns that are looked for where none is named.
_INPUTS: Final = ("input", "inputs", "question", "prompt", "instruction", "query", "messages")
_EXPECTED: Final = (
    "expected", "expected_output", "output", "outputs", "answer", "reference", "completion",
    "response", "target", "ground_truth",
)  # fmt: skip
#: Splits that names of files tell, as the Hub has them: `train-00000-of-00001.parquet`.
_SPLIT: Final = re.compile(r"^(train|test|validation|valid|val|dev)(?=[-_.])", re.IGNORECASE)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
#: A line of a CSV may have a whole conversation in a field.
_LONGEST_FIELD: Final = 10_000_000


@dataclass(frozen=True)
class Columns:
    """Which column says what.

    Attributes:
        input: one column; several become named values.
        expected: empty to look for it.
        split: the column that names the split.
        id: the column with the items' ids.
        metadata: further columns to keep; None for all others.
    """

    input: Sequence[str] = ()
    expected: str = ""
    split: str = "split"
    id: str = "id"
    metadata: Sequence[str] | None = None


def read_items(path: Path, columns: Columns) -> Iterator[Item]:
    """The examples of a file or folder.

    Args:
        path: .csv, .jsonl or .ndjson, .json (a list), .parquet, .arrow, or a folder.
        columns: which column says what.

    Raises:
        StoreError: if it can't be read, or a row is no example; the message says which.
    """
    if not path.exists():
        raise StoreError(f"There is no file {path}.")
    for number, (row, split) in enumerate(_rows(path), 1):
        try:
            yield _item(row, columns, split)
        except StoreError as error:
            raise StoreError(f"{path}, row {number}: {error}") from error


def _item(row: dict[str, Any], columns: Columns, split: str) -> Item:
    names = list(columns.input) or [next((n for n in _INPUTS if n in row), "")]
    missing = [name for name in names if name not in row]
    if missing:
        there = ", ".join(row) or "none"
        raise StoreError(
            f"there is no column {missing[0]!r}; name those of the input with --input. The columns"
            f" are {there}."
            if columns.input
            else f"no column looks like an input; name it with --input. The columns are {there}."
        )
    given = _value(row[names[0]]) if len(names) == 1 else {n: _value(row[n]) for n in names}
    expected = columns.expected or next((n for n in _EXPECTED if n in row and n not in names), "")
    right = _value(row.get(expected)) if expected else None
    if columns.expected and columns.expected not in row:
        raise StoreError(f"there is no column {columns.expected!r}.")
    if right is None and isinstance(given, list):
        # Chats for training end with the answer.
        given, right = _answer_apart(given)
    taken = {*names, expected, columns.split, columns.id, "metadata"}
    rest = columns.metadata if columns.metadata is not None else [n for n in row if n not in taken]
    about = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
    about = {**about, **{n: row[n] for n in rest if row.get(n) not in (None, "")}}
    own = str(row.get(columns.id) or "")
    named = str(row.get(columns.split) or "") or split
    item = Item(
        given, right if right != "" else None, _plain(about), named,
        item_id=own if _ID.fullmatch(own) else "",
    )  # fmt: skip
    item.texts()
    return item


def _value(found: Any) -> Any:
    """A cell: text that is JSON of a list or an object is that."""
    if isinstance(found, str) and found[:1] in ("{", "["):
        try:
            return json.loads(found)
        except (ValueError, RecursionError):
            return found
    return _plain(found)


def _plain(found: Any) -> Any:
    """What JSON can say of a value of Parquet."""
    if isinstance(found, dict):
        return {str(key): _plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(value) for value in found]
    if found is None or isinstance(found, bool | int | float | str):
        return found
    return str(found)


def _answer_apart(messages: list[Any]) -> tuple[Any, Any]:
    last = messages[-1] if messages else None
    if len(messages) > 1 and isinstance(last, dict) and last.get("role") == "assistant":
        content = last.get("content")
        return messages[:-1], content if content and set(last) <= {"role", "content"} else last
    return messages, None


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    if path.is_dir():
        yield from _folder(path)
        return
    kind = path.suffix.lower()
    try:
        if kind == ".csv":
            rows = _csv(path)
        elif kind in (".jsonl", ".ndjson", ".json"):
            rows = _json(path)
        elif kind == ".parquet":
            rows = _parquet(path)
        elif kind == ".arrow":
            rows = _arrow(path)
        else:
            raise StoreError(
                f"{path} is none of .csv, .jsonl, .json, .parquet, .arrow, and no folder."
            )
        split = found[0].lower() if (found := _SPLIT.match(path.name)) else ""
        for row in rows:
            yield row, split
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{path} can't be read: {error}") from error


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(min(_LONGEST_FIELD, sys.maxsize))
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if None in row:
                raise StoreError(f"{path}: a row has more fields than the first line names.")
            yield dict(row)


def _json(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(path.read_text("utf-8-sig"))
        except ValueError as error:
            raise StoreError(f"{path} is no JSON: {error}") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise StoreError(f"{path} should hold a list of objects.")
        yield from rows
        return
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise StoreError(f"{path}, line {number} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise StoreError(f"{path}, line {number} is no object: write {{…}} on each line.")
            yield row


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise StoreError(f"{path} is no Parquet: {error}") from error


def _arrow(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
            for batch in stream:
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise StoreError(f"{path} is no stream of Arrow: {error}") from error


def _folder(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """What `save_to_disk` wrote, or files of a Hub's repository; `datasets` is not needed."""
    if (path / "dataset_dict.json").is_file():
        for split in _json_file(path / "dataset_dict.json").get("splits", []):
            for row, _ in _folder(path / str(split)):
                yield row, str(split)
        return
    if (path / "state.json").is_file():
        state = _json_file(path / "state.json")
        if state.get("_indices_files"):
            raise StoreError(
                f"{path} is a selection of rows: write it with"
                " dataset.flatten_indices().save_to_disk(…), then read it again."
            )
        for each in state.get("_data_files", []):
            yield from ((row, "") for row in _arrow(path / Path(str(each["filename"])).name))
        return
    kinds = (".parquet", ".jsonl", ".csv")
    files = sorted(each for each in path.rglob("*") if each.suffix.lower() in kinds)
    if not files:
        raise StoreError(
            f"{path} has neither a dataset of Hugging Face's `datasets` nor files of Parquet, JSON"
            " lines or CSV."
        )
    for each in files:
        yield from _rows(each)


def _json_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise StoreError(f"{path} should hold an object.")
    return found
