"""How an engine is set up: what its pages say, as attributes of the resource."""

from __future__ import annotations

import json
from typing import Any, Final

from spanglass.gpu.engines._fetch import Fetcher, FetchError
from spanglass.gpu.engines._table import Page

_LONGEST: Final = 300


def read_pages(fetcher: Fetcher, pages: tuple[Page, ...]) -> dict[str, Any]:
    """What an engine's pages say; those that are not there, or are something else, say nothing."""
    found: dict[str, Any] = {}
    for page in pages:
        try:
            document = json.loads(fetcher.get(page.path).text)
        except (FetchError, ValueError, RecursionError):
            continue
        for way, attribute in page.facts.items():
            value = _at(document, way)
            if isinstance(value, str | int | float) and value != "":
                found[attribute] = value[:_LONGEST] if isinstance(value, str) else value
    return found


def _at(document: Any, way: str) -> Any:
    for step in way.split("."):
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
