"""What is accepted of a request, and why the rest is not.

A request is parsed by the C protobuf runtime, which also checks UTF-8. Where it refuses, the
request is read leniently, entry by entry, so that one bad span does not take the others along.
What is accepted stays the bytes that came, unless something has to be taken out of them. A large
request is taken apart first (see `bounds`).

Source: OpenTelemetry protocol 1.9, sections "Partial Success" and "Failures".
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, TypeAlias

from google.protobuf.message import DecodeError

from spanglass_collector import dialects
from spanglass_collector.dialects import log_events, scores
from spanglass_collector.ingest import bounds, nested, wire
from spanglass_collector.ingest.bounds import RESOURCES as RESOURCES
from spanglass_collector.ingest.bounds import Unreadable as Unreadable
from spanglass_collector.ingest.forms import LOGS, REASONS, SPANS, Form, Times

_DAY_NS: Final = 86_400 * 10**9
#: Most spans of one accepted resource, so that a segment stays one insert block.
MOST_SPANS: Final = bounds.PIECE // SPANS.least

#: Largest body that is checked between others, in bytes, and most messages in it.
_QUICK_BYTES: Final = 1 << 20
_QUICK_MESSAGES: Final = 5_000


#: Changes a decoded request in place.
Stage: TypeAlias = Callable[[Any, Form], None]


@dataclass(frozen=True)
class Window:
    """Which times are kept, relative to now.

    Attributes:
        days_back: retention, in days; 0 keeps everything.
        days_ahead: how far a sender's clock may be ahead, in days.
    """

    days_back: int
    days_ahead: float = 1.0

    def bounds(self, now_ns: int | None = None) -> Times:
        """Which times are kept now."""
        now = time.time_ns() if now_ns is None else now_ns
        first = now - self.days_back * _DAY_NS if self.days_back else 1
        return Times(max(first, 1), now + int(self.days_ahead * _DAY_NS), now)


@dataclass
class Checked:
    """What became of a request.

    Attributes:
        form: what the request looks like inside.
        resources: the accepted resources with what they list, serialised.
        counts: number of items in each of them.
        rejected: number of items that were not accepted, by reason.
        repeated: bytes of resources and scopes, counted for each item.
        unpacked: memory that the store needs for items beyond what came, in bytes.
        scores: what spans had in them that is an event of its own, as a request of logs.
    """

    form: Form = SPANS
    resources: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    unpacked: int = 0
    scores: "Checked | None" = None

    @property
    def accepted(self) -> int:
        return sum(self.counts)

    def message(self) -> str:
        """What OTLP's partial success tells the sender; empty if nothing was rejected."""
        many = self.form.term
        one = many.removesuffix("s")
        return "; ".join(
            f"{n} {one if n == 1 else many}: {REASONS[reason]}"
            for reason, n in self.rejected.items()
        )


def check_quickly(
    body: bytes, window: Window, now_ns: int | None = None, form: Form = SPANS
) -> Checked | None:
    """Like `check_request`, for callers that others wait for: None where that could take long.

    What can take long is what is large, nested, malformed, in another dialect or has very many
    small messages.
    """
    if len(body) <= bounds.FEW_BYTES:
        return check_request(body, window, now_ns, form)
    if (
        len(body) > _QUICK_BYTES
        or form.always_nested
        or (form is SPANS and (dialects.may_apply(body) or scores.may_apply(body)))
        or bounds.is_dense(body)
        or nested.has_nested(body)
    ):
        return None
    try:
        request = form.request.FromString(body)
    except DecodeError:
        return None
    if bounds.count_messages(request, form, len(body)) > _QUICK_MESSAGES:
        return None
    result = Checked(form)
    _sort(request, body, window.bounds(now_ns), result)
    return result


def check_request(
    body: bytes,
    window: Window,
    now_ns: int | None = None,
    form: Form = SPANS,
    stage: Stage | None = None,
) -> Checked:
    """Sorts a serialised request into what is kept and what is not.

    Args:
        body: the request, decompressed.
        window: which times are kept.
        now_ns: the present, in nanoseconds since 1970.
        form: what the request looks like inside.
        stage: changes the decoded request before any of it is kept.

    Raises:
        Unreadable: if the body is not even framed like a request, or most of it is empty messages.
    """
    result = Checked(form)
    _check_all(body, window.bounds(now_ns), result, stage)
    return result


def _check_all(body: bytes, times: Times, into: Checked, stage: Stage | None) -> None:
    if len(body) <= bounds.PIECE:
        _check(body, times, into, stage)
    else:
        for piece in bounds.pieces(body, into.form, into.rejected):
            _check(piece, times, into, stage)


def _check(body: bytes, times: Times, into: Checked, stage: Stage | None) -> None:
    form = into.form
    try:
        request = form.request.FromString(body)
        # Of a field that comes twice though there is one, protobuf keeps the last, and ClickHouse
        # nothing: then it is written anew, as it is if it was written longer than it has to be.
        # That costs as much as parsing; `check_quickly` leaves it out.
        changed = request.ByteSize() != len(body)
    except DecodeError:
        request = _read_leniently(body, form, into.rejected)
        changed = True
    bounds.count_messages(request, form, len(body))
    if bounds.is_dense(body):
        # Written longer than it has to be, a list is not found.
        bounds.refuse_tiny_values(request, form, len(body), changed or nested.has_lists(body))
    is_nested = form.always_nested or nested.has_nested(body)
    _sort(request, body, times, into, is_nested, changed, stage)


def _sort(
    request: Any,
    body: bytes,
    times: Times,
    into: Checked,
    is_nested: bool = False,
    changed: bool = False,
    stage: Stage | None = None,
) -> None:
    """Adds what is kept of a request; the bytes that came, unless it was `changed`."""
    form = into.form
    resources = getattr(request, form.resources)
    if form is SPANS and dialects.may_apply(body):
        changed |= dialects.apply(request)
    elif form is LOGS and log_events.may_apply(body):
        changed |= log_events.apply(request)
    if stage is not None:
        # What nobody can read, nobody can look through.
        request.DiscardUnknownFields()
        stage(request, form)
        changed = True
    counts = []
    for resource in resources:
        count = 0
        for scope in getattr(resource, form.scopes):
            kept, removed = form.sort(getattr(scope, form.listed), times, into.rejected)
            count += kept
            changed |= removed
        counts.append(count)
    if form is SPANS and scores.may_apply(body):
        _add_scores(request, times, into)
    if nested.claims_ours(body):
        request.DiscardUnknownFields()
        changed = True
    if is_nested:
        nested.write_json(form.values_of(resources))
        changed = True
    _count_repeated(request, max(counts, default=0) * len(body), into)
    _count_unpacked(request, into)
    if not changed:
        places = list(islice(wire.fields(body), len(counts) + 1))
        # Where there are more, the others are not resources.
        changed = len(places) > len(counts)
    if changed:
        for resource, count in zip(resources, counts, strict=True):
            if count:
                into.resources.append(resource.SerializeToString())
                into.counts.append(count)
        return
    for (_, _, _, begin, end), count in zip(places, counts, strict=True):
        if count:
            into.resources.append(body[begin:end])
            into.counts.append(count)


def _add_scores(request: Any, times: Times, into: Checked) -> None:
    """Adds the scores that are in spans; nothing is left in them that a stage takes out."""
    found = scores.read(request)
    if found is not None:
        into.scores = into.scores or Checked(LOGS)
        _check_all(found.SerializeToString(), times, into.scores, None)


def _count_repeated(request: Any, at_most: int, into: Checked) -> None:
    """Keeps account of what the store will repeat for each item, and refuses too much of it."""
    if at_most > bounds.PIECE:
        at_most = bounds.repeated_bytes(request, into.form)
    into.repeated += at_most
    if into.repeated > bounds.MOST_REPEATED:
        raise Unreadable(
            "The resources and scopes of this request, which are kept with each of their"
            f" {into.form.term}, would take more than {bounds.MOST_REPEATED} bytes. Put long values"
            " where they belong, or send smaller batches."
        )


def _count_unpacked(request: Any, into: Checked) -> None:
    """Keeps account of what the store needs beyond what came, and refuses too much of it."""
    into.unpacked += bounds.unpacked_bytes(request, into.form)
    if into.unpacked > bounds.MOST_REPEATED:
        raise Unreadable(
            f"The {into.form.term} of this request have so many buckets that the store would need"
            f" more than {bounds.MOST_REPEATED} bytes for them. Send smaller batches."
        )


def _read_leniently(body: bytes, form: Form, rejected: Counter[str]) -> Any:
    """The request without the entries that can't be parsed.

    A resource or scope that can't be parsed takes its entries along.
    """
    request = form.request()
    resources = getattr(request, form.resources)
    try:
        for content in wire.messages(body, RESOURCES):
            _read_resource(content, resources.add(), form, rejected)
    except wire.Malformed as error:
        raise Unreadable(f"The body is no OTLP {form.name} request: {error}.") from error
    return request


def _read_resource(content: bytes, into: Any, form: Form, rejected: Counter[str]) -> None:
    shell, scopes = _apart(content, bounds.SCOPES)
    try:
        into.CopyFrom(_first(_framed(shell, form), form.resources))
    except DecodeError:
        entries = (each for scope in scopes for each in _apart(scope, bounds.ENTRIES)[1])
        rejected["malformed"] += sum(_len_of(entry, form) for entry in entries)
        return
    for scope in scopes:
        _read_scope(scope, getattr(into, form.scopes).add(), form, rejected)


def _read_scope(content: bytes, into: Any, form: Form, rejected: Counter[str]) -> None:
    shell, entries = _apart(content, bounds.ENTRIES)
    try:
        whole = _framed(shell, form, bounds.SCOPES)
        into.CopyFrom(_first(whole, form.resources, form.scopes))
    except DecodeError:
        rejected["malformed"] += sum(_len_of(entry, form) for entry in entries)
        return
    listed = getattr(into, form.listed)
    for entry in entries:
        read = _entry(entry, form) or _without_bad_items(entry, form, rejected)
        if read is not None:
            listed.append(read)


def _entry(entry: bytes, form: Form) -> Any:
    """An entry; None if it can't be parsed."""
    try:
        whole = _framed(entry, form, bounds.ENTRIES, bounds.SCOPES)
    except DecodeError:
        return None
    return _first(whole, form.resources, form.scopes, form.listed)


def _without_bad_items(entry: bytes, form: Form, rejected: Counter[str]) -> Any:
    """What can be parsed of an entry that can't be as a whole; None if that is nothing."""
    try:
        holder = bounds.apart(entry, form)
    except wire.Malformed:
        holder = None
    if holder is None or _entry(holder.around(()), form) is None:
        rejected["malformed"] += _len_of(entry, form)
        return None
    good = [item for item in holder.items if _entry(holder.around((item,)), form) is not None]
    rejected["malformed"] += len(holder.items) - len(good)
    return _entry(holder.around(good), form)


def _len_of(entry: bytes, form: Form) -> int:
    try:
        return bounds.len_of(entry, form)
    except wire.Malformed:
        return 1


def _apart(content: bytes, number: int) -> tuple[bytes, list[bytes]]:
    """A message without its fields of one number, and their contents."""
    inside: list[bytes] = []
    shell = bytearray()
    for found, kind, begin, inner, end in wire.fields(content):
        if found == number and kind == wire.LENGTH_DELIMITED:
            inside.append(content[inner:end])
        else:
            shell += content[begin:end]
    return bytes(shell), inside


def _framed(content: bytes, form: Form, *numbers: int) -> Any:
    """The request in which `content` alone is, at the depth that it has in the whole one.

    What is accepted at a smaller depth could not be read again where it belongs.
    """
    for number in numbers:
        content = wire.field(number, content)
    return form.request.FromString(wire.field(RESOURCES, content))


def _first(message: Any, *names: str) -> Any:
    for name in names:
        message = getattr(message, name)[0]
    return message
