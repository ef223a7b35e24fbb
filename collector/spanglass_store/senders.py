"""Where the SDKs of other products send OTLP, and how they present a key.

So that somebody who uses one of them changes its host and key, and nothing else. All of it was
read in the products' own packages: langfuse 5.0 (`_client/span_processor.py`), arize-phoenix-otel
0.17 (`otel.py`), langsmith 0.15 (`_internal/otel/_otel_client.py`), opik 2.2 (`rest_api/
open_telemetry_ingestion`, `rest_api/core/client_wrapper.py`), traceloop-sdk 0.62
(`tracing/tracing.py`), braintrust 0.48 (`otel/__init__.py`).
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Product:
    """How one product's SDK sends.

    Attributes:
        prefixes: what stands before `/v1/traces`, as regular expressions: of the product's own
            service, and of one that people run themselves.
        header: the header with the key, in lower case.
        scheme: the word before the key; empty where there is none.
    """

    prefixes: tuple[str, ...]
    header: str = "authorization"
    scheme: str = "bearer"


PRODUCTS: Final[Mapping[str, Product]] = {
    "OpenTelemetry": Product(("",)),
    # The public key is the user's name, the secret one the password.
    "Langfuse": Product(("/api/public/otel",), scheme="basic"),
    # Its service has a space in the path.
    "Phoenix": Product(("", "/s/[A-Za-z0-9_-]+")),
    "Phoenix before 2025": Product(("",), header="api_key", scheme=""),
    "LangSmith": Product(("/otel", "/api/v1/otel"), header="x-api-key", scheme=""),
    "Opik": Product(("/api/v1/private/otel", "/opik/api/v1/private/otel"), scheme=""),
    "Traceloop": Product(("",)),
    "Braintrust": Product(("/otel",)),
    "Azure and others": Product(("",), header="api-key", scheme=""),
}

_PREFIXES: Final = sorted({prefix for each in PRODUCTS.values() for prefix in each.prefixes})
_PATH: Final = re.compile(rf"(?:{'|'.join(_PREFIXES)})/v1/(traces|logs|metrics)/?")
_BARE: Final = tuple(
    dict.fromkeys(each.header for each in PRODUCTS.values() if each.header != "authorization")
)


def signal_of(path: str) -> str | None:
    """The signal that a path of OTLP over HTTP takes; None if it is no such path."""
    found = _PATH.fullmatch(path)
    return found[1] if found else None


def key_of(headers: Mapping[str, str]) -> str:
    """The key that a request presents, in whichever product's way; empty without one.

    Args:
        headers: names in lower case.
    """
    given = headers.get("authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(rest, validate=True).decode().partition(":")[2]
        except (Base64Error, UnicodeDecodeError):
            return ""
    if given and not rest:
        return given
    return next((headers[name] for name in _BARE if headers.get(name)), "")
