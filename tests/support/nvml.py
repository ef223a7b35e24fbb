"""The stub of NVIDIA's management library, built here and loaded by the real pynvml."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

SOURCE: Final = Path(__file__).with_name("nvml_stub.c")
LIBRARY: Final = "libnvidia-ml.so.1"

Point = tuple[dict[str, Any], Any]


def build(folder: Path) -> Path:
    """The library, in a folder."""
    target = folder / LIBRARY
    command = [
        "gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{LIBRARY}",
        "-o", str(target), str(SOURCE), "-lpthread",
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    return target


class Stub:
    """What the library answers.

    Attributes:
        path: of the file that says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, **lines: object) -> None:
        """Answers so from now on; `b0_power=1` is the line `0.power=1`, `all_power=1` is `*.power=1`."""
        text = "".join(f"{_key(name)}={value}\n" for name, value in lines.items())
        part = self.path.with_suffix(".part")
        part.write_text(text)
        part.rename(self.path)


def _key(name: str) -> str:
    who, _, what = name.partition("_")
    if who == "all":
        return f"*.{what}"
    return f"{who[1:]}.{what}" if who[:1] == "b" and who[1:].isdigit() else name


@contextmanager
def loaded(folder: Path) -> Iterator[Stub]:
    """The stub in this process: a later `dlopen` finds a library by its name once it is loaded."""
    ctypes.CDLL(str(build(folder)), mode=ctypes.RTLD_GLOBAL)
    stub = Stub(folder / "nvml.txt")
    stub.say(boards=1)
    os.environ["NVML_STUB"] = str(stub.path)
    try:
        yield stub
    finally:
        os.environ.pop("NVML_STUB")


def points(body: bytes) -> dict[str, list[Point]]:
    """Data points of a request by the name of their metric: attributes and point."""
    found: dict[str, list[Point]] = {}
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    about = {
                        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
                        for pair in point.attributes
                    }
                    found.setdefault(metric.name, []).append((about, point))
    return found


def number(point: Any) -> float:
    """The value of a number's point."""
    return float(getattr(point, point.WhichOneof("value")))
