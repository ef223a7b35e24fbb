"""The service: composes store, ingest, receivers and web into one process, and takes it down.

Starting goes from the store outwards, stopping from the receivers inwards, so that nothing is
taken that can't be kept and nothing that was taken is left behind.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final

from spanglass_alerts.delivery.outgoing import Outgoing, networks
from spanglass_collector.alerting import Alerting
from spanglass_collector.backups.desk import BackupDesk
from spanglass_collector.doors import address_of, open_door, taken
from spanglass_collector.drift.canary import CanaryKeeper
from spanglass_collector.drift.keeper import DriftKeeper
from spanglass_collector.embedding import embed_apart
from spanglass_collector.erasure.desk import PurgeDesk
from spanglass_collector.ingest.dead_letters import DeadLetters
from spanglass_collector.ingest.imports import Importer
from spanglass_collector.ingest.intake import Door, Intake
from spanglass_collector.ingest.pipeline import Hooks, Pipeline
from spanglass_collector.ingest.quotas import Quotas, read_quotas
from spanglass_collector.ingest.replay import DeadLetterDesk
from spanglass_collector.ingest.signals import SIGNALS
from spanglass_collector.jobs.desk import JobDesk
from spanglass_collector.jobs.keeper import JobKeeper
from spanglass_collector.joining import EventJoiner
from spanglass_collector.listener import Listener
from spanglass_collector.metering import EnergyMeter
from spanglass_collector.metrics import ServiceMetrics
from spanglass_collector.opening import open_store
from spanglass_collector.outcomes import OutcomeScorer
from spanglass_collector.pricing import PriceKeeper
from spanglass_collector.receivers.grpc import OtlpGrpc
from spanglass_collector.receivers.http import OtlpHttp
from spanglass_collector.retention.keeper import RetentionKeeper
from spanglass_collector.reviewing import ReviewKeeper
from spanglass_collector.settings import Settings, join_address, split_address
from spanglass_collector.stages.redact import Redaction
from spanglass_collector.tls import Certificate, read_certificate
from spanglass_collector.watching import Watcher
from spanglass_dashboards.app import create_app
from spanglass_dashboards.context import Context
from spanglass_store.access import Gate
from spanglass_store.backups.catalog import Catalog
from spanglass_store.client import Store
from spanglass_store.data_directory import DataDirectory, write_private
from spanglass_store.embedded import EmbeddedServer
from spanglass_store.endpoint import Endpoint
from spanglass_store.errors import StoreError
from spanglass_store.migrate import migrate
from spanglass_store.prices.desk import PriceDesk
from spanglass_store.retention.policy import Retention
from spanglass_store.state.accounts import Accounts
from spanglass_store.state.audit import AuditLog
from spanglass_store.state.budgets import Budgets
from spanglass_store.state.database import Database
from spanglass_store.state.datasets import DatasetBook
from spanglass_store.state.experiments import ExperimentBook
from spanglass_store.state.jobs import SIGN_IN_KEY, SUBJECT_KEY, JobBook
from spanglass_store.state.keys import Keys
from spanglass_store.state.prompts import PromptBook
from spanglass_store.state.reviews import ReviewBook
from spanglass_store.state.sessions import Sessions
from spanglass_store.state.views import Views

log = logging.getLogger(__name__)

#: Seconds from `SIGTERM` until the receivers and the writers have ended, at most; the embedded
#: server and the event loop take up to a second each behind that.
DRAIN_S: Final = 7.0
#: Of that, seconds in which a copy that waits is still sent.
_COPY_S: Final = 3.0


class Service:
    """One running service.

    Args:
        settings: what it is to do.
        hooks: for tests.
    """

    def __init__(self, settings: Settings, hooks: Hooks | None = None) -> None:
        self.settings = settings
        self._hooks = hooks or Hooks()
        self._stop = asyncio.Event()
        self._certificate: Certificate | None = None
        #: Addresses that are listened on, by door (`otlp_grpc`, `otlp_http`, `web`).
        self.addresses: dict[str, str] = {}

    @property
    def scheme(self) -> str:
        """What the doors speak: `http` or `https`."""
        return "https" if self._certificate else "http"

    def stop(self) -> None:
        """Asks the service to drain and end."""
        self._stop.set()

    async def run(self, ready: Callable[["Service"], None] = lambda service: None) -> None:
        """Serves until `stop` is called or a signal to end comes.

        Args:
            ready: called when everything listens.

        Raises:
            StoreError: if it can't start; the message says what to do.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, self.stop)
        with (
            DataDirectory(self.settings.data_dir) as directory,
            contextlib.closing(Database(self.settings.state or directory.state_url)) as database,
        ):
            keys, accounts = Keys(database), Accounts(database)
            self._refuse_open_doors(
                keys.configured() or accounts.configured() or bool(self.settings.oidc_issuer)
            )
            self._certificate = read_certificate(self.settings.tls_cert, self.settings.tls_key)
            sockets = self._bind()
            try:
                with open_store(self.settings, directory) as (endpoint, embedded):
                    await self._run_parts(
                        directory,
                        database,
                        keys,
                        JobBook(database),
                        endpoint,
                        embedded,
                        sockets,
                        ready,
                    )
            finally:
                for each in sockets.values():
                    each.close()
                directory.service.unlink(missing_ok=True)

    async def _run_parts(
        self,
        directory: DataDirectory,
        database: Database,
        keys: Keys,
        book: JobBook,
        endpoint: Endpoint,
        embedded: EmbeddedServer | None,
        sockets: dict[str, socket.socket],
        ready: Callable[["Service"], None],
    ) -> None:
        settings, roles = self.settings, self.settings.role_set
        store = Store(endpoint)
        version = await asyncio.to_thread(store.check)
        await asyncio.to_thread(migrate, store, self._hooks.before_statement)
        prices = PriceDesk(store, Path(settings.prices) if settings.prices else None)
        await asyncio.to_thread(prices.load)
        keeper = PriceKeeper(prices)
        reviews, embed = ReviewBook(database), embed_apart(directory.models)
        feeder = ReviewKeeper(store, reviews, embed)
        token = secrets.token_urlsafe(24)
        accounts = Accounts(database)
        sessions = Sessions(database, timedelta(hours=settings.session_hours))
        provider = await asyncio.to_thread(
            settings.provider, lambda: bytes.fromhex(book.secret(SIGN_IN_KEY))
        )
        gate = Gate(
            keys,
            token,
            sessions,
            lambda: provider is not None or accounts.configured(),
            settings.public_url,
        )
        ingest: _Ingest | None = None
        kept = await asyncio.to_thread(settings.retention_book, database)
        retention = RetentionKeeper(store, kept, sweeps="jobs" in roles)
        key = bytes.fromhex(await asyncio.to_thread(book.secret, SUBJECT_KEY))
        if "ingest" in roles:
            redaction = Redaction(settings.redaction, key)
            ingest = _Ingest(settings, directory, store, self._hooks, redaction, kept.of)
        # Who asks for readiness does not wait long, and must not be kept by a store that hangs.
        pinged = Store(endpoint, timeout_s=3)
        jobs = self._jobs(directory, book, endpoint, ingest) if "jobs" in roles else None
        drift = self._drift(directory, book, endpoint, ingest) if "jobs" in roles else None
        watchers = self._watchers(store, book, ingest) if "jobs" in roles else []
        canaries = CanaryKeeper(
            settings.drift_settings.canaries,
            Outgoing(
                networks(settings.drift_settings.private_networks), "[drift] private_networks ="
            ),
            store,
            book,
            kept.of,
        )
        metrics = ServiceMetrics(ingest, embedded, pinged, jobs, drift, watchers)
        alerting = await asyncio.to_thread(Alerting, settings, database, endpoint, metrics)
        purges = PurgeDesk(
            store,
            database,
            ingest.dead_letters if ingest is not None else None,
            ingest.pipelines if ingest is not None else (),
            key,
            Catalog(settings.backups, settings.data_dir).note_purge,
        )
        backups = None
        if embedded is not None:
            backups = BackupDesk(
                store,
                database,
                ingest.dead_letters if ingest is not None else None,
                ingest.pipelines if ingest is not None else (),
                Catalog(settings.backups, settings.data_dir),
                settings.backup_keep_days,
                settings.backup_every_hours,
            )
        servers: list[Listener] = []
        grpc_server: OtlpGrpc | None = None
        try:
            if ingest is not None:
                for pipeline in ingest.pipelines:
                    pipeline.writer.start()
                if ingest.forwarder is not None:
                    ingest.forwarder.start()
                grpc_server = OtlpGrpc(ingest.intake, gate, settings.otlp_grpc, self._certificate)
                await grpc_server.start()
                host, _ = split_address(settings.otlp_grpc)
                self.addresses["otlp_grpc"] = join_address(host, grpc_server.port)
                receiver = OtlpHttp(ingest.intake, gate)
                servers.append(Listener(receiver, sockets["otlp_http"], "auto", self._certificate))
            if "web" in roles:
                context = Context(
                    endpoint=endpoint,
                    gate=gate,
                    metrics=metrics.render,
                    is_ready=metrics.is_ready,
                    clickhouse_version=version,
                    addresses=self.addresses,
                    feedback_secrets=settings.feedback_secrets,
                    dead_letters=ingest.desk if ingest is not None else None,
                    prices=prices,
                    subject_key=key,
                    pseudonyms=settings.redaction.pseudonyms(),
                    budgets=Budgets(database),
                    prompts=PromptBook(database),
                    purges=purges,
                    backups=backups,
                    retention=retention,
                    imports=ingest.importer if ingest is not None else None,
                    audit=AuditLog(database),
                    datasets=DatasetBook(database),
                    experiments=ExperimentBook(database),
                    reviews=reviews,
                    embed=embed,
                    jobs=JobDesk(settings.jobs, book, jobs.wake if jobs else lambda: None),
                    alerts=alerting.desk,
                    incidents=alerting.incidents,
                    keys=keys,
                    accounts=accounts,
                    sessions=sessions,
                    provider=provider,
                    public_url=settings.public_url,
                    views=Views(database),
                    retention_days=settings.retention_days,
                    payload_retention_days=settings.payload_retention_days,
                )
                servers.append(
                    Listener(create_app(context), sockets["web"], "on", self._certificate)
                )
            for server in servers:
                await server.start()
            purges.start()
            if backups is not None:
                backups.start()
            retention.start()
            if jobs is not None:
                keeper.start()
                jobs.start()
                feeder.start()
                alerting.start()
            if drift is not None:
                drift.start()
                canaries.start()
            for watcher in watchers:
                watcher.start()
            self._announce(directory, token)
            ready(self)
            await self._stop.wait()
        finally:
            began = time.monotonic()
            stopping = [server.stop() for server in servers]
            if grpc_server is not None:
                stopping.append(grpc_server.stop(2.0))
            for problem in await asyncio.gather(*stopping, return_exceptions=True):
                if problem is not None:
                    log.error("a receiver did not end well: %s", problem)
            alerting.ask_to_stop()
            for each in (jobs, drift):
                if each is not None:
                    each.ask_to_stop()
            # A thread of its own: the loop's may all be waiting for a store that hangs.
            with ThreadPoolExecutor(1, "end") as own:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(own, purges.stop)
                await loop.run_in_executor(own, retention.stop)
                if backups is not None:
                    await loop.run_in_executor(own, backups.stop)
                if ingest is not None:
                    seconds = DRAIN_S - (time.monotonic() - began)
                    await loop.run_in_executor(own, ingest.drain, seconds)
                keeper.stop()
                feeder.stop()
                await loop.run_in_executor(own, canaries.stop)
                if jobs is not None:
                    await loop.run_in_executor(own, jobs.stop, 1.0)
                if drift is not None:
                    await loop.run_in_executor(own, drift.stop, 1.0)
                for watcher in watchers:
                    await loop.run_in_executor(own, watcher.stop, 1.0)
                await loop.run_in_executor(own, alerting.stop)
            store.close()
            pinged.close()

    def _jobs(
        self, directory: DataDirectory, book: JobBook, endpoint: Endpoint, ingest: "_Ingest | None"
    ) -> JobKeeper:
        settings = self.settings

        def stored() -> int:
            assert ingest is not None
            return ingest.pipelines[0].ledger.account().stored

        def backlog() -> int:
            return sum(each.backlog for each in ingest.pipelines) if ingest is not None else 0

        return JobKeeper(
            settings.jobs,
            settings.detect,
            endpoint,
            settings.state or directory.state_url,
            book,
            settings.log_level,
            directory.models,
            Path.cwd(),
            stored if ingest is not None else None,
            backlog,
        )

    def _watchers(self, store: Store, book: JobBook, ingest: "_Ingest | None") -> list[Watcher]:
        def of(*signals: str) -> Callable[[], tuple[int, int]] | None:
            if ingest is None:
                return None
            one, two = ({e.signal.name: e.ledger for e in ingest.pipelines}[s] for s in signals)
            return lambda: (one.account().stored, two.account().stored)

        return [
            EventJoiner(store, book, of("traces", "logs")),
            EnergyMeter(store, book, of("traces", "metrics")),
            OutcomeScorer(store, book, of("traces", "logs")),
        ]

    def _drift(
        self, directory: DataDirectory, book: JobBook, endpoint: Endpoint, ingest: "_Ingest | None"
    ) -> DriftKeeper:
        settings = self.settings

        def stored() -> int:
            assert ingest is not None
            return ingest.pipelines[0].ledger.account().stored

        def backlog() -> int:
            return sum(each.backlog for each in ingest.pipelines) if ingest is not None else 0

        return DriftKeeper(
            settings.drift_settings,
            settings.drift,
            endpoint,
            settings.state or directory.state_url,
            book,
            settings.log_level,
            directory.models,
            stored if ingest is not None else None,
            backlog,
        )

    def _refuse_open_doors(self, are_guarded: bool) -> None:
        """Listening beyond this machine takes keys or accounts."""
        for name in ("otlp_grpc", "otlp_http", "web"):
            host, _ = split_address(getattr(self.settings, name))
            if host not in ("127.0.0.1", "localhost", "::1") and not are_guarded:
                raise StoreError(
                    f"--{name.replace('_', '-')} {getattr(self.settings, name)} can be reached"
                    " from other machines, and there are no keys yet. Create one first:"
                    f" spanglass keys create --scope ingest --data-dir {self.settings.data_dir}"
                )

    def _bind(self) -> dict[str, socket.socket]:
        roles = self.settings.role_set
        ingest = ["otlp_http", "otlp_grpc"] if "ingest" in roles else []
        wanted = [*ingest, *(["web"] if "web" in roles else [])]
        bound: dict[str, socket.socket] = {}
        try:
            for name in wanted:
                address = getattr(self.settings, name)
                door = open_door(name, address)
                # Two sockets that do not listen yet can be bound to one port.
                is_taken = door.getsockname() in [each.getsockname() for each in bound.values()]
                bound[name] = door
                if is_taken:
                    raise taken(name, address, "another of these doors has it")
                self.addresses[name] = address_of(bound[name], address)
        except StoreError:
            for each in bound.values():
                each.close()
            raise
        if ingest:
            # gRPC binds by itself, when the store is up. Whether it can is known before that.
            bound.pop("otlp_grpc").close()
            del self.addresses["otlp_grpc"]
        return bound

    def _announce(self, directory: DataDirectory, token: str) -> None:
        """Tells commands on this machine where we are, and lets them in."""
        # Those who read this check that it is us by the certificate.
        certificate = str(self._certificate.path) if self._certificate else ""
        document = {"addresses": self.addresses, "token": token, "certificate": certificate}
        write_private(directory.service, json.dumps(document))


class _Ingest:
    """The parts between receivers and store."""

    def __init__(
        self,
        settings: Settings,
        directory: DataDirectory,
        store: Store,
        hooks: Hooks,
        redaction: Redaction,
        retention: Callable[[str], Retention],
    ) -> None:
        self.redaction = redaction
        self.forwarder = settings.forwarder()
        self.dead_letters = DeadLetters(directory.dead_letters, settings.dead_letters_bytes)
        self.pipelines = [
            Pipeline(signal, settings, directory, store, self.dead_letters, hooks)
            for signal in SIGNALS
        ]
        self.desk = DeadLetterDesk(
            self.dead_letters, {each.signal.name: each.queue for each in self.pipelines}
        )
        self.intake = Intake(
            {
                each.signal.name: Door(
                    each.signal.form, each.spool, each.ledger, each.writer.slow_lane.refusal
                )
                for each in self.pipelines
            },
            retention,
            settings.max_body_bytes,
            redaction=redaction,
            quotas=Quotas(read_quotas(settings.quotas)),
            forward=self.forwarder.offer if self.forwarder is not None else None,
        )

        self.importer = Importer(self.intake)

    def drain(self, seconds: float) -> None:
        """Stores what is spooled as far as the time allows; the rest is stored next time."""
        deadline = time.monotonic() + max(seconds, 0.0)
        with ThreadPoolExecutor(len(self.pipelines) + 1, "drain") as threads:
            if self.forwarder is not None:
                threads.submit(self.forwarder.stop, min(_COPY_S, max(seconds, 0.0)))
            list(threads.map(lambda each: each.drain(deadline), self.pipelines))
