"""Experiments in the state database: what came of the examples of a dataset, each counted once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Integer, String, Text, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state.database import Base, Database, UtcTime

MOST_EXPERIMENTS: Final = 10_000
#: Characters of one result as JSON, and of all of an experiment.
MOST_TEXT: Final = 2_000_000
MOST_CHARACTERS: Final = 500_000_000


class ExperimentRow(Base):
    """A run over the examples of a dataset."""

    __tablename__ = "experiments"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    dataset: Mapped[str] = mapped_column(String(200))
    version: Mapped[int] = mapped_column(Integer)
    split: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(500))
    items: Mapped[int] = mapped_column(Integer)
    results: Mapped[int] = mapped_column(Integer)
    characters: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class ExperimentResultRow(Base):
    """What came of one example; the first result of an example stays."""

    __tablename__ = "experiment_results"

    project: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    trace_id: Mapped[str] = mapped_column(String(32), index=True)
    document: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True)
class Run:
    """An experiment.

    Attributes:
        dataset: whose examples.
        version: of the dataset.
        split: only its examples; empty for all.
        target: what was run, in words.
        items: examples that there are.
        results: examples that are done.
    """

    project: str
    name: str
    dataset: str
    version: int
    split: str
    target: str
    items: int
    results: int
    created_at: datetime
    updated_at: datetime


class ExperimentBook:
    """The experiments of an installation.

    Args:
        database: the state database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, project: str, name: str, dataset: str, version: int, split: str, target: str,
        items: int,
    ) -> Run:  # fmt: skip
        """A new experiment, or the one of that name, which goes on.

        Args:
            version: of the dataset; 0 for the one that the experiment began with.
            items: examples that there are.

        Raises:
            Conflict: if there is one of that name over something else.
            StoreError: if there are too many.
        """
        now = datetime.now(UTC)
        try:
            with self._database.transaction() as session:
                row = session.get(ExperimentRow, (project, name))
                if row is None:
                    held = session.scalar(select(func.count()).select_from(ExperimentRow)) or 0
                    if held >= MOST_EXPERIMENTS:
                        raise StoreError(
                            f"There are {MOST_EXPERIMENTS:,} experiments, as many as there can be."
                            " Delete one first."
                        )
                    row = ExperimentRow(
                        project=project, name=name, dataset=dataset, version=version, split=split,
                        target=target, items=items, results=0, characters=0, created_at=now,
                        updated_at=now,
                    )  # fmt: skip
                    session.add(row)
        except IntegrityError:
            # Somebody else has just begun it.
            row = None
        found = self.get(project, name)
        same = (found.dataset, found.split, found.target) == (dataset, split, target)
        if not same or version not in (0, found.version):
            raise Conflict(
                f"The experiment {name!r} ran {found.target!r} over version {found.version} of"
                f" {found.dataset!r}"
                + (f", split {found.split!r}" if found.split else "")
                + ". Give this one another name."
            )
        return found

    def find(
        self, projects: Sequence[str] | None, dataset: str = "", limit: int = 100
    ) -> list[Run]:
        """Experiments, the latest first."""
        asked = select(ExperimentRow).order_by(
            ExperimentRow.created_at.desc(), ExperimentRow.project, ExperimentRow.name
        )
        if projects is not None:
            asked = asked.where(ExperimentRow.project.in_(projects))
        if dataset:
            asked = asked.where(ExperimentRow.dataset == dataset)
        with self._database.transaction() as session:
            return [_run(row) for row in session.scalars(asked.limit(limit))]

    def get(self, project: str, name: str) -> Run:
        """One experiment.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            return _run(_find(session, project, name))

    def keep(self, project: str, name: str, results: Sequence[dict[str, Any]]) -> int:
        """Keeps results; one whose example has a result already is left out.

        Args:
            results: as `spanglass.evaluation.Result.document` gives them.

        Returns:
            How many are new.

        Raises:
            Unknown: if there is no such experiment.
            StoreError: if a result is too long, or all together are.
        """
        now = datetime.now(UTC)
        made: dict[str, str] = {}
        for each in results:
            text = json.dumps(each, ensure_ascii=False).encode("utf-8", "replace").decode()
            if len(text) > MOST_TEXT:
                raise StoreError(
                    f"The result of {each['example']!r} has {len(text):,} characters;"
                    f" {MOST_TEXT:,} are the most."
                )
            made.setdefault(str(each["example"]), text)
        with self._database.transaction() as session:
            # Written first: who keeps results at once comes one after the other.
            session.execute(
                update(ExperimentRow)
                .where(ExperimentRow.project == project, ExperimentRow.name == name)
                .values(updated_at=now)
            )
            row = _find(session, project, name)
            there = set(
                session.scalars(
                    select(ExperimentResultRow.item_id).where(
                        ExperimentResultRow.project == project, ExperimentResultRow.name == name,
                        ExperimentResultRow.item_id.in_(made),
                    )
                )
            )  # fmt: skip
            new = {key: text for key, text in made.items() if key not in there}
            trace_of = {str(each["example"]): str(each.get("trace_id", "")) for each in results}
            for key, text in new.items():
                session.add(
                    ExperimentResultRow(
                        project=project, name=name, item_id=key, trace_id=trace_of[key],
                        document=text, created_at=now,
                    )
                )  # fmt: skip
                row.characters += len(text)
            row.results += len(new)
            if row.characters > MOST_CHARACTERS:
                raise StoreError(
                    f"The results of {name!r} would have {row.characters:,} characters;"
                    f" {MOST_CHARACTERS:,} are the most."
                )
        return len(new)

    def results(
        self, project: str, name: str, after: str = "", limit: int = 100
    ) -> list[dict[str, Any]]:
        """Results by the ids of their examples.

        Args:
            after: the id behind which the list goes on.
        """
        asked = (
            select(ExperimentResultRow.document)
            .where(
                ExperimentResultRow.project == project, ExperimentResultRow.name == name,
                ExperimentResultRow.item_id > after,
            )
            .order_by(ExperimentResultRow.item_id)
            .limit(limit)
        )  # fmt: skip
        with self._database.transaction() as session:
            _find(session, project, name)
            return [json.loads(text) for text in session.scalars(asked)]

    def delete(self, project: str, name: str) -> None:
        """Forgets an experiment with its results.

        Raises:
            Unknown: if there is none of that name.
        """
        with self._database.transaction() as session:
            session.delete(_find(session, project, name))
            table = ExperimentResultRow
            session.execute(delete(table).where(table.project == project, table.name == name))


def _find(session: Session, project: str, name: str) -> ExperimentRow:
    row = session.get(ExperimentRow, (project, name), populate_existing=True)
    if row is None:
        raise Unknown(
            f"There is no experiment {name!r} in the project {project!r}. `spanglass eval list`"
            " shows what there is."
        )
    return row


def _run(row: ExperimentRow) -> Run:
    return Run(
        row.project, row.name, row.dataset, row.version, row.split, row.target, row.items,
        row.results, row.created_at, row.updated_at,
    )  # fmt: skip
