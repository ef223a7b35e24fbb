"""The DCGM exporter, which has profiling counters that NVML has not.

Source: dcgm-exporter, etc/default-counters.csv.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu import _hardware as hw
from spanglass.gpu._points import Kind, Metric
from spanglass.gpu.engines._table import Rule, Table

_GPU: Final = (("hw.type", "gpu"), ("hw.vendor", "NVIDIA"))
_MIB: Final = float(1 << 20)


def _share(name: str, about: str) -> Metric:
    return Metric(f"hw.gpu.{name}", "1", Kind.GAUGE, about)


TENSOR_ACTIVE: Final = _share("tensor_active", "Share of the cycles of the tensor cores in use.")
DRAM_ACTIVE: Final = _share("memory_bandwidth.utilization", "Share of the memory's bandwidth.")
SM_ACTIVE: Final = _share("sm_active", "Share of the multiprocessors with work.")
SM_OCCUPANCY: Final = _share("sm_occupancy", "Share of the warps that are resident.")
ENGINE_ACTIVE: Final = _share("engine_active", "Share of the time that graphics or compute ran.")
_IO_RATE: Final = Metric("hw.gpu.io.rate", "By/s", Kind.GAUGE, "Bytes a second over PCIe.")


def _memory(name: str) -> Rule:
    return Rule(name, hw.MEMORY_LIMIT, scale=_MIB, more=_GPU, adds=True, of_board=True)


def _task(name: str, task: str) -> Rule:
    return Rule(
        name, hw.UTILIZATION, scale=0.01, more=(*_GPU, ("hw.gpu.task", task)), of_board=True
    )


def _clock(name: str, part: str) -> Rule:
    return Rule(name, hw.CLOCK, more=(*_GPU, ("hw.gpu.clock.part", part)), of_board=True)


def _heat(name: str, where: str) -> Rule:
    return Rule(name, hw.TEMPERATURE, more=(*_GPU, ("hw.sensor_location", where)), of_board=True)


DCGM: Final = Table(
    name="dcgm-exporter",
    prefixes=("DCGM_FI_",),
    rules=(
        _task("DEV_GPU_UTIL", "general"),
        _task("DEV_ENC_UTIL", "encoder"),
        _task("DEV_DEC_UTIL", "decoder"),
        Rule("DEV_MEM_COPY_UTIL", hw.MEMORY_CONTROLLER, scale=0.01, more=_GPU, of_board=True),
        Rule("DEV_FB_USED", hw.MEMORY_USAGE, scale=_MIB, more=_GPU, of_board=True),
        Rule("DEV_FB_RESERVED", hw.MEMORY_RESERVED, scale=_MIB, more=_GPU, of_board=True),
        _memory("DEV_FB_USED"),
        _memory("DEV_FB_FREE"),
        _memory("DEV_FB_RESERVED"),
        Rule("DEV_POWER_USAGE", hw.POWER, more=_GPU, of_board=True),
        Rule("DEV_TOTAL_ENERGY_CONSUMPTION", hw.ENERGY, scale=1e-3, more=_GPU, of_board=True),
        _heat("DEV_GPU_TEMP", "gpu"),
        _heat("DEV_MEMORY_TEMP", "memory"),
        _clock("DEV_SM_CLOCK", "sm"),
        _clock("DEV_MEM_CLOCK", "memory"),
        Rule("PROF_GR_ENGINE_ACTIVE", ENGINE_ACTIVE, more=_GPU),
        Rule("PROF_PIPE_TENSOR_ACTIVE", TENSOR_ACTIVE, more=_GPU),
        Rule("PROF_DRAM_ACTIVE", DRAM_ACTIVE, more=_GPU),
        Rule("PROF_SM_ACTIVE", SM_ACTIVE, more=_GPU),
        Rule("PROF_SM_OCCUPANCY", SM_OCCUPANCY, more=_GPU),
        Rule("PROF_PCIE_TX_BYTES", _IO_RATE, more=(("network.io.direction", "transmit"),)),
        Rule("PROF_PCIE_RX_BYTES", _IO_RATE, more=(("network.io.direction", "receive"),)),
    ),
    labels={
        "UUID": "hw.id",
        "gpu": "hw.gpu.index",
        "modelName": "hw.model",
        "Hostname": "host.name",
        "pci_bus_id": "hw.gpu.pci_bus",
        "DCGM_FI_DRIVER_VERSION": "hw.driver_version",
        "GPU_I_ID": "hw.gpu.mig.gpu_instance.id",
        "GPU_I_PROFILE": "hw.gpu.mig.profile",
        "pod": "k8s.pod.name",
        "namespace": "k8s.namespace.name",
        "container": "k8s.container.name",
        "device": "",
        "err_code": "",
        "err_msg": "",
    },
)
