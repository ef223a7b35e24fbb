"""Every route of the HTTP API."""

import re
from collections import defaultdict
from typing import Any

from generator.markdown import code, table
from spanglass_dashboards.openapi import document


def page() -> str:
    """The page."""
    described = document()
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            groups[(operation.get("tags") or ["others"])[0]].append((path, method, operation))
    text = "".join(
        f"## {name.capitalize()}\n\n" + "".join(_shown(*each) for each in sorted(group))
        for name, group in sorted(groups.items())
    )
    return (
        "# HTTP API\n\n"
        "On the web port; `/api/openapi.json` of a running service has the types. A key goes along"
        " as `Authorization: Bearer sg_…`. Errors are problem documents (RFC 9457): `title`,"
        " `status` and `detail` say what is wrong and what to do. Lists page by `cursor`.\n\n"
        + text
    )


def _shown(path: str, method: str, operation: dict[str, Any]) -> str:
    about = re.split(r"\n\s*(?:Args|Raises|Returns):", operation.get("description", ""))[0].strip()
    rows = [
        (code(each["name"]), each["in"], each.get("description", ""))
        for each in operation.get("parameters", [])
        if each["in"] != "header"
    ]
    return f"### `{method.upper()} {path}`\n\n{about}\n\n" + (
        table(("parameter", "in", "meaning"), rows) if rows else ""
    )
