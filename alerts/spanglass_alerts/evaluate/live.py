"""One evaluation of many rules: few queries, in threads, and a rule that fails fails alone."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_alerts.alert import Observation
from spanglass_alerts.evaluate.measure import Answer, Ticks, batches, measure
from spanglass_alerts.evaluate.needs import Measured, Need, judge, needs
from spanglass_alerts.rules import model
from spanglass_alerts.rules.values import selects
from spanglass_store.client import Store
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import QueryRefused, StoreError, StoreOverloaded, StoreUnavailable
from spanglass_store.queries.completeness import completeness
from spanglass_store.statements import check_statement

#: Queries at a time, and seconds that one may take.
_THREADS: Final = 2
#: A service has ten seconds to end, and waits for its threads.
QUERY_S: Final = 8
SQL_S: float = 10.0
_MOST_MEMORY: Final = 400 << 20
SETTINGS: Final = {
    "max_execution_time": QUERY_S,
    "max_memory_usage": _MOST_MEMORY,
    "max_threads": 2,
    # It is work in the background: what people wait for comes first.
    "priority": 2,
}

#: The collector's own metrics: name, then samples of labels and value.
SelfMetrics = Callable[[], Mapping[str, Sequence[tuple[Mapping[str, str], float]]]]


@dataclass
class Evaluated:
    """What an evaluation found: observations by tick of each rule, or why there are none.

    Attributes:
        unavailable: why the store could not be asked at all; empty if it could.
    """

    observations: dict[str, list[list[Observation]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    unavailable: str = ""
    queries: int = 0


class Evaluator:
    """Evaluates rules against a store.

    Args:
        endpoint: where ClickHouse is.
        self_metrics: the collector's own metrics; None where this process has none.
    """

    def __init__(self, endpoint: Endpoint, self_metrics: SelfMetrics | None = None) -> None:
        self.store = Store(endpoint, timeout_s=QUERY_S + 10)
        self._endpoint = endpoint
        self._readers: dict[str, Store] = {}
        self._self_metrics = self_metrics
        self._pool = ThreadPoolExecutor(_THREADS, "alerts")
        self._sql_pool = ThreadPoolExecutor(_THREADS, "alerts-sql")
        self._asked: dict[str, Future[Any]] = {}
        self._late: set[str] = set()
        self._samples: dict[
            tuple[str, tuple[tuple[str, str], ...]], deque[tuple[float, float]]
        ] = {}

    def cancel(self) -> None:
        """Begins nothing more; what is evaluated raises."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._sql_pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        self.cancel()
        for each in (self.store, *self._readers.values()):
            each.close()

    def evaluate(self, rules: Sequence[model.Rule], ticks: Ticks) -> Evaluated:
        """What rules find at some ticks. Nothing is raised for one rule's sake."""
        result = Evaluated()
        wanted = {rule.name: needs(rule) for rule in rules}
        # People's own queries run beside the others, and all of them have the same time.
        for each in rules:
            if isinstance(each, model.Sql):
                self._begin(each, ticks)
        answers = self._measure([n for each in wanted.values() for n in each], ticks, result)
        until = time.monotonic() + SQL_S
        for rule in rules:
            try:
                found = self._of(rule, wanted[rule.name], answers, ticks, until)
            except StoreUnavailable as error:
                result.errors[rule.name] = str(error)
            except (StoreError, ValueError, ArithmeticError, TypeError) as error:
                result.errors[rule.name] = str(error)
            else:
                if found is not None:
                    result.observations[rule.name] = found
        return result

    def _measure(
        self, wanted: Iterable[Need], ticks: Ticks, result: Evaluated
    ) -> dict[Need, Answer | StoreError]:
        todo = batches(wanted)
        result.queries = len(todo)
        futures = [self._pool.submit(self._batch, batch, ticks) for batch in todo]
        answers: dict[Need, Answer | StoreError] = {}
        for future in futures:
            answers.update(future.result())
        problems = [a for a in answers.values() if isinstance(a, StoreUnavailable)]
        if (
            answers
            and len(problems) == len(answers)
            and not isinstance(problems[0], StoreOverloaded)
        ):
            result.unavailable = str(problems[0])
        return answers

    def _batch(self, batch: list[Need], ticks: Ticks) -> dict[Need, Answer | StoreError]:
        try:
            return dict(zip(batch, measure(self.store, batch, ticks, SETTINGS), strict=True))
        except (QueryRefused, StoreOverloaded) as error:
            if len(batch) == 1:
                return {batch[0]: error}
            # One of them is to blame; the others go on without it.
            half = len(batch) // 2
            return self._batch(batch[:half], ticks) | self._batch(batch[half:], ticks)
        except StoreError as error:
            return dict.fromkeys(batch, error)

    def _of(
        self,
        rule: model.Rule,
        wanted: list[Need],
        answers: Mapping[Need, Answer | StoreError],
        ticks: Ticks,
        until: float,
    ) -> list[list[Observation]] | None:
        if isinstance(rule, model.Sql):
            return self._sql(rule, until)
        if isinstance(rule, model.Collector):
            return self._collector(rule, ticks)
        if isinstance(rule, model.Completeness):
            return [self._completeness(rule, at) for at in ticks]
        found: list[list[Observation]] = []
        parts: dict[str, Answer] = {}
        for need in wanted:
            answer = answers[need]
            if isinstance(answer, StoreError):
                raise answer
            parts[need.part] = answer
        for i, at in enumerate(ticks):
            groups = dict.fromkeys(group for answer in parts.values() for group in answer[i])
            if not rule.group_by:
                groups.setdefault((), None)
            seen = []
            for group in groups:
                labels = dict(zip(rule.group_by, group, strict=True))
                measured = {p: a[i][group] for p, a in parts.items() if group in a[i]}
                if (rule.no_data == "resolve" or group) and not measured:
                    continue
                seen.append(judge(rule, labels, measured, at))
            found.append(seen)
        return found

    # -- kinds that are not aggregates ---------------------------------------------------------

    def _begin(self, rule: model.Sql, ticks: Ticks) -> None:
        running = self._asked.get(rule.name)
        if running is None or running.done():
            self._late.discard(rule.name)
            self._asked[rule.name] = self._sql_pool.submit(
                lambda: [self._select(rule, at) for at in ticks]
            )
        else:
            self._late.add(rule.name)

    def _sql(self, rule: model.Sql, until: float) -> list[list[Observation]]:
        future = self._asked[rule.name]
        # The others do not wait for it; it is asked again when it has ended.
        if rule.name not in self._late:
            wait([future], timeout=max(0.0, until - time.monotonic()))
        if rule.name in self._late or not future.done():
            raise QueryRefused(f"The query takes longer than {SQL_S:.0f} s. Make it cheaper.")
        found: list[list[Observation]] = future.result()
        return found

    def _select(self, rule: model.Sql, at: float) -> list[Observation]:
        reader = self._readers.get(rule.project)
        if reader is None:
            shown = (rule.project,) if rule.project else None
            # Rules see no prompts and answers: what they find is sent to people.
            role = Role.READER if self._endpoint.isolated else Role.PAYLOAD_READER
            reader = Store(self._endpoint, role, shown, timeout_s=QUERY_S * 2)
            self._readers[rule.project] = reader
        times = {"start": at - rule.window, "end": at}
        given = {
            name: datetime.fromtimestamp(t, UTC).replace(tzinfo=None)
            for name, t in times.items()
            if f"{{{name}:" in rule.query
        }
        sql = rule.query.strip().rstrip(";")
        check_statement(reader, sql, given)
        rows = reader.query(sql, given)
        missing = [name for name in ("value", *rule.group_by) if name not in rows.columns]
        # Of an answer without rows ClickHouse names no columns.
        if missing and rows.columns:
            raise QueryRefused(
                f"The query answers no column {missing[0]!r}; it has {', '.join(rows.columns)}."
            )
        found = []
        for row in rows.dicts()[: rule.max_groups]:
            labels = {name: str(row[name]) for name in rule.group_by}
            value = None if row["value"] is None else float(row["value"])
            count = float(row.get("count", rule.min_count) or 0) if value is not None else 0
            found.append(judge(rule, labels, {"value": Measured(value, max(count, 1))}, at))
        return found

    def _completeness(self, rule: model.Completeness, at: float) -> list[Observation]:
        end = datetime.fromtimestamp(at, UTC)
        start = datetime.fromtimestamp(at - rule.window, UTC)
        sums: dict[str, list[int]] = {}
        for each in completeness(self.store, start, end, rule.project):
            if selects(rule.where, {"service": each.service}):
                name = each.service if rule.group_by else ""
                both = sums.setdefault(name, [0, 0])
                both[0] += min(each.received, each.expected)
                # What still waits in the process is not lost.
                both[1] += max(0, each.expected - each.waiting)
        return [
            judge(
                rule, {"service": name} if rule.group_by else {},
                {"value": Measured(min(1.0, here / made) if made else None, made)}, at,
            )
            for name, (here, made) in sums.items()
        ]  # fmt: skip

    def _collector(self, rule: model.Collector, ticks: Ticks) -> list[list[Observation]]:
        if self._self_metrics is None:
            return [[] for _ in ticks]
        samples = self._self_metrics().get(rule.metric)
        if samples is None:
            raise QueryRefused(f"The collector has no metric {rule.metric!r}: see /metrics.")
        found = []
        for labels, value in samples:
            if not selects(rule.where, labels):
                continue
            measured = self._growth(rule, labels, value, ticks.last) if rule.change else value
            found.append(
                judge(rule, labels, {"value": Measured(measured, rule.min_count)}, ticks.last)
            )
        # What was before is not known: it is the state of now.
        return [[] for _ in range(ticks.count - 1)] + [found]

    def _growth(
        self, rule: model.Collector, labels: Mapping[str, str], value: float, at: float
    ) -> float:
        key = (rule.name, tuple(sorted(labels.items())))
        kept = self._samples.setdefault(key, deque(maxlen=10_000))
        kept.append((at, value))
        while len(kept) > 1 and kept[1][0] <= at - rule.window:
            kept.popleft()
        return max(0.0, value - kept[0][1])
