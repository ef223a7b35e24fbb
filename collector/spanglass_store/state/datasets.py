"""Datasets in the state database: items with versions, of which every one can be read again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state.database import Database
from spanglass_store.state.dataset_tables import (
    Changed,
    Dataset,
    DatasetItemRow,
    DatasetRow,
    DatasetVersion,
    DatasetVersionRow,
    Item,
    dataset_of,
    digest_of,
    id_of,
    item_of,
    version_of,
)
from spanglass_store.state.listing import by_name

MOST_DATASETS: Final = 1_000
MOST_ITEMS: Final = 100_000
MOST_VERSIONS: Final = 10_000
#: Characters of a dataset's items, of all versions.
MOST_CHARACTERS: Final = 1_000_000_000
#: What names of datasets, splits and ids of items look like.
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
SPLIT: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
ITEM_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
#: Ids that one statement names.
_AT_ONCE: Final = 500


class DatasetBook:
    """The datasets of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, projects: Sequence[str] | None, search: str = "", after: str = "", limit: int = 100
    ) -> list[Dataset]:
        """Datasets by name.

        Args:
            projects: of these; None for all.
            search: part of the name.
            after: `project/name` behind which the list goes on.
            limit: most of them.
        """
        asked = by_name(DatasetRow, projects, search, after, limit)
        with self._database.transaction() as session:
            return [dataset_of(row) for row in session.scalars(asked)]

    def get(self, project: str, name: str) -> Dataset:
        """One dataset.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            return dataset_of(_find(session, project, name))

    def versions(self, project: str, name: str, limit: int = 100) -> list[DatasetVersion]:
        """What changes did, the latest first."""
        asked = (
            select(DatasetVersionRow)
            .where(DatasetVersionRow.project == project, DatasetVersionRow.name == name)
            .order_by(DatasetVersionRow.version.desc())
            .limit(limit)
        )
        with self._database.transaction() as session:
            _find(session, project, name)
            return [version_of(row) for row in session.scalars(asked)]

    def splits(self, project: str, name: str, version: int = 0) -> dict[str, int]:
        """How many items each split has; those without one under the empty name."""
        with self._database.transaction() as session:
            found = _find(session, project, name)
            asked = _of_version(
                select(DatasetItemRow.split, func.count()), found, version or found.latest
            ).group_by(DatasetItemRow.split)
            return {str(split): int(count) for split, count in session.execute(asked)}

    def count(self, project: str, name: str, version: int = 0, split: str | None = None) -> int:
        """How many items a version has, or a split of it.

        Raises:
            Unknown: if there is no such dataset or version.
        """
        found = self.get(project, name)
        if version > found.latest:
            raise Unknown(f"The dataset {name!r} has no version {version}.")
        splits = self.splits(project, name, version)
        return sum(splits.values()) if split is None else splits.get(split, 0)

    def items(
        self,
        project: str,
        name: str,
        version: int = 0,
        split: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Item]:
        """Items of a version, in the order in which they came.

        Args:
            version: which; 0 for the newest.
            split: only those of this one; None for all.
            after: the `row` behind which the list goes on.
            limit: most of them.

        Raises:
            Unknown: if there is no such dataset or version.
        """
        with self._database.transaction() as session:
            found = _find(session, project, name)
            if version > found.latest:
                raise Unknown(
                    f"The dataset {name!r} has no version {version}; its newest is {found.latest}."
                )
            asked = select(DatasetItemRow).order_by(DatasetItemRow.row).limit(limit)
            asked = _of_version(asked, found, version or found.latest)
            asked = asked.where(DatasetItemRow.row > after)
            if split is not None:
                asked = asked.where(DatasetItemRow.split == split)
            return [item_of(row) for row in session.scalars(asked)]

    def create(self, project: str, name: str, description: str = "") -> Dataset:
        """A new dataset, or the one of that name; a description replaces the one it has.

        Raises:
            StoreError: if there are too many.
        """
        now = datetime.now(UTC)
        try:
            with self._database.transaction() as session:
                row = session.get(DatasetRow, (project, name))
                if row is None:
                    held = session.scalar(select(func.count()).select_from(DatasetRow)) or 0
                    if held >= MOST_DATASETS:
                        raise StoreError(
                            f"There are {MOST_DATASETS} datasets, as many as there can be."
                            " Delete one first."
                        )
                    row = DatasetRow(
                        project=project, name=name, description=description, latest=0, items=0,
                        characters=0, created_at=now, updated_at=now,
                    )  # fmt: skip
                    session.add(row)
                elif description:
                    row.description = description
                return dataset_of(row)
        except IntegrityError:
            # Somebody else has just done the same.
            return self.get(project, name)

    def change(
        self,
        project: str,
        name: str,
        put: Sequence[Item] = (),
        remove: Sequence[str] = (),
        author: str = "",
        message: str = "",
        base: int | None = None,
        change: str = "",
    ) -> Changed:
        """Puts items in and takes others out, as one new version, unless nothing changes.

        Args:
            project: whose.
            name: of the dataset; a new one is made.
            put: items; one with the id of another takes its place.
            remove: ids of items.
            author: who.
            message: why.
            base: the newest version that the author knew; None does not ask.
            change: of an upload in pieces: all with the same text become one version.

        Raises:
            Conflict: if there is a newer version than the author knew.
            StoreError: if an item can't be kept, or there are too many.
        """
        said = [(each, texts := each.texts(), each.item_id or id_of(texts)) for each in put]
        self.create(project, name)
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            # Written first: from here on nobody else makes a version of it.
            session.execute(
                update(DatasetRow)
                .where(DatasetRow.project == project, DatasetRow.name == name)
                .values(latest=DatasetRow.latest + 1)
            )
            row = session.get_one(DatasetRow, (project, name), populate_existing=True)
            known = row.latest - 1
            if base is not None and base != known:
                raise Conflict(
                    f"The dataset {name!r} is at version {known}, not {base}: somebody has changed"
                    " it meanwhile. Look at it, then change it again."
                )
            newest = session.get(DatasetVersionRow, (project, name, known)) if known else None
            goes_on = newest if newest is not None and change and newest.change == change else None
            if goes_on is None and known >= MOST_VERSIONS:
                raise StoreError(f"{name!r} has {MOST_VERSIONS} versions; begin a new dataset.")
            number = known if goes_on else row.latest
            done = _put(session, row, number, said, now)
            done = _remove(session, project, name, number, remove, done)
            row.items += done.added - done.removed
            if row.items > MOST_ITEMS:
                raise StoreError(
                    f"The dataset {name!r} would have {row.items:,} items; {MOST_ITEMS:,} are the"
                    " most. Nothing was changed."
                )
            if not (done.added or done.changed or done.removed):
                row.latest = known
                return Changed(known, unchanged=done.unchanged)
            row.latest, row.updated_at = number, now
            if goes_on:
                goes_on.added += done.added
                goes_on.changed += done.changed
                goes_on.removed += done.removed
                goes_on.items = row.items
            else:
                session.add(
                    DatasetVersionRow(
                        project=project, name=name, version=number, author=author, message=message,
                        change=change, added=done.added, changed=done.changed,
                        removed=done.removed, items=row.items, created_at=now,
                    )
                )  # fmt: skip
            return done

    def delete(self, project: str, name: str) -> None:
        """Forgets a dataset with all its versions.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            session.delete(_find(session, project, name))
            for table in (DatasetVersionRow, DatasetItemRow):
                session.execute(delete(table).where(table.project == project, table.name == name))


def _put(
    session: Session,
    dataset: DatasetRow,
    number: int,
    said: Sequence[tuple[Item, tuple[str, str, str], str]],
    now: datetime,
) -> Changed:
    project, name = dataset.project, dataset.name
    there = _present(session, project, name, [item_id for *_, item_id in said])
    added = changed = unchanged = 0
    for item, texts, item_id in said:
        digest = digest_of(item, texts)
        before = there.get(item_id)
        if before is not None and before.digest == digest:
            unchanged += 1
            continue
        if before is None:
            added += 1
        else:
            changed += 1
            before.removed_in = number
        made = DatasetItemRow(
            project=project, name=name, item_id=item_id, added_in=number, removed_in=None,
            input=texts[0], expected=texts[1], about=texts[2], split=item.split,
            trace_id=item.trace_id, span_id=item.span_id, digest=digest, created_at=now,
        )  # fmt: skip
        session.add(made)
        there[item_id] = made
        dataset.characters += sum(map(len, texts))
    if dataset.characters > MOST_CHARACTERS:
        raise StoreError(
            f"The dataset {name!r} would have {dataset.characters:,} characters in all its"
            f" versions; {MOST_CHARACTERS:,} are the most. Nothing was changed."
        )
    return Changed(number, added, changed, 0, unchanged)


def _remove(
    session: Session, project: str, name: str, number: int, ids: Sequence[str], done: Changed
) -> Changed:
    session.flush()
    gone = _present(session, project, name, ids)
    if missing := sorted(set(ids) - set(gone)):
        raise Unknown(f"The dataset {name!r} has no item {missing[0]!r}. Nothing was changed.")
    for row in gone.values():
        row.removed_in = number
    return Changed(number, done.added, done.changed, len(gone), done.unchanged)


def _present(
    session: Session, project: str, name: str, ids: Sequence[str]
) -> dict[str, DatasetItemRow]:
    """Items of the newest version, by id."""
    found: dict[str, DatasetItemRow] = {}
    wanted = sorted(set(ids))
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        rows = session.scalars(
            select(DatasetItemRow).where(
                DatasetItemRow.project == project, DatasetItemRow.name == name,
                DatasetItemRow.item_id.in_(some), DatasetItemRow.removed_in.is_(None),
            )
        )  # fmt: skip
        found |= {row.item_id: row for row in rows}
    return found


def _of_version(asked: Any, found: DatasetRow, version: int) -> Any:
    return asked.where(
        DatasetItemRow.project == found.project,
        DatasetItemRow.name == found.name,
        DatasetItemRow.added_in <= version,
        DatasetItemRow.removed_in.is_(None) | (DatasetItemRow.removed_in > version),
    )


def _find(session: Session, project: str, name: str) -> DatasetRow:
    row = session.get(DatasetRow, (project, name), populate_existing=True)
    if row is None:
        raise Unknown(
            f"There is no dataset {name!r} in the project {project!r}. `spanglass datasets list`"
            " shows what there is."
        )
    return row
