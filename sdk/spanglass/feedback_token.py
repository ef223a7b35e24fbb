"""Tokens that let a browser give feedback on one span or trace, without a key.

    token   = "v1." payload "." signature
    payload = base64url, without padding, of a JSON object:
        p  project
        t  trace id, 32 hexadecimal digits
        s  span id, 16 hexadecimal digits; empty for the whole trace
        n  name of the score
        e  end of validity, in seconds since 1970
        k  which secret has signed: the first 8 hexadecimal digits of its SHA-256
    signature = base64url, without padding, of HMAC-SHA256(secret, "v1." payload)

Who has a token can give feedback on that span until it ends, and nothing else. Pure functions of
the standard library: applications sign, the collector verifies.

Source: RFC 2104 (HMAC), RFC 4648 section 5 (base64url).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_VERSION: Final = "v1"
_HEX: Final = re.compile(r"[0-9a-f]+")
#: Characters of a token; more is none of ours, and is not looked at.
MAX_CHARS: Final = 2_048
#: Characters of a secret at least. A token is public: a short secret can be found by trying.
MIN_SECRET_CHARS: Final = 16


class InvalidToken(ValueError):
    """A token that may not be used; its text says why, for the person who holds it."""


class FeedbackTarget(NamedTuple):
    """What a token allows feedback on.

    Attributes:
        project: whose it is.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits; empty for the whole trace.
        name: of the score.
        expires: in seconds since 1970.
    """

    project: str
    trace_id: str
    span_id: str
    name: str
    expires: int


def key_id(secret: str) -> str:
    """Which secret this is, without telling the secret: 8 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def sign(target: FeedbackTarget, secret: str) -> str:
    """A token for a target.

    Args:
        target: what feedback may be given on.
        secret: known to whoever verifies, and to nobody else.

    Raises:
        ValueError: the target or the secret cannot be used; the text says why.
    """
    if len(secret) < MIN_SECRET_CHARS:
        raise ValueError(f"a feedback secret needs {MIN_SECRET_CHARS} characters or more")
    _check(target)
    payload = {
        "p": target.project,
        "t": target.trace_id,
        "s": target.span_id,
        "n": target.name,
        "e": target.expires,
        "k": key_id(secret),
    }
    written = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    signed = f"{_VERSION}.{_encode(written)}"
    token = f"{signed}.{_encode(_signature(signed, secret))}"
    if len(token) > MAX_CHARS:
        raise ValueError("the names of project and score are too long for a link")
    return token


def verify(token: str, secrets: Iterable[str], now: float) -> FeedbackTarget:
    """What a token allows feedback on.

    Args:
        token: as it came.
        secrets: those that may have signed it; several while one replaces another.
        now: the time, in seconds since 1970.

    Raises:
        InvalidToken: it is malformed, signed by another secret, altered, or over.
    """
    if len(token) > MAX_CHARS:
        raise InvalidToken("this is no feedback link")
    version, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    if version != _VERSION or not payload or not signature:
        raise InvalidToken("this is no feedback link")
    try:
        given = _decode(signature)
        found = json.loads(_decode(payload))
    except (ValueError, RecursionError):
        raise InvalidToken("this is no feedback link") from None
    if not isinstance(found, dict):
        raise InvalidToken("this is no feedback link")
    known = {key_id(secret): secret for secret in secrets if len(secret) >= MIN_SECRET_CHARS}
    secret = known.get(str(found.get("k")))
    if secret is None:
        raise InvalidToken("this feedback link was signed with a secret that is not known here")
    if not hmac.compare_digest(given, _signature(f"{version}.{payload}", secret)):
        raise InvalidToken("this feedback link has been altered")
    try:
        target = FeedbackTarget(found["p"], found["t"], found["s"], found["n"], found["e"])
        _check(target)
    except (KeyError, ValueError):
        raise InvalidToken("this is no feedback link") from None
    if now >= target.expires:
        raise InvalidToken("this feedback link is no longer valid")
    return target


def _check(target: FeedbackTarget) -> None:
    """Checks a target.

    Raises:
        ValueError: it is none.
    """
    if any(type(each) is not str for each in target[:4]) or type(target.expires) is not int:
        raise ValueError("project, ids and name are text, the end is a whole number")
    if not target.project or not target.name:
        raise ValueError("project and name must not be empty")
    _check_id(target.trace_id, 32, "trace")
    if target.span_id:
        _check_id(target.span_id, 16, "span")


def _check_id(found: str, digits: int, whose: str) -> None:
    if len(found) != digits or not _HEX.fullmatch(found) or not int(found, 16):
        raise ValueError(f"a {whose}'s id has {digits} lower-case hexadecimal digits, not all 0")


def _signature(signed: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Raises ValueError for what is not base64url without padding, exactly as we write it."""
    value = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _encode(value) != text:
        raise ValueError("another way to write the same")
    return value
