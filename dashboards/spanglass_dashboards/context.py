"""What the application is given by whoever runs it."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from fastapi import Request

from spanglass_dashboards.advising import Advising
from spanglass_dashboards.incident_desk import IncidentDesk
from spanglass_dashboards.signing import SignInProvider
from spanglass_detectors.pii.pseudonyms import Pseudonyms
from spanglass_store.access import Gate, allowed
from spanglass_store.backups.catalog import Backup
from spanglass_store.client import Store
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.erasure.selection import Selection
from spanglass_store.errors import NotAllowed
from spanglass_store.prices.desk import PriceDesk
from spanglass_store.review.draw import Embed
from spanglass_store.state.accounts import Accounts
from spanglass_store.state.audit import AuditLog
from spanglass_store.state.budgets import Budgets
from spanglass_store.state.datasets import DatasetBook
from spanglass_store.state.experiments import ExperimentBook
from spanglass_store.state.keys import Keys, Principal
from spanglass_store.state.prompts import PromptBook
from spanglass_store.state.retention import RetentionBook
from spanglass_store.state.reviews import ReviewBook
from spanglass_store.state.rights import Right
from spanglass_store.state.sessions import Sessions
from spanglass_store.state.views import Views


class DeadLetterOffice(Protocol):
    """What the ingest can do about dead letters; `spanglass_collector.ingest.replay` does it."""

    def list(self) -> Sequence[Any]: ...

    def show(self, name: str) -> tuple[Any, dict[str, Any]]: ...

    def replay(self, names: Sequence[str]) -> Mapping[str, int]: ...

    def discard(self, names: Sequence[str]) -> Mapping[str, int]: ...


class PurgeOffice(Protocol):
    """What can be erased; `spanglass_collector.erasure.desk` does it."""

    def preview(self, selection: Selection) -> dict[str, Any]: ...

    def request(self, document: Mapping[str, Any], by: str, everything: bool) -> Any: ...

    def get(self, erasure_id: str) -> Any: ...

    def list(self) -> Sequence[Any]: ...


class BackupOffice(Protocol):
    """Backups of the embedded store; `spanglass_collector.backups.desk` does it."""

    def request(self, keep_days: int | None) -> Backup: ...

    def get(self, name: str) -> Backup: ...

    def path(self, backup: Backup) -> Path: ...

    def delete(self, name: str) -> Backup: ...

    def list(self) -> Sequence[Backup]: ...


class RetentionOffice(Protocol):
    """How long what is kept; `spanglass_collector.retention.keeper` does it."""

    @property
    def book(self) -> RetentionBook: ...

    def sweep(self) -> Sequence[Any]: ...


class ImportOffice(Protocol):
    """Takes OTLP of any time; `spanglass_collector.ingest.imports` does it."""

    async def take(self, signal: str, body: bytes, project: str) -> Mapping[str, Any]: ...


class JobOffice(Protocol):
    """What can be asked of jobs; `spanglass_collector.jobs.desk` does it."""

    def status(self) -> Sequence[Any]: ...

    def backfills(self, job: str = "") -> Sequence[Any]: ...

    def request(self, job: str, start: datetime, end: datetime) -> Any: ...


class AlertDesk(Protocol):
    """What can be done about alerts; `spanglass_alerts.desk` does it. Times: s since 1970."""

    def alerts(
        self, projects: Sequence[str] | None, state: str = "", rule_name: str = ""
    ) -> list[dict[str, Any]]: ...

    def alert(self, projects: Sequence[str] | None, alert_id: str) -> dict[str, Any]: ...

    def acknowledge(
        self, projects: Sequence[str] | None, alert_id: str, by: str, note: str
    ) -> dict[str, Any]: ...

    def silences(self) -> list[dict[str, Any]]: ...

    def silence(
        self, match: Mapping[str, Any], start: float, end: float, author: str, comment: str,
        project: str = "",
    ) -> dict[str, Any]: ...  # fmt: skip

    def unsilence(self, silence_id: str) -> None: ...

    def rules(self) -> list[dict[str, Any]]: ...

    def rule(self, name: str) -> dict[str, Any]: ...

    def put_rule(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]: ...

    def delete_rule(self, name: str) -> None: ...

    def preview(
        self, body: Mapping[str, Any], start: float, end: float, step_s: float = 0
    ) -> dict[str, Any]: ...

    def draft(self, text: str | None, body: Mapping[str, Any] | None) -> dict[str, Any]: ...

    def schema(self) -> dict[str, Any]: ...

    def channels(self) -> list[dict[str, Any]]: ...

    def test_channel(self, name: str) -> dict[str, Any]: ...

    def deliveries(self, limit: int, before: int = 0) -> list[dict[str, Any]]: ...

    def playbooks(self) -> list[str]: ...

    def playbook(
        self, name: str, store: Store, projects: Sequence[str] | None, alert_id: str = ""
    ) -> dict[str, Any]: ...


@dataclass
class Context:
    """The parts the API stands on.

    Attributes:
        endpoint: where ClickHouse is.
        gate: decides who may ask.
        metrics: the Prometheus exposition of the service.
        is_ready: empty when requests can be served, otherwise what is missing.
        addresses: host and port of the receivers, by door (`otlp_http`, `otlp_grpc`).
        feedback_secrets: those that may have signed a feedback link; several while one replaces
            another.
        dead_letters: where this process takes spans: what the store refused of them.
        prices: the book of prices.
        budgets: what calls may cost.
        jobs: what judges spans.
        prompts: the registry of prompts.
        datasets: examples, with versions.
        experiments: runs over them.
        reviews: what people are to look at, and their labels.
        embed: makes vectors of texts.
        alerts: rules, what fires, and who is told.
        incidents: alerts that belong together, and what is done about them.
        purges: what erases on request.
        backups: takes and lists them; None where ClickHouse is somebody else's.
        retention: how long what is kept.
        imports: takes OTLP of any time.
        audit: who read, changed and erased what.
        keys: who may come in; to be listed, made and revoked.
        accounts: people, and what they are in which project.
        sessions: browsers in which they are signed in.
        provider: who else vouches for people; None where nobody does.
        public_url: where the pages are for people, if a proxy gives them another address.
        views: pages that people saved.
        retention_days: how long spans are kept, and how long what people and models wrote.
        subject_key: what values are hashed with that somebody asks about.
        pseudonyms: what turns pseudonyms back; None where there is no key.
        advising: makes advice on savings.
    """

    endpoint: Endpoint
    gate: Gate
    metrics: Callable[[], bytes]
    is_ready: Callable[[], str]
    clickhouse_version: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    feedback_secrets: Sequence[str] = ()
    dead_letters: DeadLetterOffice | None = None
    prices: PriceDesk | None = None
    budgets: Budgets | None = None
    jobs: JobOffice | None = None
    prompts: PromptBook | None = None
    datasets: DatasetBook | None = None
    experiments: ExperimentBook | None = None
    reviews: ReviewBook | None = None
    embed: Embed | None = None
    alerts: AlertDesk | None = None
    incidents: IncidentDesk | None = None
    purges: PurgeOffice | None = None
    backups: BackupOffice | None = None
    retention: RetentionOffice | None = None
    imports: ImportOffice | None = None
    audit: AuditLog | None = None
    keys: Keys | None = None
    accounts: Accounts | None = None
    sessions: Sessions | None = None
    provider: SignInProvider | None = None
    public_url: str = ""
    views: Views | None = None
    retention_days: int = 0
    payload_retention_days: int = 0
    subject_key: bytes = field(default=b"", repr=False)
    pseudonyms: Pseudonyms | None = field(default=None, repr=False)
    advising: Advising = field(default_factory=Advising)
    _stores: dict[tuple[Role, tuple[str, ...] | None], Store] = field(default_factory=dict)

    def store(self, principal: Principal) -> Store:
        """ClickHouse as this principal may read it."""
        role = Role.PAYLOAD_READER if principal.payload else Role.READER
        key = (role, principal.projects)
        if key not in self._stores:
            self._stores[key] = Store(self.endpoint, role, principal.projects)
        return self._stores[key]

    def owner(self) -> Store:
        """ClickHouse as the collector writes it."""
        key = (Role.OWNER, None)
        if key not in self._stores:
            self._stores[key] = Store(self.endpoint)
        return self._stores[key]

    def close(self) -> None:
        self.advising.close()
        for store in self._stores.values():
            store.close()


def context_of(request: Request) -> Context:
    """The application's context."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


#: Where a request's scope keeps who asks.
_WHO: Final = "spanglass.who"


def remembered(scope: MutableMapping[str, Any]) -> list[Principal]:
    """Where a request's scope keeps who asks; to be called once before routers copy the scope."""
    found: list[Principal] = scope.setdefault(_WHO, [])
    return found


def who_asks(context: Context, scope: MutableMapping[str, Any]) -> Principal:
    """Who sends a request; asked of the gate once, however many layers want to know.

    Args:
        context: whose gate is asked.
        scope: the request's, of ASGI.

    Raises:
        Denied: if nobody knows them.
    """
    found = remembered(scope)
    if not found:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        found.append(context.gate.identify(headers, str(scope["method"])))
    return found[0]


def _admit(request: Request, right: Right | None) -> Principal:
    return allowed(who_asks(context_of(request), request.scope), right)


def reader(request: Request) -> Principal:
    """Whoever asks may read, or the request ends here."""
    return _admit(request, Right.READ)


def keyholder(request: Request) -> Principal:
    """Whoever asks has a key, whatever for, or the request ends here."""
    return _admit(request, None)


def writer(request: Request) -> Principal:
    """Whoever asks may send data, or the request ends here."""
    return _admit(request, Right.INGEST)


def worker(request: Request) -> Principal:
    """Whoever asks may save views and take alerts, or the request ends here."""
    return _admit(request, Right.WORK)


def editor(request: Request) -> Principal:
    """Whoever asks may change prompts, datasets and runs, or the request ends here."""
    return _admit(request, Right.EDIT)


def manager(request: Request) -> Principal:
    """Whoever asks may manage a project, or the request ends here.

    Which project has to be looked at: `of_project`.
    """
    return _admit(request, Right.MANAGE)


def administrator(request: Request) -> Principal:
    """Whoever asks may administer the installation, or the request ends here."""
    return _admit(request, Right.ADMIN)


def revealer(request: Request) -> Principal:
    """Whoever asks may turn pseudonyms back, or the request ends here."""
    return _with_payload(_admit(request, Right.REVEAL))


def payload_reader(request: Request) -> Principal:
    """Whoever asks may read what people and models wrote, or the request ends here."""
    return _with_payload(reader(request))


def labeller(request: Request) -> Principal:
    """Whoever asks may say what they think of an answer, or the request ends here."""
    return _with_payload(worker(request))


def _with_payload(principal: Principal) -> Principal:
    if not principal.payload:
        raise NotAllowed(
            "This key or account may not read prompts and answers. Use a key that was made with"
            " --payload."
        )
    return principal


def of_project(principal: Principal, project: str) -> str:
    """The project that is meant: the key's own unless another one is named.

    Raises:
        NotAllowed: if the key is not for it.
    """
    wanted = project or principal.project
    if principal.projects is not None and wanted not in principal.projects:
        if principal.is_account:
            raise NotAllowed(f"Your role in the project {wanted!r} does not allow that.")
        raise NotAllowed(f"The key is not for the project {wanted!r}.")
    return wanted
