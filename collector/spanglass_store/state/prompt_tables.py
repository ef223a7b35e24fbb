"""Tables of prompts in the state database, and their rows as values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from spanglass_store.state.database import Base, UtcTime


class PromptRow(Base):
    """A prompt."""

    __tablename__ = "prompts"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    latest: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class PromptVersionRow(Base):
    """A version; it is written once."""

    __tablename__ = "prompt_versions"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class PromptLabelRow(Base):
    """Which version a label is on."""

    __tablename__ = "prompt_labels"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    label: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    moved_at: Mapped[datetime] = mapped_column(UtcTime)
    moved_by: Mapped[str] = mapped_column(String(200))


class PromptMoveRow(Base):
    """That a label was moved; 0 stands for no version."""

    __tablename__ = "prompt_moves"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    label: Mapped[str] = mapped_column(String(64))
    before: Mapped[int] = mapped_column(Integer)
    after: Mapped[int] = mapped_column(Integer)
    by: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class PromptCommentRow(Base):
    """What somebody says of a version."""

    __tablename__ = "prompt_comments"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    version: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Origin:
    """Where a version comes from.

    Attributes:
        author: who wrote it.
        message: why.
        source: a commit, or the product that it was imported from.
    """

    author: str = ""
    message: str = ""
    source: str = ""


@dataclass(frozen=True)
class Version:
    """A version of a prompt.

    Attributes:
        version: its number, from 1.
        document: its definition as plain data; empty in lists.
        digest: of the document: the same content has the same.
        labels: that are on it now.
    """

    project: str
    name: str
    version: int
    digest: str
    author: str
    message: str
    source: str
    created_at: datetime
    labels: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompt:
    """A prompt as it is listed.

    Attributes:
        latest: number of the newest version.
        labels: version by label.
    """

    project: str
    name: str
    latest: int
    labels: Mapping[str, int]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Move:
    """That a label was moved; 0 stands for no version."""

    label: str
    before: int
    after: int
    by: str
    message: str
    at: datetime


@dataclass(frozen=True)
class Comment:
    """What somebody says of a version."""

    version: int
    author: str
    text: str
    at: datetime


def prompt_of(row: PromptRow, labels: Mapping[str, int]) -> Prompt:
    return Prompt(row.project, row.name, row.latest, labels, row.created_at, row.updated_at)


def version_of(row: PromptVersionRow, labels: Mapping[str, int], whole: bool = True) -> Version:
    return Version(
        row.project, row.name, row.version, row.digest, row.author, row.message, row.source,
        row.created_at, tuple(label for label, at in labels.items() if at == row.version),
        json.loads(row.document) if whole else {},
    )  # fmt: skip
