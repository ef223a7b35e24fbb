"""What people said of a thing, beside what a machine said of the same."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from spanglass_store.client import Store

#: What is judged: a span, or a trace, for which the mean over its spans stands.
Per = Literal["span", "trace"]

#: Things of one name and machine that are looked at, at most; of more, as many by chance.
MOST_PAIRS: Final = 2_000
#: Names and machines at most.
MOST_KINDS: Final = 50
_PEOPLE: Final = "s.source IN ('human', 'user')"
#: Who judged, with the value and the label that they gave.
_SAID: Final = "(ifNull(s.value, nan), toString(s.label), toString(s.evaluator))"


@dataclass(frozen=True)
class Said:
    """One judgement: its value, or the label where there is none."""

    value: float | None
    label: str
    by: str


@dataclass(frozen=True)
class Pair:
    """One thing that people and a machine have judged.

    Attributes:
        people: what they said, one or several.
        machine: what the machine said; of several spans of a trace, the mean.
    """

    project: str
    trace_id: str
    span_id: str
    people: tuple[Said, ...]
    machine: Said


@dataclass(frozen=True)
class PairFilter:
    """Which judgements; everything that is given has to hold.

    Attributes:
        start: earliest time that people judged, inclusive; machines may have at any time.
        end: latest, exclusive.
        name: of the machine's score.
        beside: of the people's; the machine's unless given.
        per: what is judged.
    """

    start: datetime
    end: datetime
    project: str = ""
    name: str = ""
    beside: str = ""
    per: Per = "span"


def pairs(store: Store, which: PairFilter) -> dict[tuple[str, str, str], list[Pair]]:
    """By name, kind (`judge`, `detector`, `code`) and evaluator: what both have judged.

    Args:
        store: as a reader.
        which: conditions.
    """
    values: dict[str, Any] = {
        "start": _naive(which.start), "end": _naive(which.end), "project": which.project,
        "name": which.name, "beside": which.beside or which.name, "most": MOST_PAIRS,
        "kinds": MOST_KINDS,
    }  # fmt: skip
    target = "s.project, s.trace_id" + (", s.span_id" if which.per == "span" else "")
    span = "s.span_id" if which.per == "span" else "''"
    of_people = (
        f"{_PEOPLE} AND s.created_at >= {{start:DateTime64(6)}}"
        " AND s.created_at < {end:DateTime64(6)} AND s.trace_id != ''"
    )
    of_machine = f"NOT ({_PEOPLE})"
    if which.project:
        of_people += " AND s.project = {project:String}"
    if which.name:
        of_people += " AND s.name = {beside:String}"
        of_machine += " AND s.name = {name:String}"
    # People's scores bear the machine's name here, so that both meet under one.
    named = f"if({_PEOPLE} AND {{name:String}} != '', {{name:String}}, toString(s.name))"
    scores = f"{store.database}.scores AS s FINAL"
    same = "" if which.name else ", s.name"
    rows = store.query(
        "SELECT name_, machine.1 AS kind, machine.2 AS by, project_, trace_, span_, people,"
        " machine.3 AS said FROM (SELECT name_, project_, trace_, span_, people,"
        " arrayJoin(arrayMap(w -> (w.1, w.2, arrayMap(m -> m.1, arrayFilter(m -> m.2 = w.1"
        " AND m.1.3 = w.2, machines))), arrayDistinct(arrayMap(m -> (m.2, m.1.3), machines))))"
        f" AS machine FROM (SELECT {named} AS name_, s.project AS project_, s.trace_id AS trace_,"
        f" {span} AS span_, groupArrayIf(50)({_SAID}, {_PEOPLE}) AS people,"
        f" groupArrayIf(200)(({_SAID}, toString(s.source)), NOT ({_PEOPLE})) AS machines"
        f" FROM {scores} WHERE (({of_people}) OR ({of_machine}))"
        f" AND ({target}{same}) IN (SELECT {target}{same} FROM {scores} WHERE {of_people})"
        " GROUP BY name_, project_, trace_, span_ HAVING notEmpty(people) AND notEmpty(machines)))"
        " ORDER BY cityHash64(trace_, span_) LIMIT {most:UInt32} BY name_, kind, by"
        " LIMIT {most:UInt32} * {kinds:UInt32}",
        values,
    ).rows
    found: dict[tuple[str, str, str], list[Pair]] = {}
    for name, kind, by, project, trace_id, span_id, people, machine in rows:
        machines = _together([_said(each) for each in machine])
        pair = Pair(project, trace_id, span_id, tuple(map(_said, people)), machines)
        found.setdefault((name, kind, by), []).append(pair)
    return found


def _said(row: Any) -> Said:
    value, label, by = row
    return Said(None if value != value else float(value), label, by)


def _together(said: list[Said]) -> Said:
    """Of several spans of a trace: the mean, and a label where there is one alone."""
    values = [each.value for each in said if each.value is not None]
    labels = {each.label for each in said if each.label}
    return Said(
        sum(values) / len(values) if values else None,
        labels.pop() if len(labels) == 1 else "",
        said[0].by,
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
