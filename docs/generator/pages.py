"""The pages of the reference, by file name."""

from collections.abc import Callable
from typing import Final

from generator import access, alerts, commands, detectors, metrics, routes, sdk, settings, tables

_NOTE: Final = "<!-- Made by `python3 develop.py docs` from the code. Change it there. -->\n\n"
_MAKERS: Final[dict[str, Callable[[], str]]] = {
    "access.md": access.page,
    "alerts.md": alerts.page,
    "api.md": routes.page,
    "commands.md": commands.page,
    "detectors.md": detectors.page,
    "metrics.md": metrics.page,
    "sdk.md": sdk.page,
    "settings.md": settings.page,
    "tables.md": tables.page,
}


def pages() -> dict[str, str]:
    """Every page."""
    return {name: _NOTE + maker().rstrip() + "\n" for name, maker in _MAKERS.items()}
