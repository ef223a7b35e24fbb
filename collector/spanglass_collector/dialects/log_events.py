"""Messages that came as log events of their own: written as OpenTelemetry's messages, too.

A model's call of the generation before 1.37 has one event for each message, whose body is the
message. Here each gets its canonical form in an attribute, as the event of later generations has
it, so that reading a trace only puts lists in a row.

Source: OpenTelemetry semantic conventions v1.28 to v1.36, "GenAI events", as log records.
"""

import logging
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanglass_collector.dialects import names
from spanglass_collector.dialects.attributes import plain
from spanglass_collector.dialects.convert import dumps
from spanglass_collector.dialects.events import CHOICE, MESSAGES
from spanglass_collector.dialects.messages import conversation

log = logging.getLogger(__name__)

#: What a body has in it that may hold such an event.
_MARKS: Final = (b".message", CHOICE.encode())
#: Where the name was before it had a field.
_NAME: Final = "event.name"
#: Larger records are not written a second time, in bytes.
_LARGE: Final = 8 << 20


def may_apply(body: bytes) -> bool:
    """Whether a serialised request may have events that are messages."""
    return any(mark in body for mark in _MARKS)


def apply(request: ExportLogsServiceRequest) -> bool:
    """Adds to events that are messages what they say; whether there were any."""
    changed = False
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                try:
                    changed |= _apply_to(record)
                except Exception:
                    # A fault of ours, not of the sender's, who would send it again for ever.
                    log.exception("A log record of %r is left as it came.", of_scope.scope.name)
    return changed


def _apply_to(record: LogRecord) -> bool:
    name = record.event_name or _named(record)
    if name == CHOICE:
        role, key = "assistant", names.OUTPUT_MESSAGES
    elif name in MESSAGES:
        role, key = MESSAGES[name], names.INPUT_MESSAGES
    else:
        return False
    if record.ByteSize() > _LARGE or any(each.key == key for each in record.attributes):
        return False
    body: Any = plain(record.body)
    if isinstance(body, dict) and "id" in body:
        body.setdefault("tool_call_id", body["id"])
    text = dumps(conversation(body, role).messages) if body else None
    if not text or text == "[]":
        return False
    record.attributes.add(key=key).value.string_value = text
    return True


def _named(record: LogRecord) -> str:
    for each in record.attributes:
        if each.key == _NAME:
            return each.value.string_value
    return ""
