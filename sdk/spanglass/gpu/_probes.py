"""What is asked of a board through NVML, call by call, with its conversion.

A probe that the board does not support raises `NVMLError`; whoever runs it leaves its metrics out.

Source: NVML API reference; nvidia-ml-py, which has its names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from spanglass.gpu import _hardware as hw
from spanglass.gpu._counters import Counters
from spanglass.gpu._points import Attributes, Metric, Reading

_GPU: Final = ("hw.type", "gpu")
#: All links of a board together.
_ALL_LINKS: Final = 0xFFFFFFFF
_KIB: Final = 1024


class Asked:
    """One round of questions to one board.

    Args:
        nvml: the module `pynvml`.
        handle: the board's.
        about: attributes of everything that is read.
        counters: of the board.
        time_ns: when the round began.
    """

    __slots__ = ("_about", "_counters", "handle", "nvml", "readings", "throttle", "time_ns")

    def __init__(
        self, nvml: Any, handle: Any, about: Attributes, counters: Counters, time_ns: int
    ) -> None:
        self.nvml = nvml
        self.handle = handle
        self.time_ns = time_ns
        self.readings: list[Reading] = []
        #: NVML's bits of what holds clocks back.
        self.throttle = 0
        self._about = about
        self._counters = counters

    def put(self, metric: Metric, value: float, *more: tuple[str, str | int]) -> None:
        """Notes a value."""
        self.readings.append(Reading(metric, self._about + more, value))

    def count(self, metric: Metric, raw: float, scale: float, *more: tuple[str, str | int]) -> None:
        """Notes a counter.

        Args:
            metric: which.
            raw: what was read.
            scale: what one of it is, in the metric's unit.
            more: attributes.
        """
        # NVML says of the bytes of PCIe that they turn over, and of nothing else.
        start, value = self._counters.follow(
            (metric.name, more), raw, self.time_ns, turns=metric is hw.IO
        )
        self.readings.append(Reading(metric, self._about + more, value * scale, start))


class Probe(NamedTuple):
    """One question.

    Attributes:
        ask: puts what it reads.
        is_fast: whether it is asked each time, or once a report.
        on_instances: whether a MIG instance is asked, too.
    """

    ask: Callable[[Asked], None]
    is_fast: bool = False
    on_instances: bool = False


def _utilization(a: Asked) -> None:
    rates = a.nvml.nvmlDeviceGetUtilizationRates(a.handle)
    a.put(hw.UTILIZATION, rates.gpu / 100, ("hw.gpu.task", "general"))
    a.put(hw.MEMORY_CONTROLLER, rates.memory / 100)


def _encoder(a: Asked) -> None:
    share = a.nvml.nvmlDeviceGetEncoderUtilization(a.handle)[0]
    a.put(hw.UTILIZATION, share / 100, ("hw.gpu.task", "encoder"))


def _decoder(a: Asked) -> None:
    share = a.nvml.nvmlDeviceGetDecoderUtilization(a.handle)[0]
    a.put(hw.UTILIZATION, share / 100, ("hw.gpu.task", "decoder"))


def _memory(a: Asked) -> None:
    try:
        found = a.nvml.nvmlDeviceGetMemoryInfo(a.handle, version=a.nvml.nvmlMemory_v2)
        a.put(hw.MEMORY_RESERVED, int(found.reserved))
    except a.nvml.NVMLError as error:
        if error.value not in (
            a.nvml.NVML_ERROR_FUNCTION_NOT_FOUND, a.nvml.NVML_ERROR_NOT_SUPPORTED,
            a.nvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        ):  # fmt: skip
            raise
        # An older driver, whose `used` has the reserved in it.
        found = a.nvml.nvmlDeviceGetMemoryInfo(a.handle)
    a.put(hw.MEMORY_USAGE, int(found.used))
    a.put(hw.MEMORY_LIMIT, int(found.total))
    if found.total:
        a.put(hw.MEMORY_UTILIZATION, found.used / found.total)


def _power(a: Asked) -> None:
    a.put(hw.POWER, a.nvml.nvmlDeviceGetPowerUsage(a.handle) / 1000, _GPU)


def _power_limit(a: Asked) -> None:
    a.put(hw.POWER_LIMIT, a.nvml.nvmlDeviceGetEnforcedPowerLimit(a.handle) / 1000, _GPU)


def _energy(a: Asked) -> None:
    a.count(hw.ENERGY, a.nvml.nvmlDeviceGetTotalEnergyConsumption(a.handle), 1e-3, _GPU)


def _temperature(a: Asked) -> None:
    degrees = a.nvml.nvmlDeviceGetTemperature(a.handle, a.nvml.NVML_TEMPERATURE_GPU)
    a.put(hw.TEMPERATURE, degrees, ("hw.sensor_location", "gpu"))


def _temperature_limit(kind: str, name: str) -> Callable[[Asked], None]:
    def ask(a: Asked) -> None:
        which = getattr(a.nvml, f"NVML_TEMPERATURE_THRESHOLD_{kind}")
        degrees = a.nvml.nvmlDeviceGetTemperatureThreshold(a.handle, which)
        a.put(hw.TEMPERATURE_LIMIT, degrees, ("hw.limit_type", name))

    return ask


def _clock(kind: str, name: str) -> Callable[[Asked], None]:
    def ask(a: Asked) -> None:
        which = getattr(a.nvml, f"NVML_CLOCK_{kind}")
        a.put(hw.CLOCK, a.nvml.nvmlDeviceGetClockInfo(a.handle, which), ("hw.gpu.clock.part", name))

    return ask


def _throttle(a: Asked) -> None:
    a.throttle = bits = a.nvml.nvmlDeviceGetCurrentClocksEventReasons(a.handle)
    for name, bit in hw.THROTTLE_REASONS:
        a.put(hw.THROTTLED, 1 if bits & bit else 0, ("hw.gpu.throttle.reason", name))


def _fan_ratio(a: Asked) -> None:
    a.put(hw.FAN_RATIO, a.nvml.nvmlDeviceGetFanSpeed(a.handle) / 100)


def _fan_rpm(a: Asked) -> None:
    a.put(hw.FAN_RPM, a.nvml.nvmlDeviceGetFanSpeedRPM(a.handle))


def _ecc(kind: str, name: str) -> Callable[[Asked], None]:
    def ask(a: Asked) -> None:
        which = getattr(a.nvml, f"NVML_MEMORY_ERROR_TYPE_{kind}")
        total = a.nvml.nvmlDeviceGetTotalEccErrors(a.handle, which, a.nvml.NVML_AGGREGATE_ECC)
        a.count(hw.ERRORS, total, 1, _GPU, ("error.type", name))

    return ask


def _remapped(a: Asked) -> None:
    corrected, uncorrected, is_pending, _ = a.nvml.nvmlDeviceGetRemappedRows(a.handle)
    a.put(hw.REMAPPED, corrected, ("error.type", "corrected"))
    a.put(hw.REMAPPED, uncorrected, ("error.type", "uncorrected"))
    a.put(hw.REMAP_PENDING, int(bool(is_pending)))


def _persistence(a: Asked) -> None:
    a.put(hw.PERSISTENCE, a.nvml.nvmlDeviceGetPersistenceMode(a.handle))


#: NVML's fields: name in pynvml, scope, metric, what one of it is, link, direction.
_FIELDS: Final = (
    ("NVML_FI_DEV_PCIE_COUNT_TX_BYTES", 0, 1, "pcie", "transmit"),
    ("NVML_FI_DEV_PCIE_COUNT_RX_BYTES", 0, 1, "pcie", "receive"),
    ("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX", _ALL_LINKS, _KIB, "nvlink", "transmit"),
    ("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX", _ALL_LINKS, _KIB, "nvlink", "receive"),
)
#: Which member of a field's value is set, by its type.
_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


def _fields(a: Asked) -> None:
    wanted = [(getattr(a.nvml, name), scope) for name, scope, *_ in _FIELDS]
    wanted.append((a.nvml.NVML_FI_DEV_MEMORY_TEMP, 0))
    values = a.nvml.nvmlDeviceGetFieldValues(a.handle, wanted)
    for (_, _, scale, link, direction), value in zip(_FIELDS, values, strict=False):
        if value.nvmlReturn == a.nvml.NVML_SUCCESS and value.valueType < len(_MEMBERS):
            a.count(
                hw.IO, getattr(value.value, _MEMBERS[value.valueType]), scale,
                ("network.io.direction", direction), ("hw.gpu.link", link),
            )  # fmt: skip
    heat = values[len(_FIELDS)]
    if heat.nvmlReturn == a.nvml.NVML_SUCCESS and heat.valueType < len(_MEMBERS):
        degrees = getattr(heat.value, _MEMBERS[heat.valueType])
        if degrees:
            a.put(hw.TEMPERATURE, degrees, ("hw.sensor_location", "memory"))


PROBES: Final = (
    Probe(_utilization, is_fast=True),
    Probe(_power, is_fast=True),
    Probe(_energy, is_fast=True),
    Probe(_memory, is_fast=True, on_instances=True),
    Probe(_temperature, is_fast=True),
    Probe(_clock("SM", "sm"), is_fast=True),
    Probe(_clock("MEM", "memory")),
    Probe(_throttle, is_fast=True),
    Probe(_encoder),
    Probe(_decoder),
    Probe(_power_limit),
    Probe(_temperature_limit("SHUTDOWN", "high.critical")),
    Probe(_temperature_limit("SLOWDOWN", "high.degraded")),
    Probe(_fan_ratio),
    Probe(_fan_rpm),
    Probe(_ecc("CORRECTED", "corrected"), on_instances=True),
    Probe(_ecc("UNCORRECTED", "uncorrected"), on_instances=True),
    Probe(_remapped),
    Probe(_persistence),
    Probe(_fields),
)
