"""A selection in requests as they came: which spans, log records and data points it means."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.forms import take_out
from spanglass_collector.ingest.signals import METRICS, RESOURCE, TRACES, Signal
from spanglass_store.erasure.selection import ATTRIBUTES, Selection
from spanglass_store.otlp.columns import RESOURCE_TEXT
from spanglass_store.otlp.schema import PROJECT_FIELD

#: Whether a trace of a project is to go.
IsErased = Callable[[str, str], bool]


@dataclass(frozen=True)
class _Place:
    """A list of items, with what is known of all of them."""

    project: str
    service: str
    environment: str
    items: Any


def trace_ids(signal: Signal, body: bytes) -> set[tuple[str, str]]:
    """Projects and ids of all traces in a request."""
    found = set()
    for place in _places(signal, body)[1]:
        for item in place.items:
            for trace_id in _traces_of(item, signal):
                found.add((place.project, trace_id))
    return found


def fitting_traces(signal: Signal, body: bytes, which: Selection) -> set[tuple[str, str]]:
    """Projects and ids of the traces that one span or log record of a request selects."""
    if signal is METRICS:
        return set()
    return {
        (place.project, item.trace_id.hex())
        for place in _places(signal, body)[1]
        for item in place.items
        if item.trace_id and _fits(signal, place, item, which)
    }


def without(
    signal: Signal, body: bytes, which: Selection, is_erased: IsErased
) -> tuple[bytes, int, int]:
    """A request without what is erased.

    Returns:
        What is left of it, the items in that, and how many were taken out or changed.
    """
    resources, places = _places(signal, body)
    changed = 0
    for place in places:
        gone = [
            index
            for index, item in enumerate(place.items)
            if _fits(signal, place, item, which)
            or (signal is not METRICS and is_erased(place.project, item.trace_id.hex()))
        ]
        take_out(place.items, gone)
        changed += len(gone)
        if signal is METRICS:
            changed += sum(_without_exemplars(item, place, is_erased) for item in place.items)
    rest = b"".join(wire.field(RESOURCE, each.SerializeToString()) for each in resources)
    items = signal.count(rest)
    return (rest if items else b""), items, changed


def _places(signal: Signal, body: bytes) -> tuple[list[Any], list[_Place]]:
    """The resources of a request, read, and their lists of items."""
    resources, places = [], []
    for content in wire.messages(body, RESOURCE):
        stamps = list(wire.messages(content, PROJECT_FIELD))
        project = stamps[-1].decode("utf-8", "replace") if stamps else ""
        resource = signal.resource.FromString(content)
        resources.append(resource)
        about = _texts(resource.resource.attributes)
        service, environment = (
            next((about[key] for key in RESOURCE_TEXT[name] if about.get(key)), "")
            for name in ("service", "environment")
        )
        for scope in getattr(resource, signal.form.scopes):
            lists = _lists(signal, getattr(scope, signal.form.listed))
            places += [_Place(project, service, environment, items) for items in lists]
    return resources, places


def _lists(signal: Signal, entries: Any) -> Iterator[Any]:
    if signal is not METRICS:
        yield entries
        return
    for metric in entries:
        kind = metric.WhichOneof("data")
        if kind:
            yield getattr(metric, kind).data_points


def _fits(signal: Signal, place: _Place, item: Any, which: Selection) -> bool:
    for name in ("project", "service", "environment"):
        if getattr(which, name) not in ("", getattr(place, name)):
            return False
    if signal is METRICS:
        if which.trace_id:
            return False
    elif which.trace_id not in ("", item.trace_id.hex()):
        return False
    if which.start is not None or which.end is not None:
        seconds = _time(signal, item) / 1e9
        if which.start is not None and seconds < which.start.timestamp():
            return False
        if which.end is not None and seconds >= which.end.timestamp():
            return False
    wanted = {name: getattr(which, name) for name in ATTRIBUTES if getattr(which, name)}
    if wanted:
        said = _texts(item.attributes)
        for name, value in wanted.items():
            if value not in (said.get(key) for key in ATTRIBUTES[name]):
                return False
    return True


def _time(signal: Signal, item: Any) -> int:
    if signal is TRACES:
        return int(item.start_time_unix_nano)
    return int(item.time_unix_nano or getattr(item, "observed_time_unix_nano", 0))


def _texts(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


def _traces_of(item: Any, signal: Signal) -> Iterator[str]:
    if signal is not METRICS:
        yield item.trace_id.hex()
        return
    for exemplar in getattr(item, "exemplars", ()):
        yield exemplar.trace_id.hex()


def _without_exemplars(item: Any, place: _Place, is_erased: IsErased) -> bool:
    exemplars = getattr(item, "exemplars", ())
    gone = [n for n, each in enumerate(exemplars) if is_erased(place.project, each.trace_id.hex())]
    if gone:
        take_out(exemplars, gone)
    return bool(gone)
