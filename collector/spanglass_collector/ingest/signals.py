"""What tells one signal of OpenTelemetry from another, where spool, writer and accounts need it.

Their requests are alike: a request lists resources, a resource lists scopes, a scope lists what was
observed. So a second signal is a second value of `Signal`, not a second spool.

Source: opentelemetry-proto 1.9, `trace/v1`, `logs/v1` and `metrics/v1`.
"""

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message_factory import GetMessageClass

from spanglass_collector.ingest import forms, tree, wire
from spanglass_collector.ingest.forms import Form
from spanglass_collector.ingest.metric_form import METRICS as METRIC_FORM
from spanglass_store.otlp.decoder import Decoder
from spanglass_store.otlp.logs import LOGS as LOG_RECORDS
from spanglass_store.otlp.metrics import METRICS as DATA_POINTS
from spanglass_store.otlp.schema import PROJECT_FIELD
from spanglass_store.otlp.spans import SPANS

#: Field of every signal's request that lists its resources: the only one that the spool keeps.
RESOURCE: Final = 1

_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True)
class Signal:
    """One kind of telemetry.

    Attributes:
        name: OpenTelemetry's name for it; in the names of files and as a label of metrics.
        items: what is counted, as messages and metrics call it.
        form: what requests look like inside.
        path: from a request down to the items: the fields that lead a level further, by level.
        time: field of an item with the time by whose day it is stored, in nanoseconds since 1970.
        decoder: makes rows of requests.
        ledger: name of the file of its accounts.
        batch: items at which a segment is full: so many that the fixed cost of a statement, 70 ms
            and more, is a small part of what storing them costs.
    """

    name: str
    items: str
    form: Form
    path: tree.Path
    time: int
    decoder: Decoder
    ledger: str
    batch: int = 10_000

    @property
    def resource(self) -> Any:
        """The message that a request is a list of."""
        return GetMessageClass(self.form.request.DESCRIPTOR.fields_by_number[RESOURCE].message_type)

    def count(self, body: bytes) -> int:
        """The number of items in a request, or in several concatenated.

        Raises:
            Malformed: if it is no request.
        """
        return tree.count(body, self.path)

    def by_project(self, body: bytes) -> dict[str, bytes]:
        """What each project has in an accepted request, by the stamp on its resources.

        Raises:
            Malformed: if it is no request.
        """
        # Resources alone: what else lies between them is the spool's.
        resources = b"".join(wire.field(RESOURCE, each) for each in wire.messages(body, RESOURCE))
        return tree.group(resources, self.path[:1], _project)

    def halve_by_day(self, body: bytes) -> list[bytes]:
        """A request in two, the earlier days and the later ones; empty if it is all of one day.

        Raises:
            Malformed: if it is no request.
        """
        days = sorted({self.day_of(item) for item in tree.items(body, self.path)})
        if len(days) < 2:
            return []
        middle = days[len(days) // 2]
        return list(tree.group(body, self.path, lambda item: self.day_of(item) < middle).values())

    def day_of(self, item: bytes) -> int:
        """The day of an item, since 1970; 0 if it says none.

        Raises:
            Malformed: if it is none.
        """
        for number, kind, _, content, end in wire.fields(item):
            if number == self.time and kind == wire.FIXED64:
                return int.from_bytes(item[content:end], "little") // _DAY_NS
        return 0


def _project(resource: bytes) -> str:
    # The stamp stands behind everything else.
    stamps = list(wire.messages(resource, PROJECT_FIELD))
    return stamps[-1].decode("utf-8", "replace") if stamps else ""


TRACES: Final = Signal(
    name="traces",
    items="spans",
    form=forms.SPANS,
    path=tree.path((RESOURCE,), (2,), (2,)),
    time=7,
    decoder=SPANS,
    # Its accounts were there before those of other signals.
    ledger="ledger.json",
)
LOGS: Final = Signal(
    name="logs",
    items="log records",
    form=forms.LOGS,
    path=tree.path((RESOURCE,), (2,), (2,)),
    time=1,
    decoder=LOG_RECORDS,
    ledger="ledger-logs.json",
)
METRICS: Final = Signal(
    name="metrics",
    items="data points",
    form=METRIC_FORM,
    # Through the five kinds of metrics to their points.
    path=tree.path((RESOURCE,), (2,), (2,), (5, 7, 9, 10, 11), (1,)),
    time=3,
    decoder=DATA_POINTS,
    ledger="ledger-metrics.json",
    # A point costs a third of a span.
    batch=40_000,
)

#: Every signal that is taken.
SIGNALS: Final = (TRACES, LOGS, METRICS)
