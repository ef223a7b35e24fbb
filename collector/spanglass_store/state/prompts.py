"""Prompts in the state database: versions that never change, and labels that move between them."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spanglass.prompts import Definition, read
from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state.database import Database
from spanglass_store.state.listing import by_name
from spanglass_store.state.prompt_tables import (
    Comment,
    Move,
    Origin,
    Prompt,
    PromptCommentRow,
    PromptLabelRow,
    PromptMoveRow,
    PromptRow,
    PromptVersionRow,
    Version,
    prompt_of,
    version_of,
)

MOST_PROMPTS: Final = 10_000
MOST_VERSIONS: Final = 10_000
MOST_LABELS: Final = 50
MOST_COMMENTS: Final = 1000
#: Moves of labels that are shown of one prompt.
MOST_MOVES: Final = 200
#: What names of prompts and labels look like.
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
LABEL: Final = r"[a-z0-9][a-z0-9._-]{0,63}"


class PromptBook:
    """The prompts of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- prompts and versions ------------------------------------------------------------------

    def find(
        self, projects: Sequence[str] | None, search: str = "", after: str = "", limit: int = 100
    ) -> list[Prompt]:
        """Prompts by name.

        Args:
            projects: of these; None for all.
            search: part of the name.
            after: `project/name` behind which the list goes on.
            limit: most of them.
        """
        asked = by_name(PromptRow, projects, search, after, limit)
        with self._database.transaction() as session:
            rows = list(session.scalars(asked))
            labels = session.scalars(
                select(PromptLabelRow)
                .where(PromptLabelRow.name.in_({row.name for row in rows}))
                .order_by(PromptLabelRow.label)
            )
            by_prompt: dict[tuple[str, str], dict[str, int]] = {}
            for each in labels:
                by_prompt.setdefault((each.project, each.name), {})[each.label] = each.version
            return [prompt_of(row, by_prompt.get((row.project, row.name), {})) for row in rows]

    def get(self, project: str, name: str) -> Prompt:
        """One prompt.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            return prompt_of(_find(session, project, name), _labels(session, project, name))

    def versions(self, project: str, name: str, before: int = 0, limit: int = 100) -> list[Version]:
        """Versions, the newest first, without what they say.

        Args:
            before: older than this one; 0 for all.
        """
        asked = (
            select(PromptVersionRow)
            .where(PromptVersionRow.project == project, PromptVersionRow.name == name)
            .order_by(PromptVersionRow.version.desc())
            .limit(limit)
        )
        if before:
            asked = asked.where(PromptVersionRow.version < before)
        with self._database.transaction() as session:
            _find(session, project, name)
            labels = _labels(session, project, name)
            return [version_of(row, labels, whole=False) for row in session.scalars(asked)]

    def version(self, project: str, name: str, version: int) -> Version:
        """One version with what it says.

        Raises:
            Unknown: if there is no such prompt or version.
        """
        with self._database.transaction() as session:
            found = _find(session, project, name)
            row = session.get(PromptVersionRow, (project, name, version))
            if row is None:
                raise Unknown(
                    f"The prompt {name!r} has no version {version}; its newest is {found.latest}."
                )
            return version_of(row, _labels(session, project, name))

    def resolve(self, project: str, name: str, label: str) -> Version:
        """The version that a label is on; `latest` is the newest.

        Raises:
            Unknown: if there is no such prompt or label.
        """
        with self._database.transaction() as session:
            found = _find(session, project, name)
            labels = _labels(session, project, name)
            number = found.latest if label == "latest" else labels.get(label)
            if number is None:
                known = ", ".join(sorted(labels)) or "none"
                raise Unknown(
                    f"The prompt {name!r} has no label {label!r}; it has {known}."
                    f" `spanglass prompts label {name} {label} VERSION` puts it on a version."
                )
            row = session.get_one(PromptVersionRow, (project, name, number))
            return version_of(row, labels)

    def save(
        self,
        project: str,
        name: str,
        definition: Definition,
        origin: Origin | None = None,
        base: int | None = None,
    ) -> tuple[Version, bool]:
        """Keeps a definition as a new version, unless the newest says the same.

        Args:
            project: whose.
            name: of the prompt; a new one is made.
            definition: what it says.
            origin: who, why, from where.
            base: the newest version that the author knew, 0 for none; None does not ask.

        Returns:
            The version, and whether it is new.

        Raises:
            Conflict: if there is a newer version than the author knew.
            StoreError: if there are too many.
        """
        document = json.dumps(definition.document(), ensure_ascii=False)
        digest = hashlib.sha256(document.encode()).hexdigest()
        now = datetime.now(UTC)
        origin = origin or Origin()
        self._create(project, name, now)
        with self._database.transaction() as session:
            # Written first: from here on nobody else makes a version of it.
            session.execute(
                update(PromptRow)
                .where(PromptRow.project == project, PromptRow.name == name)
                .values(latest=PromptRow.latest + 1)
            )
            row = session.get_one(PromptRow, (project, name), populate_existing=True)
            known = row.latest - 1
            labels = _labels(session, project, name)
            newest = session.get(PromptVersionRow, (project, name, known)) if known else None
            if newest is not None and newest.digest == digest:
                row.latest = known
                return version_of(newest, labels), False
            if base is not None and base != known:
                raise Conflict(
                    f"The prompt {name!r} is at version {known}, not {base}: somebody has written"
                    " one meanwhile. Look at it, then write yours on top of it."
                )
            if known >= MOST_VERSIONS:
                raise StoreError(f"{name!r} has {MOST_VERSIONS} versions; begin a new prompt.")
            row.updated_at = now
            made = PromptVersionRow(
                project=project, name=name, version=row.latest, document=document, digest=digest,
                author=origin.author, message=origin.message, source=origin.source, created_at=now,
            )  # fmt: skip
            session.add(made)
            return version_of(made, labels), True

    def _create(self, project: str, name: str, now: datetime) -> None:
        try:
            with self._database.transaction() as session:
                if session.get(PromptRow, (project, name)) is not None:
                    return
                if (
                    session.scalar(select(func.count()).select_from(PromptRow)) or 0
                ) >= MOST_PROMPTS:
                    raise StoreError(f"There are {MOST_PROMPTS} prompts, as many as there can be.")
                session.add(
                    PromptRow(project=project, name=name, latest=0, created_at=now, updated_at=now)
                )
        except IntegrityError:
            # Somebody else has just done the same.
            return

    def delete(self, project: str, name: str) -> None:
        """Forgets a prompt with all its versions.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            session.delete(_find(session, project, name))
            for table in (PromptVersionRow, PromptLabelRow, PromptMoveRow, PromptCommentRow):
                session.execute(delete(table).where(table.project == project, table.name == name))

    # -- labels --------------------------------------------------------------------------------

    def move(
        self,
        project: str,
        name: str,
        label: str,
        version: int,
        by: str = "",
        message: str = "",
        expected: int | None = None,
    ) -> Move:
        """Puts a label on a version.

        Args:
            version: where to; 0 takes the label off.
            by: who moves it.
            message: why.
            expected: where the mover believes it to be, 0 for nowhere; None does not ask.

        Raises:
            Conflict: if it is somewhere else by now.
            Unknown: if there is no such version.
        """
        if label == "latest":
            raise StoreError("'latest' is always the newest version; it can't be moved.")
        now = datetime.now(UTC)
        where = (
            PromptLabelRow.project == project, PromptLabelRow.name == name,
            PromptLabelRow.label == label,
        )  # fmt: skip
        with self._database.transaction() as session:
            # Written first: two who move a label come one after the other.
            session.execute(
                update(PromptRow)
                .where(PromptRow.project == project, PromptRow.name == name)
                .values(updated_at=now)
            )
            _find(session, project, name)
            if version and session.get(PromptVersionRow, (project, name, version)) is None:
                raise Unknown(f"The prompt {name!r} has no version {version}.")
            labels = _labels(session, project, name)
            before = labels.get(label, 0)
            if expected is not None and expected != before:
                is_at = f"on version {before}" if before else "on no version"
                raise Conflict(
                    f"The label {label!r} of {name!r} is {is_at}, not on {expected}: somebody has"
                    " moved it meanwhile."
                )
            if not before and len(labels) >= MOST_LABELS:
                raise StoreError(f"{name!r} has {MOST_LABELS} labels, as many as there can be.")
            move = Move(label, before, version, by, message, now)
            if before == version:
                return move
            if not version:
                session.execute(delete(PromptLabelRow).where(*where))
            elif before:
                session.execute(
                    update(PromptLabelRow)
                    .where(*where)
                    .values(version=version, moved_at=now, moved_by=by)
                )
            else:
                session.add(
                    PromptLabelRow(
                        project=project,
                        name=name,
                        label=label,
                        version=version,
                        moved_at=now,
                        moved_by=by,
                    )
                )
            session.add(PromptMoveRow(project=project, name=name, **vars(move)))
            return move

    def moves(self, project: str, name: str) -> list[Move]:
        """How labels were moved, the latest first."""
        asked = (
            select(PromptMoveRow)
            .where(PromptMoveRow.project == project, PromptMoveRow.name == name)
            .order_by(PromptMoveRow.id.desc())
            .limit(MOST_MOVES)
        )
        with self._database.transaction() as session:
            return [_move(row) for row in session.scalars(asked)]

    def moves_between(
        self, project: str, start: datetime, end: datetime
    ) -> list[tuple[str, str, int, datetime]]:
        """Prompt, label, new version (0 for none) and moment of each move, in the order of time.

        Args:
            project: whose prompts.
            start: earliest moment.
            end: latest, exclusive.
        """
        asked = (
            select(PromptMoveRow)
            .where(
                PromptMoveRow.project == project,
                PromptMoveRow.at >= start,
                PromptMoveRow.at < end,
            )
            .order_by(PromptMoveRow.id)
            .limit(MOST_MOVES)
        )
        with self._database.transaction() as session:
            return [(row.name, row.label, row.after, row.at) for row in session.scalars(asked)]

    def newest_move(self) -> int:
        """The number of the last move of any label; 0 before the first."""
        with self._database.transaction() as session:
            return session.scalar(select(func.max(PromptMoveRow.id))) or 0

    def moves_after(self, number: int, until: datetime) -> list[tuple[int, str, str, Move]]:
        """Moves of all projects behind one, in their order, `MOST_MOVES` at most.

        Args:
            number: of the last move that is known.
            until: latest moment, exclusive.

        Returns:
            Of each: its number, project, prompt and what was moved.
        """
        asked = (
            select(PromptMoveRow)
            .where(PromptMoveRow.id > number, PromptMoveRow.at < until)
            .order_by(PromptMoveRow.id)
            .limit(MOST_MOVES)
        )
        with self._database.transaction() as session:
            return [(row.id, row.project, row.name, _move(row)) for row in session.scalars(asked)]

    # -- comments ------------------------------------------------------------------------------

    def comment(self, project: str, name: str, version: int, author: str, text: str) -> Comment:
        """Keeps what somebody says of a version.

        Raises:
            Unknown: if there is no such version.
            StoreError: if there are too many.
        """
        self.version(project, name, version)
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            where = PromptCommentRow.project == project, PromptCommentRow.name == name
            held = session.scalar(select(func.count(PromptCommentRow.id)).where(*where)) or 0
            if held >= MOST_COMMENTS:
                raise StoreError(f"{name!r} has {MOST_COMMENTS} comments, as many as can be.")
            row = PromptCommentRow(
                project=project, name=name, version=version, author=author, text=text, at=now
            )
            session.add(row)
        return Comment(version, author, text, now)

    def comments(self, project: str, name: str) -> list[Comment]:
        """What was said of a prompt's versions, the oldest first."""
        asked = (
            select(PromptCommentRow)
            .where(PromptCommentRow.project == project, PromptCommentRow.name == name)
            .order_by(PromptCommentRow.id)
        )
        with self._database.transaction() as session:
            return [
                Comment(row.version, row.author, row.text, row.at) for row in session.scalars(asked)
            ]


def definition_of(version: Version) -> Definition:
    """What a version says, ready to be rendered."""
    return read(version.document)


def _find(session: Session, project: str, name: str) -> PromptRow:
    row = session.get(PromptRow, (project, name), populate_existing=True)
    # Between making a prompt and its first version there is a moment.
    if row is None or not row.latest:
        raise Unknown(
            f"There is no prompt {name!r} in the project {project!r}. `spanglass prompts list`"
            " shows what there is."
        )
    return row


def _labels(session: Session, project: str, name: str) -> dict[str, int]:
    rows = session.scalars(
        select(PromptLabelRow)
        .where(PromptLabelRow.project == project, PromptLabelRow.name == name)
        .order_by(PromptLabelRow.label)
    )
    return {row.label: row.version for row in rows}


def _move(row: PromptMoveRow) -> Move:
    return Move(row.label, row.before, row.after, row.by, row.message, row.at)
