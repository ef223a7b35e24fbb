"""Feedback tokens: what is signed comes back, and nothing else does."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.feedback_token import FeedbackTarget, InvalidToken, key_id, sign, verify

SECRET = "a secret of many characters"
OTHER = "another secret, as long as the first"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TARGET = FeedbackTarget("shop", TRACE, SPAN, "user_feedback", 2_000)


def test_the_format_is_as_documented() -> None:
    version, payload, signature = sign(TARGET, SECRET).split(".")
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == {
        "p": "shop", "t": TRACE, "s": SPAN, "n": "user_feedback", "e": 2_000,
        "k": hashlib.sha256(SECRET.encode()).hexdigest()[:8],
    }  # fmt: skip
    mac = hmac.new(SECRET.encode(), f"{version}.{payload}".encode(), hashlib.sha256).digest()
    assert (version, base64.urlsafe_b64decode(signature + "==")) == ("v1", mac)
    assert "=" not in payload + signature


@given(
    project=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50),
    trace=st.integers(1, (1 << 128) - 1),
    span=st.none() | st.integers(1, (1 << 64) - 1),
    expires=st.integers(1, 1 << 40),
)
def test_what_is_signed_comes_back(
    project: str, name: str, trace: int, span: int | None, expires: int
) -> None:
    target = FeedbackTarget(
        project, f"{trace:032x}", "" if span is None else f"{span:016x}", name, expires
    )
    token = sign(target, SECRET)
    assert verify(token, [OTHER, SECRET], expires - 1) == target
    with pytest.raises(InvalidToken, match="no longer valid"):
        verify(token, [SECRET], expires)
    with pytest.raises(InvalidToken, match="not known here"):
        verify(token, [OTHER], 0)


@given(st.data())
def test_no_changed_character_passes(data: st.DataObject) -> None:
    token = sign(TARGET, SECRET)
    at = data.draw(st.integers(0, len(token) - 1))
    instead = data.draw(st.characters(min_codepoint=33, max_codepoint=300))
    changed = token[:at] + instead + token[at + 1 :]
    if changed != token:
        with pytest.raises(InvalidToken):
            verify(changed, [SECRET], 0)


@given(st.text(max_size=200) | st.text(".ey-_=v1").map(lambda text: "v1." + text))
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidToken, match="feedback link"):
        verify(text, [SECRET], 0)


@pytest.mark.parametrize(
    "payload", [[], 1, {}, {"k": key_id(SECRET)}, {"p": 1, "t": TRACE, "s": "", "n": "x", "e": 9}]
)
def test_a_payload_that_is_none_is_refused_though_it_is_signed(payload: object) -> None:
    if isinstance(payload, dict):
        payload = {**payload, "k": key_id(SECRET)}
    signed = "v1." + base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    with pytest.raises(InvalidToken, match="no feedback link"):
        verify(f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}", [SECRET], 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trace_id": "1" * 31}, "32"),
        ({"trace_id": "0" * 32}, "not all 0"),
        ({"span_id": "B7AD6B7169203331"}, "lower-case"),
        ({"name": ""}, "empty"),
        ({"project": "x" * 4_000}, "too long"),
    ],
)
def test_a_target_that_is_none_is_not_signed(change: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        sign(TARGET._replace(**change), SECRET)


def test_a_short_secret_signs_and_verifies_nothing() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        sign(TARGET, "short")
    with pytest.raises(InvalidToken):
        verify(sign(TARGET, SECRET), ["", "short"], 0)
