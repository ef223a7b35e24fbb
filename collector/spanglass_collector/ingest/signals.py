"""What tells one signal of OpenTelemetry from another, where spool, writer and accounts need it.

Their requests are alike: a request lists resources, a resource lists scopes, a scope lists what was
observed. So a second signal is a second value of `Signal`, not a second spool.

Source: opentelemetry-proto 1.9, `trace/v1/trace.proto`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from spanglass_collector.ingest import nested, tree
from spanglass_store.otlp.decoder import Decoder
from spanglass_store.otlp.spans import SPANS

#: Field of every signal's request that lists its resources: the only one that the spool keeps.
RESOURCE: Final = 1


@dataclass(frozen=True)
class Signal:
    """One kind of telemetry.

    Attributes:
        name: OpenTelemetry's name for it; in the names of files and as a label of metrics.
        items: what is counted, as messages call it: the term of OTLP's partial success.
        resource: the message that a request is a list of.
        path: from a request down to the items: the fields that lead a level further, by level.
        decoder: makes rows of requests.
        values: every value of such messages that can be a list or a map.
        ledger: name of the file of its accounts.
    """

    name: str
    items: str
    resource: type[Message]
    path: tree.Path
    decoder: Decoder
    values: Callable[[Iterable[Any]], Iterator[AnyValue]]
    ledger: str

    def count(self, body: bytes) -> int:
        """The number of items in a request, or in several concatenated.

        Raises:
            Malformed: if it is no request.
        """
        return tree.count(body, self.path)


def _span_values(of: Iterable[ResourceSpans]) -> Iterator[AnyValue]:
    return (attribute.value for attribute in nested.attributes(of))


TRACES: Final = Signal(
    name="traces",
    items="spans",
    resource=ResourceSpans,
    path=tree.path((RESOURCE,), (2,), (2,)),
    decoder=SPANS,
    values=_span_values,
    # Its accounts were there before those of other signals.
    ledger="ledger.json",
)

#: Every signal that is taken.
SIGNALS: Final = (TRACES,)
