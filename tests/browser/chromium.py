"""Chromium: where it is, and how it is started."""

import os
import shutil
from typing import Any, Final

MISSING: Final = "Chromium is missing: apt-get install chromium, or set SPANGLASS_CHROMIUM"
_ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find_chromium() -> str:
    """The browser's path, or empty."""
    names = (
        os.environ.get("SPANGLASS_CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
    )
    return next((path for name in names if name and (path := shutil.which(name))), "")


def launch(playwright: Any, path: str) -> Any:
    """A browser that calls nobody."""
    return playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
