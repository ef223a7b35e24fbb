"""The metrics of boards: OpenTelemetry's `hw.*`, and names of the same style where it has none.

Source: OpenTelemetry semantic conventions, `hardware` (development).
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu._points import Kind, Metric

_GAUGE, _UP_DOWN, _COUNTER = Kind.GAUGE, Kind.UP_DOWN, Kind.COUNTER

UTILIZATION: Final = Metric(
    "hw.gpu.utilization", "1", _GAUGE, "Share of the time that the task was at work.", "max"
)
MEMORY_USAGE: Final = Metric(
    "hw.gpu.memory.usage", "By", _UP_DOWN, "Memory in use, without the reserved.", "max"
)
MEMORY_LIMIT: Final = Metric("hw.gpu.memory.limit", "By", _UP_DOWN, "Memory of the board.")
MEMORY_RESERVED: Final = Metric(
    "hw.gpu.memory.reserved", "By", _UP_DOWN, "Memory that the driver keeps for itself."
)
MEMORY_UTILIZATION: Final = Metric(
    "hw.gpu.memory.utilization", "1", _GAUGE, "Used memory over all memory."
)
MEMORY_CONTROLLER: Final = Metric(
    "hw.gpu.memory.controller.utilization",
    "1",
    _GAUGE,
    "Share of the time in which memory was read or written.",
    "max",
)
IO: Final = Metric("hw.gpu.io", "By", _COUNTER, "Bytes over PCIe or NVLink.")
ENERGY: Final = Metric(
    "hw.energy", "J", _COUNTER, "Energy since the driver was loaded.", is_fine=True
)
POWER: Final = Metric("hw.power", "W", _GAUGE, "Power draw.", "max")
POWER_LIMIT: Final = Metric("hw.power.limit", "W", _GAUGE, "Power limit that is enforced.")
TEMPERATURE: Final = Metric("hw.temperature", "Cel", _GAUGE, "Temperature.", "max")
TEMPERATURE_LIMIT: Final = Metric(
    "hw.temperature.limit", "Cel", _GAUGE, "Temperature at which the board slows or stops."
)
FAN_RPM: Final = Metric("hw.fan.speed", "rpm", _GAUGE, "Fan speed.")
FAN_RATIO: Final = Metric("hw.fan.speed_ratio", "1", _GAUGE, "Fan speed over its maximum.")
CLOCK: Final = Metric("hw.gpu.clock", "MHz", _GAUGE, "Clock of a part of the board.", "min")
THROTTLED: Final = Metric(
    "hw.gpu.throttled", "1", _GAUGE, "Share of the readings in which clocks were held back."
)
ERRORS: Final = Metric("hw.errors", "{error}", _COUNTER, "ECC errors over the board's life.")
XID: Final = Metric("hw.gpu.xid", "{error}", _COUNTER, "XID errors that the driver reported.")
REMAPPED: Final = Metric("hw.gpu.remapped_rows", "{row}", _UP_DOWN, "Rows that were replaced.")
REMAP_PENDING: Final = Metric(
    "hw.gpu.remapped_rows.pending", "1", _UP_DOWN, "Whether rows wait for a reset."
)
PERSISTENCE: Final = Metric(
    "hw.gpu.persistence_mode", "1", _UP_DOWN, "Whether the driver stays loaded."
)
MIG_MODE: Final = Metric("hw.gpu.mig_mode", "1", _UP_DOWN, "Whether the board is divided (MIG).")
STATUS: Final = Metric("hw.status", "1", _UP_DOWN, "Whether the board is in this state.")

PROCESS_MEMORY: Final = Metric(
    "process.gpu.memory.usage", "By", _UP_DOWN, "Memory of the board that a process has."
)
PROCESS_UTILIZATION: Final = Metric(
    "process.gpu.utilization", "1", _GAUGE, "Share of the time that a process kept the board busy."
)

#: What holds clocks back, by NVML's bit; those that hold them back though there is work to do.
THROTTLE_REASONS: Final = (
    ("sw_power_cap", 0x4),
    ("hw_slowdown", 0x8),
    ("sw_thermal_slowdown", 0x20),
    ("hw_thermal_slowdown", 0x40),
    ("hw_power_brake_slowdown", 0x80),
)
#: Bits of `hw_slowdown`, thermal and power brake: the board protects itself.
HARDWARE_SLOWDOWN: Final = 0x8 | 0x40 | 0x80
