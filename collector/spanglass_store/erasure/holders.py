"""What else holds telemetry, or a person's name: tables of the state database.

Whoever keeps rows there that were made from traces, or that name users or sessions, adds a function
to `HOLDERS`. It is called in a transaction of its own, once for an erasure and once more to see
that nothing is left.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from spanglass_store.erasure.selection import Selection
from spanglass_store.state.alerts import (
    AlertRow,
    DocumentRow,
    EventRow,
    MessageRow,
    note_erasure,
)
from spanglass_store.state.budgets import BudgetRow
from spanglass_store.state.dataset_tables import DatasetItemRow, DatasetRow
from spanglass_store.state.experiments import ExperimentResultRow, ExperimentRow
from spanglass_store.state.incidents import IncidentAlertRow, IncidentEntryRow, IncidentRow
from spanglass_store.state.review_tables import ReviewItemRow, ReviewLabelRow

#: What stands where a person's name stood.
ERASED: Final = "erased"
#: Ids that one statement names.
_IDS: Final = 500


@dataclass(frozen=True)
class Scope:
    """What is erased.

    Attributes:
        selection: as it was asked for.
        batches: projects and ids of the traces that go, some at a time; each call begins anew.
    """

    selection: Selection
    batches: Callable[[], Iterable[list[tuple[str, str]]]]

    @property
    def names(self) -> frozenset[str]:
        """The user and session that are meant, if they are."""
        which = self.selection
        return frozenset(filter(None, (which.user_id, which.session_id)))


#: Erases what one part keeps of it, and returns how many rows that were.
Holder = Callable[[Session, Scope], int]


def erase_alerts(session: Session, scope: Scope) -> int:
    """Takes names of users and sessions out of alerts, and of messages about them."""
    if not scope.names:
        return 0
    # Whoever evaluates has them in memory, too, and would write them back.
    note_erasure(session)
    changed = 0
    rows: list[AlertRow | MessageRow | EventRow | DocumentRow] = [
        *session.scalars(select(AlertRow)),
        *session.scalars(select(DocumentRow).where(DocumentRow.kind.in_(("group", "silence")))),
        *session.scalars(select(MessageRow)),
        *session.scalars(select(EventRow)),
    ]
    for row in rows:
        document = json.loads(row.document)
        without = _without(document, scope.names)
        if without != document:
            row.document = json.dumps(without, ensure_ascii=False)
            changed += 1
    return changed


def erase_budgets(session: Session, scope: Scope) -> int:
    """Deletes budgets of the user, whose calls are gone."""
    which = scope.selection
    if not which.user_id:
        return 0
    rows = session.scalars(select(BudgetRow).where(BudgetRow.user == which.user_id)).all()
    gone = [row for row in rows if which.project in ("", row.project)]
    for row in gone:
        session.delete(row)
    return len(gone)


def erase_examples(session: Session, scope: Scope) -> int:
    """Deletes items of datasets that were taken from the traces, and results of those runs."""
    gone = 0
    for batch in scope.batches():
        for project, ids in _by_project(batch):
            gone += _erase_examples(session, project, ids)
    return gone


def _erase_examples(session: Session, project: str, ids: list[str]) -> int:
    items = session.scalars(
        select(DatasetItemRow).where(
            DatasetItemRow.project == project, DatasetItemRow.trace_id.in_(ids)
        )
    ).all()
    for item in items:
        dataset = session.get(DatasetRow, (project, item.name))
        if dataset is not None and item.removed_in is None:
            dataset.items -= 1
        session.delete(item)
    results = session.scalars(
        select(ExperimentResultRow).where(
            ExperimentResultRow.project == project, ExperimentResultRow.trace_id.in_(ids)
        )
    ).all()
    for result in results:
        run = session.get(ExperimentRow, (project, result.name))
        if run is not None:
            run.results -= 1
        session.delete(result)
    session.flush()
    return len(items) + len(results)


def erase_reviews(session: Session, scope: Scope) -> int:
    """Deletes items of review queues that are about the traces, with what reviewers said."""
    gone = 0
    for batch in scope.batches():
        for project, ids in _by_project(batch):
            items = select(ReviewItemRow.id).where(
                ReviewItemRow.project == project, ReviewItemRow.trace_id.in_(ids)
            )
            for table, which in (
                (ReviewLabelRow, ReviewLabelRow.item.in_(items)),
                (ReviewItemRow, ReviewItemRow.id.in_(items)),
            ):
                done = session.execute(delete(table).where(which))
                gone += int(done.rowcount)  # type: ignore[attr-defined]
    return gone


def _by_project(batch: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Ids by project, as many at a time as a statement may name."""
    found: dict[str, list[str]] = {}
    for project, trace_id in batch:
        found.setdefault(project, []).append(trace_id)
    for project, ids in found.items():
        for first in range(0, len(ids), _IDS):
            yield project, ids[first : first + _IDS]


def erase_incidents(session: Session, scope: Scope) -> int:
    """Takes names of users and sessions out of incidents, their alerts and timelines."""
    if not scope.names:
        return 0
    changed = 0
    for row in session.scalars(select(IncidentRow)):
        labels = json.dumps(_without(json.loads(row.labels), scope.names), ensure_ascii=False)
        title = _without(row.title, scope.names)
        if (json.loads(labels), title) != (json.loads(row.labels), row.title):
            row.labels, row.title = labels, title
            changed += 1
    for alert in session.scalars(select(IncidentAlertRow)):
        document = json.loads(alert.document)
        without = _without(document, scope.names)
        if without != document:
            alert.document = json.dumps(without, ensure_ascii=False)
            changed += 1
    for entry in session.scalars(select(IncidentEntryRow)):
        text = _without(entry.text, scope.names)
        if text != entry.text:
            entry.text = text
            changed += 1
    return changed


def _without(value: Any, names: frozenset[str]) -> Any:
    """A JSON value without these names, where they stand by themselves or as a word of a text."""
    if isinstance(value, str):
        for name in names:
            if name in value:
                value = re.sub(rf"(?<![\w@-]){re.escape(name)}(?![\w@-])", ERASED, value)
        return value
    if isinstance(value, list):
        return [_without(each, names) for each in value]
    if isinstance(value, dict):
        return {key: _without(each, names) for key, each in value.items()}
    return value


#: Every holder, by what a receipt calls it.
HOLDERS: Final[Mapping[str, Holder]] = {
    "alerts (state)": erase_alerts,
    "budgets (state)": erase_budgets,
    "examples and results (state)": erase_examples,
    "incidents (state)": erase_incidents,
    "review items and labels (state)": erase_reviews,
}
