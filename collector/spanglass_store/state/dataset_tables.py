"""Tables of datasets in the state database, and their rows as values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_store.errors import StoreError
from spanglass_store.state.database import Base, UtcTime

#: Characters of an item's input and of its expected output, as JSON.
MOST_TEXT: Final = 1_000_000
#: Characters of an item's metadata, as JSON.
MOST_METADATA: Final = 64_000


class DatasetRow(Base):
    """A dataset."""

    __tablename__ = "datasets"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    description: Mapped[str] = mapped_column(Text)
    latest: Mapped[int] = mapped_column(Integer)
    items: Mapped[int] = mapped_column(Integer)
    # Of all versions.
    characters: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class DatasetVersionRow(Base):
    """A version: what one change did."""

    __tablename__ = "dataset_versions"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    author: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)
    change: Mapped[str] = mapped_column(String(64))
    added: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    removed: Mapped[int] = mapped_column(Integer)
    items: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class DatasetItemRow(Base):
    """An item as it was from one version until before another; what it says never changes."""

    __tablename__ = "dataset_items"
    __table_args__ = (Index("dataset_items_by_id", "project", "name", "item_id"),)

    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    item_id: Mapped[str] = mapped_column(String(64))
    added_in: Mapped[int] = mapped_column(Integer)
    removed_in: Mapped[int | None] = mapped_column(Integer)
    input: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)
    # `metadata` is SQLAlchemy's.
    about: Mapped[str] = mapped_column(Text)
    split: Mapped[str] = mapped_column(String(64))
    trace_id: Mapped[str] = mapped_column(String(32), index=True)
    span_id: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Item:
    """One example.

    Attributes:
        input: what the application is given: a text, messages, or named values.
        expected: what it should answer; None where nobody has said it.
        metadata: whatever helps to sort items, by name.
        split: which part it belongs to (`train`, `test`); empty for none.
        trace_id: the trace that it was taken from, 32 hexadecimal digits, or empty.
        span_id: the span, 16 hexadecimal digits, or empty.
        item_id: the same id again replaces an item; made of what it says where none is given.
        row: its place in lists; 0 before it is kept.
    """

    input: Any
    expected: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    trace_id: str = ""
    span_id: str = ""
    item_id: str = ""
    row: int = 0

    def texts(self) -> tuple[str, str, str]:
        """Input, expected output and metadata as JSON, the same for the same content.

        Raises:
            StoreError: if there is no input, or something is too long or no JSON.
        """
        if self.input is None or self.input in ("", [], {}):
            raise StoreError("An item needs an input: a text, messages, or named values.")
        try:
            made = [
                json.dumps(each, ensure_ascii=False, sort_keys=True, allow_nan=False)
                for each in (self.input, self.expected, dict(self.metadata))
            ]
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"An item can't be written as JSON: {error}.") from error
        for name, text, most in zip(
            ("input", "expected output", "metadata"), made,
            (MOST_TEXT, MOST_TEXT, MOST_METADATA), strict=True,
        ):  # fmt: skip
            if len(text) > most:
                raise StoreError(
                    f"The {name} of an item has {len(text):,} characters; {most:,} are the most."
                    " Shorten it, or keep it elsewhere and name it in the metadata."
                )
        # Half a character can be escaped in JSON and stored nowhere.
        usable = [text.encode("utf-8", "replace").decode() for text in made]
        return usable[0], usable[1], usable[2]


@dataclass(frozen=True)
class Dataset:
    """A dataset as it is listed.

    Attributes:
        latest: number of its newest version; 0 while it is empty.
        items: of the newest version.
    """

    project: str
    name: str
    description: str
    latest: int
    items: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class DatasetVersion:
    """What one change did, and how many items there were after it."""

    version: int
    author: str
    message: str
    added: int
    changed: int
    removed: int
    items: int
    created_at: datetime


@dataclass(frozen=True)
class Changed:
    """What came of a change.

    Attributes:
        version: the newest one; the same as before where nothing changed.
        unchanged: items that were there already, as they are.
    """

    version: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


def id_of(texts: tuple[str, str, str]) -> str:
    """The id of an item that has none: of its input and expected output."""
    return hashlib.sha256("\0".join(texts[:2]).encode()).hexdigest()[:24]


def digest_of(item: Item, texts: tuple[str, str, str]) -> str:
    """The same for items that say the same in everything."""
    said = "\0".join((*texts, item.split, item.trace_id, item.span_id))
    return hashlib.sha256(said.encode()).hexdigest()


def item_of(row: DatasetItemRow) -> Item:
    return Item(
        json.loads(row.input), json.loads(row.expected), json.loads(row.about), row.split,
        row.trace_id, row.span_id, row.item_id, row.row,
    )  # fmt: skip


def dataset_of(row: DatasetRow) -> Dataset:
    return Dataset(
        row.project, row.name, row.description, row.latest, row.items, row.created_at,
        row.updated_at,
    )  # fmt: skip


def version_of(row: DatasetVersionRow) -> DatasetVersion:
    return DatasetVersion(
        row.version, row.author, row.message, row.added, row.changed, row.removed, row.items,
        row.created_at,
    )  # fmt: skip
