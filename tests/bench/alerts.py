"""What evaluating many rules costs: 1,000 rules by 100 groups, beside a query for each rule.

The spans are made inside ClickHouse, spread over a day like those of a busy installation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from bench.report import Report, count
from spanglass_alerts.evaluate.live import Evaluated, Evaluator
from spanglass_alerts.evaluate.measure import Ticks
from spanglass_alerts.rules.model import Rule, rule
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.migrate import migrate

GROUPS: Final = 100
_METRICS: Final = ("error_rate", "latency_p95", "requests", "cost_usd", "ttft_p95", "tokens")
_STEP: Final = 200_000


def run(
    report: Report, work: Path, *, spans: int, rules: int, hours: float = 24, rounds: int = 3
) -> None:
    """Makes spans, and evaluates rules over them several times."""
    with DataDirectory(work / "alerts") as directory, EmbeddedServer(directory) as server:
        store = Store(server.endpoint)
        migrate(store)
        now = time.time()
        for first in range(0, spans, _STEP):
            _fill(store, now, first, min(_STEP, spans - first), spans / hours)
        evaluator = Evaluator(server.endpoint)
        own = psutil.Process()
        child = psutil.Process(server.pid)
        made = [_rule(i) for i in range(rules)]
        few = made[: max(1, rules // 20)]
        ticks = Ticks(now)

        def apart() -> Evaluated:
            whole = Evaluated()
            for each in few:
                found = evaluator.evaluate([each], ticks)
                whole.queries += found.queries
                whole.observations |= found.observations
            return whole

        evaluator.evaluate(made, ticks)
        rows = [
            _row(f"{count(rules)} rules by {GROUPS} groups", lambda: evaluator.evaluate(made, ticks),
                 rounds, 1.0, own, child),
            _row(f"one query a rule, of {len(few)} rules, times {rules // len(few)}", apart, 1,
                 rules / len(few), own, child),
        ]  # fmt: skip
        evaluator.close()
        store.close()
    report.table(
        f"An evaluation of rules over {count(spans)} spans of {hours:g} h",
        (
            "what",
            "queries",
            "seconds",
            "CPU seconds, store",
            "CPU seconds, Python",
            "groups judged",
        ),
        rows,
        caption="Windows of 5 minutes; the median of the rounds.",
    )
    report.keep(alerts=[list(row) for row in rows])


def _rule(number: int) -> Rule:
    """The rule of a number; no two measure the same."""
    rest, metric = divmod(number, len(_METRICS))
    shard, service = divmod(rest, 10)
    return rule({
        "name": f"r{number}", "kind": "threshold", "metric": _METRICS[metric],
        "condition": "> 1e9", "group_by": ["model"],
        "where": {"service": f"service-{service}", "attributes.shard": f"!{shard}"},
    })  # fmt: skip


def _row(
    what: str, evaluate: Callable[[], Evaluated], rounds: int, times: float,
    own: psutil.Process, child: psutil.Process,
) -> tuple[str, ...]:  # fmt: skip
    def cpu(process: psutil.Process) -> float:
        used = process.cpu_times()
        return used.user + used.system

    measured = []
    for _ in range(rounds):
        before, began = (cpu(child), cpu(own)), time.monotonic()
        found = evaluate()
        measured.append((time.monotonic() - began, cpu(child) - before[0], cpu(own) - before[1]))
    assert not found.errors, found.errors
    wall, store, python = (
        sorted(each)[rounds // 2] * times for each in zip(*measured, strict=True)
    )
    judged = sum(len(o) for each in found.observations.values() for o in each)
    queries, judged = round(found.queries * times), round(judged * times)
    return (what, f"{queries:,}", f"{wall:.2f}", f"{store:.2f}", f"{python:.2f}", f"{judged:,}")


def _fill(store: Store, now: float, first: int, number: int, an_hour: float) -> None:
    store.command(
        f"INSERT INTO {store.database}.spans (project, trace_id, span_id, name, operation, service,"
        " request_model, start_time, end_time, duration_ns, time_to_first_token_s, status,"
        " input_tokens, output_tokens, cost_usd, sample_weight, attributes, ingested_at)"
        " SELECT 'default', lower(hex(toUInt128(number))), lower(hex(number)), 'chat', 'chat',"
        f" concat('service-', toString(number % 10)), concat('model-', toString(rand(1) % {GROUPS})),"
        f" fromUnixTimestamp64Nano(toInt64({now} * 1e9) - toInt64(number *"
        f" {3.6e12 / an_hour})) AS begun, begun + toIntervalMillisecond(800), 800000000 + rand(2) % 1000000000,"
        " 0.2, if(rand(3) % 50 = 0, 'error', 'ok'), 500, 100, 0.001, 1,"
        " map('shard', toString(rand(4) % 16)), now64(6)"
        f" FROM numbers({first}, {number}) SETTINGS max_threads = 1, max_block_size = 20000,"
        " min_insert_block_size_rows = 50000, min_insert_block_size_bytes = 33554432"
    )
