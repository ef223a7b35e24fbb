"""How the text of a setting is read; each raises ValueError for what it can't use, in words."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

#: Path that traces are posted to.
TRACES_PATH: Final = "/v1/traces"


def text(value: Any) -> str:
    """A text, or the path of a file.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"it should be a text, not {type(value).__name__}")
    return str(value).strip()


def url(value: Any) -> str:
    """The URL that traces are posted to, from a base such as `http://127.0.0.1:4318`.

    Raises:
        ValueError: it is no HTTP URL.
    """
    found = exact_url(value)
    return found if found.endswith(TRACES_PATH) else found.rstrip("/") + TRACES_PATH


def exact_url(value: Any) -> str:
    """A URL that is complete already.

    Raises:
        ValueError: it is no HTTP URL.
    """
    found = text(value)
    if "://" not in found:
        found = f"http://{found}"
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in found:
        raise ValueError("it should look like http://127.0.0.1:4318")
    _ = parts.port  # raises ValueError where it is no number
    return found


def flag(text: str) -> bool:
    """A yes or no.

    Raises:
        ValueError: it is neither.
    """
    word = str(text).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("it should be true or false")


def content_mode(text: str) -> bool:
    """OpenTelemetry's switch for content, which has more words than two."""
    return text.strip().lower() not in ("no_content", "false", "0")


def number(value: Any) -> float:
    """A number above 0.

    Raises:
        ValueError: it is none.
    """
    found = _float(value)
    if not 0 < found < 1e15:
        raise ValueError("it should be a number above 0")
    return found


def count(value: Any) -> int:
    """A whole number above 0; what is behind the point is left out.

    Raises:
        ValueError: it is none.
    """
    found = number(value)
    if found < 1:
        raise ValueError("it should be a whole number above 0")
    return int(found)


def from_milliseconds(value: str) -> float:
    """Milliseconds as seconds."""
    return number(value) / 1000


def compression(text: str) -> str:
    """`auto`, `gzip` or `none`."""
    word = str(text).strip().lower()
    if word not in ("auto", "gzip", "none"):
        raise ValueError("it should be auto, gzip or none")
    return word


def headers(value: Any) -> dict[str, str]:
    """Headers: a mapping, or OpenTelemetry's text for them.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, Mapping):
        return {str(k): str(v) for k, v in value.items()}
    if not isinstance(value, str):
        raise ValueError("it should be a mapping of names to values")
    from opentelemetry.util.re import parse_env_headers

    return dict(parse_env_headers(value, liberal=True))


def attributes(value: Any) -> dict[str, Any]:
    """Attributes: a mapping, without what is None.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, Mapping):
        raise ValueError("it should be a mapping of names to values")
    return {str(k): v for k, v in dict(value).items() if v is not None}


def capture(value: Any) -> bool | str:
    """Whether content is recorded: yes, no, or redacted."""
    said = str(value).strip().lower()
    if said == "redacted":
        return said
    if said == "presidio":
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise ValueError("presidio is not installed: pip install 'spanglass[pii]'")
        return said
    try:
        return flag(str(value))
    except ValueError:
        raise ValueError("it should be true, false, redacted or presidio") from None


def function(value: Any) -> Any:
    """A function from text to text."""
    if not callable(value):
        raise TypeError("it should be a function from text to text")
    return value


def secret(value: Any) -> str:
    """A secret that is long enough to sign with."""
    from spanglass.feedback_token import MIN_SECRET_CHARS

    found = str(value)
    if len(found) < MIN_SECRET_CHARS:
        raise ValueError(f"it should have {MIN_SECRET_CHARS} characters or more")
    return found


def share(value: Any) -> float:
    """A share, from 0 to 1.

    Raises:
        ValueError: it is none.
    """
    found = _float(value)
    if not 0 <= found <= 1:
        raise ValueError("it should be a number from 0 to 1")
    return found


def shares(value: Any) -> dict[str, float]:
    """Shares by name: a mapping, or text such as `chat=0.5,healthz=0`.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, Mapping):
        if not isinstance(value, str) or (value.strip() and "=" not in value):
            raise ValueError("it should look like {'chat': 0.5, 'healthz': 0}")
        value = dict(pair.rpartition("=")[::2] for pair in str(value).split(",") if pair.strip())
    return {str(name).strip(): share(each) for name, each in value.items()}


def _float(value: Any) -> float:
    """A number; not one, which no bounds let through, for anything else."""
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return math.nan
