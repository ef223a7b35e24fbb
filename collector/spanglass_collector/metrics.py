"""The collector's own metrics, as Prometheus reads them."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spanglass_store.client import Store
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.errors import StoreError

if TYPE_CHECKING:
    from spanglass_alerts.engine import Engine
    from spanglass_collector.drift.keeper import DriftKeeper
    from spanglass_collector.jobs.keeper import JobKeeper
    from spanglass_collector.service import _Ingest
    from spanglass_collector.watching import Watcher


class ServiceMetrics(Collector):
    """Reads the parts when asked; nothing is counted twice.

    Args:
        ingest: the parts between receivers and store; None where the role is missing.
        embedded: the embedded server; None where ClickHouse is somebody's.
        store: to ask whether it answers.
        jobs: what runs jobs; None where the role is missing.
        drift: what looks for drift; None where the role is missing.
        watchers: threads with work of their own among the jobs.
    """

    def __init__(
        self,
        ingest: "_Ingest | None",
        embedded: EmbeddedServer | None,
        store: Store,
        jobs: "JobKeeper | None" = None,
        drift: "DriftKeeper | None" = None,
        watchers: "Sequence[Watcher]" = (),
    ) -> None:
        self._ingest = ingest
        self._embedded = embedded
        self._store = store
        self._jobs = jobs
        self._drift = drift
        self._watchers = watchers
        #: What evaluates rules; None where the role is missing.
        self.alerts: Engine | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._started = time.time()

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self._registry)

    def is_ready(self) -> str:
        """Empty when requests can be served; otherwise what is missing."""
        try:
            self._store.query("SELECT 1")
        except StoreError as error:
            return str(error)
        return ""

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        if self._ingest is not None:
            yield from self._accounts()
            yield from self._pipelines()
            yield from self._requests()
        if self._jobs is not None:
            yield from self._jobs_done(self._jobs)
        if self.alerts is not None and self.alerts.is_leading:
            yield from self._alerting(self.alerts)
        yield GaugeMetricFamily(
            "spanglass_resident_bytes", "Resident memory of the service's process.",
            psutil.Process(os.getpid()).memory_info().rss,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "spanglass_start_time_seconds", "When the service started.", self._started
        )
        if self._embedded is not None:
            pid = self._embedded.pid
            resident = 0
            if pid is not None:
                try:
                    resident = psutil.Process(pid).memory_info().rss
                except psutil.Error:
                    resident = 0
            yield GaugeMetricFamily(
                "spanglass_store_resident_bytes",
                "Resident memory of the embedded ClickHouse; 0 while it is down.",
                resident,
            )
            yield CounterMetricFamily(
                "spanglass_store_restarts", "Starts of the embedded ClickHouse after it died.",
                self._embedded.restarts,
            )  # fmt: skip

    def _accounts(self) -> Iterator[Metric]:
        """The terms of the identity of each signal, under the name of its items."""
        assert self._ingest is not None
        for pipeline in self._ingest.pipelines:
            account, items = pipeline.ledger.account(), pipeline.signal.items
            prefix = f"spanglass_{items.replace(' ', '_')}"
            what = items.capitalize()
            for name, value, help_text in (
                ("received", account.received, "that arrived."),
                ("stored", account.stored, "that are in ClickHouse."),
                ("sampled_out", account.sampled_out, "that sampling left out."),
            ):
                yield CounterMetricFamily(f"{prefix}_{name}", f"{what} {help_text}", value)
            rejected = CounterMetricFamily(
                f"{prefix}_rejected", f"{what} that were refused.", labels=["reason"]
            )
            for reason, count in account.reasons.items():
                rejected.add_metric([reason], count)
            yield rejected
            yield GaugeMetricFamily(
                f"{prefix}_dead_lettered", f"{what} in dead letters.", account.dead_lettered
            )
            yield GaugeMetricFamily(
                f"{prefix}_spooled", f"{what} on disk, on their way to ClickHouse.",
                account.spooled,
            )  # fmt: skip

    def _pipelines(self) -> Iterator[Metric]:
        assert self._ingest is not None
        by_signal = ["signal"]
        size = GaugeMetricFamily("spanglass_spool_bytes", "Bytes in the spool.", labels=by_signal)
        segments = GaugeMetricFamily(
            "spanglass_spool_segments", "Batches that wait for a writer.", labels=by_signal
        )
        inserts = CounterMetricFamily("spanglass_inserts", "Inserts done.", labels=by_signal)
        retries = CounterMetricFamily(
            "spanglass_insert_retries", "Inserts that failed and were tried again.",
            labels=by_signal,
        )  # fmt: skip
        refusals = CounterMetricFamily(
            "spanglass_insert_refusals", "Inserts that ClickHouse refused for their rows.",
            labels=by_signal,
        )  # fmt: skip
        slow = GaugeMetricFamily(
            "spanglass_slow_lane_segments",
            "Batches of which ClickHouse refused something, not settled yet.",
            labels=by_signal,
        )
        parked = GaugeMetricFamily(
            "spanglass_projects_refused",
            "Projects of which nothing is accepted, as dead letters have no room for them.",
            labels=by_signal,
        )
        for pipeline in self._ingest.pipelines:
            label = [pipeline.signal.name]
            size.add_metric(label, pipeline.spool.size)
            segments.add_metric(label, pipeline.spool.segments)
            inserts.add_metric(label, pipeline.writer.stats.inserts)
            retries.add_metric(label, pipeline.writer.stats.retries)
            refusals.add_metric(label, pipeline.writer.stats.refusals)
            slow.add_metric(label, pipeline.writer.slow_lane.segments)
            parked.add_metric(label, len(pipeline.writer.slow_lane.parked))
        yield from (size, segments, inserts, retries, refusals, slow, parked)
        yield GaugeMetricFamily(
            "spanglass_dead_letters_bytes", "Bytes that dead letters take up on disk.",
            self._ingest.dead_letters.size,
        )  # fmt: skip

    def _jobs_done(self, jobs: "JobKeeper") -> Iterator[Metric]:
        label = ["job"]
        counters = {
            "spans": CounterMetricFamily("spanglass_job_spans", "Spans judged.", labels=label),
            "results": CounterMetricFamily("spanglass_job_results", "Results.", labels=label),
            "failures": CounterMetricFamily(
                "spanglass_job_failures", "Spans that could not be judged.", labels=label
            ),
            "seconds": CounterMetricFamily(
                "spanglass_job_seconds", "Seconds that judging took.", labels=label
            ),
            "cost_usd": CounterMetricFamily(
                "spanglass_job_cost_usd", "US dollars that judging took.", labels=label
            ),
        }
        lag = GaugeMetricFamily(
            "spanglass_job_lag_seconds", "How long ago what is judged came.", labels=label
        )
        over = GaugeMetricFamily(
            "spanglass_job_over_budget", "Whether a job waits for its budget.", labels=label
        )
        failing = GaugeMetricFamily(
            "spanglass_job_failing", "Whether a job's detector can't be started.", labels=label
        )
        every = dict(jobs.counts)
        if self._drift is not None and self._drift.is_enabled:
            every["drift"] = self._drift.counts
        every.update({each.counts.job: each.counts for each in self._watchers})
        for name, counts in every.items():
            for field, family in counters.items():
                family.add_metric([name], getattr(counts, field))
            lag.add_metric([name], counts.lag_s)
            over.add_metric([name], float(counts.is_over_budget))
            failing.add_metric([name], float(bool(counts.error)))
        yield from (*counters.values(), lag, over, failing)
        yield CounterMetricFamily(
            "spanglass_job_worker_deaths", "Workers that ended otherwise than they should.",
            jobs.deaths,
        )  # fmt: skip

    @staticmethod
    def _alerting(engine: "Engine") -> Iterator[Metric]:
        """Of the process that evaluates: of several collectors one does."""
        yield GaugeMetricFamily(
            "spanglass_alerts_evaluation_seconds",
            "Seconds that the last evaluation of rules took.",
            engine.took_s,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "spanglass_alerts_lag_seconds",
            "How long before its evaluation what was evaluated last had ended.",
            engine.lag_s,
        )
        yield GaugeMetricFamily(
            "spanglass_alerts_rules_failing", "Rules that can't be evaluated.", len(engine.errors)
        )
        yield GaugeMetricFamily(
            "spanglass_alerts_firing", "Alerts that fire, taken or not.", engine.firing
        )

    def _requests(self) -> Iterator[Metric]:
        assert self._ingest is not None
        redacted = CounterMetricFamily(
            "spanglass_redacted", "Personal data that was taken out before storage.",
            labels=["entity"],
        )  # fmt: skip
        for entity, count in sorted(self._ingest.redaction.counts.items()):
            redacted.add_metric([entity], count)
        yield redacted
        intake = self._ingest.intake
        yield CounterMetricFamily(
            "spanglass_received_bytes", "Bytes of accepted requests, decompressed.",
            intake.stats.bytes,
        )  # fmt: skip
        refused = CounterMetricFamily(
            "spanglass_project_refused_requests",
            "Requests that were refused for what their project has sent already.",
            labels=["project", "reason"],
        )
        shares = sum((each.spool.refused_shares for each in self._ingest.pipelines), Counter[str]())
        for reason, counts in (("quota", intake.quotas.refused), ("spool_share", shares)):
            for project, count in sorted(counts.items()):
                refused.add_metric([project, reason], count)
        yield refused
        forwarder = self._ingest.forwarder
        yield GaugeMetricFamily(
            "spanglass_forward_waiting_bytes", "Bytes of the copy that wait to be sent.",
            forwarder.waiting if forwarder else 0,
        )  # fmt: skip
        sent = CounterMetricFamily(
            "spanglass_forwarded_items", "Items that the other endpoint took.", labels=["signal"]
        )
        lost = CounterMetricFamily(
            "spanglass_forward_lost_items", "Items that the other endpoint did not get.",
            labels=["signal", "reason"],
        )  # fmt: skip
        if forwarder:
            for signal, count in sorted(forwarder.sent.items()):
                sent.add_metric([signal], count)
            for of, count in sorted(forwarder.lost.items()):
                lost.add_metric(of, count)
        yield from (sent, lost)
        requests = CounterMetricFamily(
            "spanglass_requests", "OTLP requests by what became of them.", labels=["outcome"]
        )
        for outcome in (
            "accepted", "unreadable", "overloaded", "too_large", "denied", "unsupported",
            "over_quota",
        ):  # fmt: skip
            requests.add_metric([outcome], getattr(intake.stats, outcome))
        yield requests
