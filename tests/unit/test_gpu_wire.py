"""What the agent writes is what OpenTelemetry's protobuf reads."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spanglass.gpu._counters import Counters
from spanglass.gpu._metric_wire import resource_metrics
from spanglass.gpu._points import Histogram, Kind, Metric, Reading, Window
from spanglass.gpu._processes import command_of, container_of
from support.nvml import number, points

GAUGE = Metric("g", "W", Kind.GAUGE, "about", "max")
COUNTER = Metric("c", "J", Kind.COUNTER, is_fine=True)
LEVEL = Metric("l", "By", Kind.UP_DOWN)
HISTOGRAM = Metric("h", "s", Kind.HISTOGRAM)
SECOND = 1_000_000_000

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)
values = texts | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1)
attributes = st.dictionaries(texts.filter(bool), values, max_size=4).map(lambda d: tuple(d.items()))


def body(window: Window, resource: dict[str, Any] | None = None) -> bytes:
    metrics, _ = window.take()
    return resource_metrics(resource or {}, "scope", metrics)


@given(attributes, st.floats(allow_nan=False) | st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_level(about: Any, value: float) -> None:
    window = Window()
    window.add([Reading(LEVEL, about, value)], 5 * SECOND)
    ((read, point),) = points(body(window))["l"]
    assert tuple(read.items()) == about
    assert number(point) == float(value)
    assert point.time_unix_nano == 5 * SECOND


@given(
    attributes,
    st.lists(st.tuples(st.floats(-1e300, 1e300), st.integers(0, 1 << 40)), max_size=6),
    st.none() | st.floats(allow_nan=False),
)
def test_a_histogram(about: Any, buckets: list[tuple[float, int]], total: float | None) -> None:
    bounds = tuple(sorted(bound for bound, _ in buckets))
    counts = (*(count for _, count in buckets), 3)
    window = Window()
    window.add([Reading(HISTOGRAM, about, Histogram(sum(counts), total, bounds, counts), 7)], 9)
    ((read, point),) = points(body(window))["h"]
    assert tuple(read.items()) == about
    assert (tuple(point.explicit_bounds), tuple(point.bucket_counts)) == (bounds, counts)
    assert (point.count, point.start_time_unix_nano) == (sum(counts), 7)
    assert (point.sum if point.HasField("sum") else None) == total


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=8))
def test_several_readings_are_their_mean_and_their_most(read: list[float]) -> None:
    window = Window()
    for n, value in enumerate(read):
        window.add([Reading(GAUGE, (), value), Reading(COUNTER, (), value, 1)], n * SECOND // 2)
    found = points(body(window))
    assert math.isclose(number(found["g"][0][1]), sum(read) / len(read), abs_tol=1e-6)
    assert number(found["g.max"][0][1]) == max(read)
    # Of a counter that is wanted finely, one a second and the last.
    times = [point.time_unix_nano for _, point in found["c"]]
    assert times == sorted(
        {*(n * SECOND for n in range((len(read) + 1) // 2)), (len(read) - 1) * SECOND // 2}
    )
    assert window.take() == ([], 0)


def test_a_counter_that_falls_begins_anew_or_has_turned_over() -> None:
    counters = Counters()
    assert counters.follow("a", 100, 10, 3) == (3, 100)
    assert counters.follow("a", 130, 20, 3) == (3, 130)
    assert counters.follow("a", 5, 30, 25) == (25, 5)
    assert counters.follow("a", 4, 40) == (30, 4)
    assert counters.resets == 2
    near = (1 << 32) - 10
    assert counters.follow("b", near, 1) == (0, near)
    assert counters.follow("b", 6, 2, turns=True) == (0, (1 << 32) + 6)
    assert counters.follow("b", 9, 3, turns=True) == (0, (1 << 32) + 9)


def test_containers_and_commands() -> None:
    container = "ab" * 32
    pod = "0f9d3c1e-5b7a-4d21-8e6f-9a8b7c6d5e4f"
    for text in (
        f"0::/system.slice/docker-{container}.scope",
        f"12:cpu:/docker/{container}",
        f"0::/machine.slice/libpod-{container}.scope",
    ):
        assert container_of(text) == (container, "")
    assert container_of(f"1:x:/kubepods/besteffort/pod{pod}/{container}") == (container, pod)
    assert container_of("0::/user.slice/session-2.scope") == ("", "")
    assert command_of(b"./server\0model.gguf\0-c\0secret\0") == "./server model.gguf"
    assert command_of(b"") == ""
