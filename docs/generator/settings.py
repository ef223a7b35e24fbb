"""Every setting of the service and of the SDK."""

import dataclasses
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from generator.markdown import code, table
from spanglass._settings import Settings as SdkSettings
from spanglass_collector.drift.config import DriftSettings
from spanglass_collector.jobs.config import JobSettings
from spanglass_collector.settings import PREFIX, Settings


def page() -> str:
    """The page."""
    sdk = dataclasses.fields(SdkSettings)
    return (
        "# Settings\n\n"
        "## Of the service\n\n"
        "A flag of `spanglass serve`, a variable and a key of `spanglass.toml`; flags win over"
        " variables, variables over the file.\n\n"
        + table(
            ("flag", "variable", "default", "meaning"),
            [
                (
                    code("--" + name.replace("_", "-")),
                    code(PREFIX + name.upper()),
                    code(_default(name, field)),
                    field.description or "",
                )
                for name, field in Settings.model_fields.items()
            ],
        )
        + "## Of a job: `[detect.NAME]`\n\n"
        "See [jobs](../jobs.md).\n\n" + _model(JobSettings) + "## Of drift: `[drift]`\n\n"
        "See [drift](../drift.md).\n\n" + _model(DriftSettings) + "## Of the SDK\n\n"
        "Keywords of `spanglass.init`, or variables; the first that is set holds. See"
        " [sdk](../sdk.md).\n\n"
        + table(
            ("keyword", "variables", "meaning"),
            [
                (
                    code(field.name),
                    ", ".join(code(each.name) for each in field.metadata["variables"]),
                    field.metadata["about"],
                )
                for field in sdk
            ],
        )
    )


def _model(model: type[BaseModel]) -> str:
    return table(
        ("key", "default", "meaning"),
        [
            (code(name), code(_default(name, field)), field.description or "")
            for name, field in model.model_fields.items()
        ],
    )


def _default(name: str, field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value in (PydanticUndefined, None, "", {}, ()):
        return ""
    if isinstance(value, Path):
        return str(value).replace(str(Path.home()), "~")
    if name.endswith("_bytes"):
        return _size(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _size(count: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024 or count % 1024:
            return f"{count} {unit}"
        count //= 1024
    return f"{count} GiB"
