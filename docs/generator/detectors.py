"""The detectors that come with Spanglass and what each writes."""

import inspect
from importlib import import_module
from typing import Any, Final

from generator.markdown import code, table
from spanglass.redaction import ENTITIES
from spanglass_collector.jobs.registry import BUILT_IN

_ABOUT: Final = {
    "bertscore": "quality.md",
    "evaluate": "quality.md",
    "pii": "privacy.md",
    "pii_rescan": "privacy.md",
    "quality": "quality.md",
    "grounding": "quality.md",
    "judge": "quality.md",
    "judge_panel": "quality.md",
    "safety": "quality.md",
}


def page() -> str:
    """The page."""
    return (
        "# Detectors\n\n"
        "What judges spans after they are stored ([jobs](../jobs.md)); `spanglass detect list` says"
        " which are on. How each works, what it can't see and how accurate it was measured to be"
        " is behind the link.\n\n"
        + "".join(_shown(name, place) for name, place in BUILT_IN.items())
    )


def _shown(name: str, place: str) -> str:
    module, _, attribute = place.partition(":")
    made: Any = getattr(import_module(module), attribute)
    about = made.description or (inspect.getdoc(made) or "").partition("\n\n")[0]
    operations = ", ".join(code(each) for each in made.operations) or "every operation"
    rows = [
        ("version", str(made.version)),
        ("judges", operations),
        ("writes", ", ".join(code(each) for each in _names(name, made))),
        ("options", ", ".join(code(each) for each in _options(made))),
        ("read on", f"[{_ABOUT[name]}](../{_ABOUT[name]})"),
    ]
    return f"## `{name}`\n\n{about}\n\n" + table(("", ""), [row for row in rows if row[1]])


def _names(name: str, made: Any) -> tuple[str, ...]:
    return tuple(ENTITIES) if name == "pii" else tuple(getattr(made, "names", ()))


def _options(made: Any) -> list[str]:
    return [each for each in inspect.signature(made.__init__).parameters if each != "self"]
