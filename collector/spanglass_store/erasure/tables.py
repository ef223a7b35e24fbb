"""Where telemetry lies in the store, and which rows of each table a selection means.

What is selected is written into a working table first: ids of traces, answers, sessions and users.
Statements that change data name that table alone, because ClickHouse keeps their text for a while.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from spanglass_store.erasure.selection import ATTRIBUTES, PERSONAL, Selection
from spanglass_store.otlp.literal import quoted

#: Values of a statement's parameters; of one that changes data, none that leads to a person.
Values = dict[str, Any]
#: Telemetry goes on coming while what was there is erased.
_WRITTEN_BEFORE: Final = "{} <= {{until:DateTime64(6, 'UTC')}}"


@dataclass(frozen=True)
class Rows:
    """Rows of a table that are to go.

    Attributes:
        table: its name.
        where: which, over the working table; never empty.
        values: of its parameters.
    """

    table: str
    where: str
    values: Values


@dataclass(frozen=True)
class Change:
    """Values of a table that are to go from rows that stay.

    Attributes:
        table: its name.
        update: what becomes of columns.
        where: of which rows.
    """

    table: str
    update: str
    where: str
    values: Values


class Plan:
    """What a selection means for each table.

    Args:
        database: of the tables.
        work: name of the working table, with its database.
        selection: what is to go.
        until: of rows that are of no trace, those that were written later stay; in UTC.
    """

    def __init__(self, database: str, work: str, selection: Selection, until: datetime) -> None:
        self._database = database
        self._work = work
        self._until = until
        self.selection = selection

    # -- the working table ---------------------------------------------------------------------

    def collect(self) -> list[tuple[str, Values]]:
        """Statements that fill the working table, in order; doing so twice changes nothing."""
        which, database = self.selection, self._database
        statements: list[tuple[str, Values]] = []

        def add(select: str, values: Values) -> None:
            sql = f"INSERT INTO {self._work} (kind, project, value) {select}"
            statements.append((sql, values))

        for name in PERSONAL:
            if value := getattr(which, name):
                add(f"SELECT '{name}', '', {{value:String}}", {"value": value})
        for name in ("user_id", "session_id"):
            if value := getattr(which, name):
                # As labels have it, and as JSON does.
                forms = {json.dumps(value), json.dumps(value, ensure_ascii=False)}
                add("SELECT 'name', '', {value:String}", {"value": value})
                add(
                    "SELECT 'quoted', '', arrayJoin({forms:Array(String)})",
                    {"forms": sorted(forms)},
                )
        for table, time in (("spans", "start_time"), ("logs", "time")):
            where, values = self._own(time, PERSONAL)
            source = f"{database}.{table} WHERE trace_id != '' AND {where}"
            add(f"SELECT DISTINCT 'trace', project, trace_id FROM {source}", values)
        only = set(which.document()) <= {"trace_id", "project"}
        if which.trace_id and only:
            # Of a trace whose spans are gone there may be scores.
            where, values = self._own("", ("trace_id",))
            for table in ("scores", "pii_findings", "job_failures"):
                source = f"{database}.{table} WHERE {where}"
                add(f"SELECT DISTINCT 'trace', project, trace_id FROM {source}", values)
        in_traces = self._in("trace", "trace_id")
        response = "attributes['gen_ai.response.id']"
        source = f"{database}.spans WHERE {in_traces} AND {response} != ''"
        add(f"SELECT DISTINCT 'response', project, {response} FROM {source}", {})
        if which.user_id or which.session_id:
            source = f"{database}.spans WHERE session_id != '' AND {in_traces}"
            add(f"SELECT DISTINCT 'session', project, session_id FROM {source}", {})
        if which.session_id:
            where, values = self._own("created_at", ("session_id",), service="", environment="")
            source = f"{database}.scores WHERE {where}"
            add(f"SELECT DISTINCT 'session', project, session_id FROM {source}", values)
        sampled = f"(SELECT project, hour FROM {database}.drift_samples)"
        for table, time in (("spans", "start_time"), ("scores", "created_at")):
            hour = f"toStartOfHour({time})"
            source = f"{database}.{table} WHERE {in_traces} AND (project, {hour}) IN {sampled}"
            name = f"toString(toUnixTimestamp({hour}))"
            add(f"SELECT DISTINCT 'hour', project, {name} FROM {source}", {})
        return statements

    # -- the tables ----------------------------------------------------------------------------

    def everything(self) -> list[Rows | Change]:
        """Rows that go, then values."""
        return [*self.rows(), *self.changes()]

    def rows(self) -> list[Rows]:
        """Rows that go, by table, what is derived behind what it is derived from."""
        found = [
            Rows(table, self._in("trace", "trace_id"), {})
            for table in ("spans", "traces", "pii_findings", "job_failures")
        ]
        found += [self._logs(), self._metrics(), self._scores()]
        which = self.selection
        if which.user_id or which.session_id:
            # Alerts by user name them, and their evidence can.
            named = f"hasAny(mapValues(labels), {self._list('name')}) OR {self._says('evidence')}"
            where = self._of_project(f"({named})")
            found.append(Rows("alert_events", where, self._project_value()))
        if which.is_wide:
            found += self._of_nobody()
        return found

    def changes(self) -> list[Change]:
        """Values that go from rows that stay."""
        ids = self._list("trace")
        shown = f"arrayMap(t -> if(has({ids}, t), '', t), exemplars.trace_id)"
        spans = (
            f"arrayMap((t, s) -> if(has({ids}, t), '', s), exemplars.trace_id, exemplars.span_id)"
        )
        attributes = (
            f"arrayMap((t, a) -> if(has({ids}, t), mapFilter((k, v) -> 0, a), a),"
            " exemplars.trace_id, exemplars.attributes)"
        )
        found = [Change(
            "metrics",
            f"`exemplars.trace_id` = {shown}, `exemplars.span_id` = {spans},"
            f" `exemplars.attributes` = {attributes}",
            self._of_project(f"hasAny(exemplars.trace_id, {ids})"),
            self._project_value(),
        )]  # fmt: skip
        if self.selection.user_id:
            # What explains a drift can be that much of it is one user's.
            found.append(Change(
                "drift_results", "segments = '', explanation = ''",
                self._of_project(self._says("segments")), self._project_value(),
            ))  # fmt: skip
        return found

    def _logs(self) -> Rows:
        where, values = self._own("time", PERSONAL)
        where += f" AND {_WRITTEN_BEFORE.format('ingested_at')}"
        values["until"] = self._until
        return Rows("logs", f"{self._in('trace', 'trace_id')} OR ({where})", values)

    def _metrics(self) -> Rows:
        """Data points that say whose they are; those of nobody where nobody is named."""
        which = self.selection
        where, values = which.plain_conditions("time")
        if which.trace_id:
            where.append("0")
        for name, keys in ATTRIBUTES.items():
            if getattr(which, name):
                each = (f"attributes[{quoted(key)}]" for key in keys)
                where.append(f"hasAny({self._list(name)}, [{', '.join(each)}])")
        where.append(_WRITTEN_BEFORE.format("ingested_at"))
        return Rows("metrics", " AND ".join(where), values | {"until": self._until})

    def _scores(self) -> Rows:
        alone = [self._in("session", "session_id"), self._in("response", "response_id")]
        where, values = self.selection.plain_conditions(
            "created_at", {"service": "", "environment": ""}
        )
        if self.selection.is_wide:
            alone.append(" AND ".join(where) or "1")
        if self.selection.user_id:
            named = f"hasAny(mapValues(metadata), {self._list('user_id')})"
            alone.append(" AND ".join([named, *where]))
        either = " OR ".join(f"({each})" for each in alone)
        of_none = f"trace_id = '' AND ({either}) AND {_WRITTEN_BEFORE.format('ingested_at')}"
        where_all = f"{self._in('trace', 'trace_id')} OR ({of_none})"
        return Rows("scores", where_all, values | {"until": self._until})

    def _of_nobody(self) -> list[Rows]:
        """What is counted or found over many traces, where whole projects or services go."""
        no_environment = {"environment": ""}
        found = []
        for table, time, written, columns in (
            ("sdk_reports", "end_time", "ingested_at", {}),
            ("drift_samples", "hour", "updated_at", no_environment),
            ("drift_results", "window_end", "updated_at", no_environment),
            ("drift_topics", "learned_at", "updated_at", no_environment),
            ("alert_events", "time", "ingested_at", {"service": "", "environment": ""}),
            # Of spans that are no longer kept.
            ("pii_findings", "start_time", "found_at", {}),
            ("job_failures", "start_time", "at", {"service": "", "environment": ""}),
        ):
            where, values = self.selection.plain_conditions(time, columns)
            where.append(_WRITTEN_BEFORE.format(written))
            found.append(Rows(table, " AND ".join(where), values | {"until": self._until}))
        return found

    # -- conditions ----------------------------------------------------------------------------

    def _own(self, time: str, personal: Sequence[str], **columns: str) -> tuple[str, Values]:
        """What the selection says of a row itself; persons' values through the working table."""
        where, values = self.selection.plain_conditions(time, columns)
        for name in personal:
            if getattr(self.selection, name):
                where.append(f"{name} IN (SELECT value FROM {self._work} WHERE kind = '{name}')")
        return " AND ".join(where) or "1", values

    def _in(self, kind: str, column: str) -> str:
        return (
            f"({column} != '' AND (project, {column}) IN"
            f" (SELECT project, value FROM {self._work} WHERE kind = '{kind}'))"
        )

    def _list(self, kind: str) -> str:
        """The values of a kind as one array."""
        return f"(SELECT groupArray(value) FROM {self._work} WHERE kind = '{kind}')"

    def _says(self, column: str) -> str:
        """Whether a JSON text has the user or session among its strings."""
        return f"arrayExists(v -> position({column}, v) > 0, {self._list('quoted')})"

    def _of_project(self, condition: str) -> str:
        return (
            f"project = {{project:String}} AND {condition}" if self.selection.project else condition
        )

    def _project_value(self) -> Values:
        return {"project": self.selection.project} if self.selection.project else {}


#: How the working table is made.
WORK_COLUMNS: Final = (
    "(kind LowCardinality(String), project LowCardinality(String), value String)"
    " ENGINE = ReplacingMergeTree ORDER BY (kind, project, value)"
    " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
)
