"""Values as bounded text: valid JSON, whatever comes."""

import base64
import hashlib
import json
import math
from collections import OrderedDict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass._serialize import attribute, json_text, shorten, text

LIMIT = 10_000

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec="utf-8"), max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(alphabet="abcdefgh_é", min_size=1, max_size=6), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(plain_values)
def test_what_json_knows_comes_back_as_it_was(value: Any) -> None:
    assert json.loads(json_text(value, 1_000_000)) == value


@given(st.recursive(st.text() | st.binary() | st.floats() | st.integers(), st.lists))
def test_anything_is_valid_json_that_utf_8_can_carry(value: Any) -> None:
    json.loads(json_text(value, LIMIT).encode())


@given(plain_values, st.integers(min_value=64, max_value=300))
def test_the_bound_holds_for_any_shape(value: Any, limit: int) -> None:
    many = [value] * 40
    written = json_text(many, limit)
    json.loads(written)
    # Escapes make a text longer than its characters, and marks are not counted.
    assert len(written) < 12 * limit + 6_000


class Colour(Enum):
    RED = "red"


class Mode(StrEnum):
    FAST = "fast"


@dataclass
class Order:
    id: str
    total: float
    note: str = field(default="x", repr=False)


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    key: pydantic.SecretStr = pydantic.SecretStr("hidden")
    quiet: str = pydantic.Field(default="quiet", repr=False)


Point = namedtuple("Point", "x y")


class Speaking:
    def __repr__(self) -> str:
        return "Speaking(1)"


class Silent:
    pass


class Raising:
    def __repr__(self) -> str:
        raise ValueError("no")


class Lazy:
    """Asks a database when it is shown, or so it could be."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("iterated")

    def __repr__(self) -> str:
        raise AssertionError("shown")


class Array:
    shape = (3, 4)
    dtype = "float32"

    def __repr__(self) -> str:
        raise AssertionError("shown")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, "red"),
        (Mode.FAST, "fast"),
        (Order("a", 1.5), {"id": "a", "total": 1.5}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Model(name="n", extra=[1]), {"name": "n", "key": "[secret]", "extra": [1]}),
        ((1, "a"), [1, "a"]),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
        ({3}, [3]),
        (deque([1]), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (b"abc", "<3 bytes>"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "/a/b"),
        (ValueError("bad"), "ValueError: bad"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (1 << 300, "<int of 301 bits>"),
        (Speaking(), "Speaking(1)"),
        (Silent(), "<test_sdk_serialize.Silent>"),
        (Raising(), "<Raising: ValueError while reading it>"),
        (Lazy(), "<test_sdk_serialize.Lazy>"),
        (Array(), "<Array (3, 4) float32>"),
        (len, "<builtin_function_or_method len>"),
        (int, "<type int>"),
        ((i for i in [1]), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_types_beyond_json(value: Any, expected: Any) -> None:
    found = json.loads(json_text(value, LIMIT))
    if expected is None:
        assert found.startswith("<generator ")
        assert list(value) == [1], "what is lazy stays unread"
    elif isinstance(found, str) and found.startswith("<") and "." in found:
        assert found.endswith(expected.rpartition(".")[2])
    else:
        assert found == expected


def test_cycles_end() -> None:
    value: dict[str, Any] = {"a": 1}
    value["self"] = value
    assert json.loads(json_text(value, LIMIT)) == {"a": 1, "self": "<cycle>"}


def test_the_same_value_twice_is_no_cycle() -> None:
    part = [1]
    assert json_text([part, part], LIMIT) == "[[1], [1]]"


def test_deep_values_end() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert "too deep" in json_text(value, LIMIT)


def test_long_text_keeps_head_and_tail_and_says_what_is_cut() -> None:
    cut = shorten("a" * 500 + "b" * 500, 100)
    assert cut == "a" * 75 + "...[900 characters cut]..." + "b" * 25


def test_an_enormous_text_in_a_mapping_leaves_the_rest() -> None:
    value = {"first": "x" * 5_000_000, "then": ["y" * 5_000_000], "last": "kept"}
    written = json.loads(json_text(value, LIMIT))
    assert written["last"] == "kept"
    assert "characters cut" in written["first"]
    assert "characters cut" in written["then"][0]


def test_a_long_conversation_keeps_its_end() -> None:
    messages = [{"role": "user", "content": f"message {n} " + "x" * 500} for n in range(1000)]
    written = json.loads(json_text(messages, LIMIT * 10))
    assert written[0]["content"].startswith("message 0 ")
    assert written[-1]["content"].startswith("message 999 ")
    assert any("items cut" in str(item) for item in written)


@pytest.mark.parametrize(("texts", "share"), [(1, 0.9), (2, 0.9), (7, 0.8)])
def test_what_is_a_little_too_long_is_cut_a_little(texts: int, share: float) -> None:
    """Nothing falls from the whole to a tenth because it is a character too long."""
    value = {str(n): "x" * (LIMIT // texts + 1) for n in range(texts)}
    written = json_text({"messages": [value]}, LIMIT)
    assert LIMIT * share <= len(written) <= LIMIT


def test_a_wide_mapping_is_cut_with_a_mark() -> None:
    written = json.loads(json_text({str(n): n for n in range(100_000)}, LIMIT))
    assert "more items cut" in written["..."]


@pytest.mark.parametrize(
    "name",
    ["api_key", "API-Key", "openai_api_key", "password", "db_password", "Authorization",
     "client_secret", "access_token", "Set-Cookie", "private_key", "aws_secret_access_key",
     "db_passwd", "X-Proxy-Authorization", "slack_bot_token", "api_keys", "credentials"],
)  # fmt: skip
def test_secrets_by_name_stay_out(name: str) -> None:
    assert json.loads(json_text({"x": {name: "s3cret"}}, LIMIT)) == {"x": {name: "[secret]"}}


@pytest.mark.parametrize("name", ["max_tokens", "token", "tokens", "keyword", "key", "secretary"])
def test_ordinary_names_are_no_secrets(name: str) -> None:
    assert json.loads(json_text({name: "shown"}, LIMIT)) == {name: "shown"}


def test_a_list_that_grows_while_it_is_read_ends() -> None:
    class Growing:
        def __repr__(self) -> str:
            grown.append(self)
            return "growing"

    grown: list[Any] = []
    grown.append(Growing())
    assert json_text(grown, LIMIT) == '["growing"]'


def test_text_stays_text_and_all_else_is_json() -> None:
    assert text("plain", LIMIT) == "plain"
    assert text({"a": 1}, LIMIT) == '{"a": 1}'
    assert text(date(2026, 1, 2), LIMIT) == "2026-01-02"
    assert text(None, LIMIT) == "null"


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert text("a\ud800b", LIMIT) == "a?b"
    json_text({"\ud800": "\udfff"}, LIMIT).encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (1, 1),
        (True, True),
        (1.5, 1.5),
        (None, None),
        (["a", "b"], ["a", "b"]),
        ((1, 2), [1, 2]),
        ([1, "a"], '[1, "a"]'),
        ({"a": 1}, '{"a": 1}'),
        (1 << 70, str(1 << 70)),
        (Mode.FAST, "fast"),
        ([], "[]"),
    ],
)
def test_attributes_keep_their_type_where_opentelemetry_has_it(value: Any, expected: Any) -> None:
    found = attribute(value, LIMIT)
    assert found == expected
    assert type(found) is type(expected)


def test_files_within_values_are_their_size_and_hash() -> None:
    raw = bytes(range(256)) * 40
    data = base64.b64encode(raw).decode()
    digest = hashlib.sha256(data.encode()).hexdigest()
    messages = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "base64", "media_type": "audio/wav", "data": data},
        raw,
        memoryview(raw)[::2],
    ]
    shown = json.loads(json_text(messages, 10_000))
    mark = f"{len(data)} base64 characters, sha256 {digest}>"
    assert shown[0]["image_url"]["url"] == f"<image/png, {mark}"
    assert shown[1]["data"] == f"<{mark}"
    assert shown[2] == f"<{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}>"
    assert shown[3].startswith(f"<{len(raw) // 2} bytes")
    assert text(data, 10_000) == f"<{mark}"
    enormous = "Ab1/" * (4 << 20)
    assert text(enormous, 10_000) == f"<{len(enormous)} base64 characters>"


@pytest.mark.parametrize(
    "said", ["x" * 5000, "data: " + "word " * 1000, "0123456789abcdef" * 200, "Ab1 " * 900]
)
def test_what_is_no_file_stays_text(said: str) -> None:
    assert text(said, 10_000) == said
