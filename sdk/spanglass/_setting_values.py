"""How the text of a setting is read; each raises ValueError or TypeError for what it can't use."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

#: Path that traces are posted to.
TRACES_PATH: Final = "/v1/traces"


def url(text: str) -> str:
    """The URL that traces are posted to, from a base such as `http://127.0.0.1:4318`.

    Raises:
        ValueError: it is no HTTP URL.
    """
    text = exact_url(text)
    return text if text.endswith(TRACES_PATH) else text.rstrip("/") + TRACES_PATH


def exact_url(text: str) -> str:
    """A URL that is complete already.

    Raises:
        ValueError: it is no HTTP URL.
    """
    text = text.strip()
    if "://" not in text:
        text = f"http://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        raise ValueError("it should look like http://127.0.0.1:4318")
    _ = parts.port  # raises ValueError where it is no number
    return text


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


def number(text: Any) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < 1e15:
        raise ValueError("it should be a number above 0")
    return value


def count(text: Any) -> int:
    """A whole number above 0."""
    return int(number(text))


def from_milliseconds(text: str) -> float:
    """Milliseconds as seconds."""
    return number(text) / 1000


def compression(text: str) -> str:
    """`auto`, `gzip` or `none`."""
    word = str(text).strip().lower()
    if word not in ("auto", "gzip", "none"):
        raise ValueError("it should be auto, gzip or none")
    return word


def headers(value: Any) -> dict[str, str]:
    """Headers: a mapping, or OpenTelemetry's text for them."""
    if isinstance(value, Mapping):
        return {str(k): str(v) for k, v in value.items()}
    from opentelemetry.util.re import parse_env_headers

    return dict(parse_env_headers(str(value), liberal=True))


def attributes(value: Any) -> dict[str, Any]:
    """Attributes: a mapping, without what is None."""
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
        raise ValueError(f"a feedback secret needs {MIN_SECRET_CHARS} characters or more")
    return found


def share(value: Any) -> float:
    """A share, from 0 to 1."""
    found = float(value)
    if not 0 <= found <= 1:
        raise ValueError("it should be a number from 0 to 1")
    return found


def shares(value: Any) -> dict[str, float]:
    """Shares by name: a mapping, or text such as `chat=0.5,healthz=0`."""
    if not isinstance(value, Mapping):
        value = dict(pair.rpartition("=")[::2] for pair in str(value).split(",") if pair.strip())
    return {str(name).strip(): share(each) for name, each in value.items()}
