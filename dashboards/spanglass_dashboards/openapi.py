"""Writes the API's description, from which the web application's types are made.

python -m spanglass_dashboards.openapi > dashboards/web/openapi.json
"""

import json
import sys
from typing import Any, cast

from fastapi import FastAPI

from spanglass_dashboards.app import create_app
from spanglass_dashboards.context import Context


def document() -> dict[str, Any]:
    """The OpenAPI document, without what differs between installations."""
    # Describing routes asks nothing of the context.
    app: FastAPI = create_app(cast("Context", None))
    described = app.openapi()
    described["info"]["version"] = "0"
    return described


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=1, sort_keys=True) + "\n")
