"""Composes alerts for one service: rules, state, evaluation, delivery."""

from collections.abc import Mapping, Sequence

from spanglass_alerts.announce import Announcer
from spanglass_alerts.book import Shelf
from spanglass_alerts.delivery.courier import Courier
from spanglass_alerts.delivery.outgoing import Outgoing, networks
from spanglass_alerts.desk import Desk
from spanglass_alerts.engine import Engine
from spanglass_alerts.evaluate.live import Evaluator
from spanglass_alerts.heartbeat import Heart
from spanglass_alerts.incidents.office import IncidentOffice
from spanglass_collector.metrics import ServiceMetrics
from spanglass_collector.settings import Settings
from spanglass_store.endpoint import Endpoint
from spanglass_store.state.alerts import AlertState
from spanglass_store.state.database import Database
from spanglass_store.state.prompts import PromptBook


def self_metrics(
    metrics: ServiceMetrics,
) -> Mapping[str, Sequence[tuple[Mapping[str, str], float]]]:
    """The service's own metrics, by the names that `/metrics` shows."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in metrics.collect():
        # A counter without a sample yet is one that nothing has happened to.
        if not family.samples and family.type == "counter":
            found.setdefault(f"{family.name}_total", [])
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


class Alerting:
    """The alerts of one service.

    Args:
        settings: of the service.
        database: the state database.
        endpoint: where ClickHouse is.
        metrics: the service's own.

    Raises:
        StoreError: if the rules are wrong.
    """

    def __init__(
        self, settings: Settings, database: Database, endpoint: Endpoint, metrics: ServiceMetrics
    ) -> None:
        places = settings.alerts.split(",")
        state = AlertState(database)
        shelf = Shelf(places, state)
        outgoing = Outgoing(networks(settings.alerts_private_networks))
        evaluator = Evaluator(endpoint, lambda: self_metrics(metrics))
        # Previews have one of their own: who asks for one keeps no rule waiting.
        self._previews = Evaluator(endpoint)
        courier = Courier(state, outgoing)
        prompts, base = PromptBook(database), settings.public_url.rstrip("/")
        self.engine = Engine(
            shelf,
            state,
            evaluator,
            courier,
            interval_s=settings.alerts_interval_s,
            base=base,
            heart=Heart(outgoing),
            moves=prompts.moves_between,
            announcer=Announcer(evaluator.store, state, prompts, base),
        )
        self.incidents = IncidentOffice(state, base)
        is_ours = "jobs" in settings.role_set
        self.desk = Desk(
            # A shelf of its own: two threads read it.
            Shelf(places, state),
            state,
            self._previews,
            outgoing,
            self.engine if is_ours else None,
            courier if is_ours else None,
            places,
        )
        metrics.alerts = self.engine if is_ours else None

    def start(self) -> None:
        self.engine.start()

    def ask_to_stop(self) -> None:
        """Begins to end; returns at once."""
        self.engine.ask_to_stop()

    def stop(self) -> None:
        self.engine.stop()
        self._previews.close()
