"""Redaction: what it finds, what it leaves, how long it takes on texts made to slow it down."""

import json
import random
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanglass._privacy import Privacy
from spanglass.redaction import ENTITIES, Redactor, StreamRedactor, find, redact
from spanglass.redaction._rules import RULES
from support.redaction_texts import WITH, WITHOUT

EVERYTHING = " | ".join(text for text, _ in WITH) + "\n" + "\n".join(WITHOUT)


def marked(text: str) -> set[tuple[str, str]]:
    return {(text[each.start : each.end], each.entity) for each in find(text)}


def test_accuracy() -> None:
    """The figures of docs/sdk.md. Better rules may raise them; nothing may lower them."""
    wanted = found = right = 0
    for text, labels in WITH:
        seen = marked(text)
        wanted, found = wanted + len(labels), found + len(seen)
        right += sum(
            any(value in each and entity == kind for each, kind in seen) for value, entity in labels
        )
    mistaken = sum(len(marked(text)) for text in WITHOUT)
    assert (wanted, right, found - right, mistaken) == (43, 40, 0, 1)


@pytest.mark.parametrize("text", [text for text, _ in WITH[:-3]])
def test_what_was_found_is_gone(text: str) -> None:
    labels = dict(WITH)[text]
    shown = redact(text)
    for value, entity in labels:
        assert value not in shown
        assert f"<{entity}>" in shown
    assert redact(shown) == shown, "a second time changes nothing"


def test_only_some_entities() -> None:
    text = "ana@example.com from 203.0.113.77"
    counts: Counter[str] = Counter()
    assert Redactor(["IP_ADDRESS"]).redact(text, counts) == "ana@example.com from <IP_ADDRESS>"
    assert counts == {"IP_ADDRESS": 1}
    with pytest.raises(ValueError, match="not known: PERSON"):
        Redactor(["PERSON"])
    assert "EMAIL_ADDRESS" in ENTITIES


def test_values_keep_their_shape() -> None:
    value = {
        "ana@example.com": [4111111111111111, 12, True, None, 1.5],
        "n": {"text": "line\nbo@example.com"},
    }
    counts: Counter[str] = Counter()
    assert Redactor().redact_value(value, counts) == {
        "<EMAIL_ADDRESS>": ["<CREDIT_CARD>", 12, True, None, 1.5],
        "n": {"text": "line\n<EMAIL_ADDRESS>"},
    }
    assert counts == {"EMAIL_ADDRESS": 2, "CREDIT_CARD": 1}


def test_names_say_what_is_behind_them() -> None:
    value = {"password": "hunter2-abc", "db": {"apiKey": ["a1b2c3d4e5f6"]}, "token": "Hello"}
    assert Redactor().redact_value(value) == {
        "password": "<PASSWORD>", "db": {"apiKey": ["<PASSWORD>"]}, "token": "Hello",
    }  # fmt: skip
    for text in ("DB_PASSWORD=%s", "OPENAI_API_KEY=%s", "dbPassword: '%s'", "x_access_token=%s"):
        assert redact(text % "a1b2c3d4e5f6") == text % "<PASSWORD>"
    for text in ("passwordless=a1b2c3d4e5f6", "nopassword=a1b2c3d4e5f6"):
        assert redact(text) == text


def test_pieces_of_a_stream_are_read_as_one() -> None:
    pieces = [
        {"delta": {"text": "mail ana.ma"}, "n": 1},
        {"delta": {"text": "rsh@exam"}, "n": 2},
        {"delta": {"text": "ple.com now, or sk-proj-abcdef"}, "n": 3},
        {"delta": {"text": "ghijklmnop1234 and bo@example.com"}, "n": 4},
    ]
    counts: Counter[str] = Counter()
    shown = Redactor().redact_value(pieces, counts, stream=True)
    assert [each["delta"]["text"] for each in shown] == [
        "mail <EMAIL_ADDRESS>",
        "",
        " now, or <API_KEY>",
        " and <EMAIL_ADDRESS>",
    ]
    assert counts == {"EMAIL_ADDRESS": 2, "API_KEY": 1}


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("pay 4111 1111 11", "11 1111 today"),
        ("write to ana.mar", "sh@example.com today"),
        ("key sk-proj-abcdefgh", "ijklmnop1234567 end"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ", "QIBADANB\n-----END PRIVATE KEY-----\nend"),
        ("-----BEGIN PRIV", "QIBADANB\n-----END PRIVATE KEY-----\nend"),
    ],
)
def test_halves_beside_a_cut_go(head: str, tail: str) -> None:
    shown = redact(f"{head}...[123 characters cut]...{tail}")
    left = re.sub(
        r"BEGIN|PRIV\w*|END|KEY|pay|write|today|to|key|end|<\w+>|123 characters cut", "", shown
    )
    assert not re.search(r"\w", left), shown


@given(st.integers(min_value=0, max_value=2**32))
@example(7)
def test_a_stream_shows_what_the_whole_text_would(seed: int) -> None:
    chance = random.Random(seed)
    texts = [text for text, _ in WITH] + list(WITHOUT)
    whole = " and then ".join(chance.choice(texts) for _ in range(chance.randint(1, 30)))
    stream = StreamRedactor()
    shown, at = "", 0
    while at < len(whole):
        size = chance.choice([1, 2, 3, 7, 40, 400])
        shown += stream.feed(whole[at : at + size])
        at += size
    counts: Counter[str] = Counter()
    assert shown + stream.finish() == Redactor().redact(whole, counts)
    assert stream.counts == counts


def test_a_stream_does_not_wait_for_ever() -> None:
    stream = StreamRedactor()
    assert len(stream.feed("word " * 100)) > 200
    assert len(stream.feed("x" * 20_000) + stream.feed("x" * 20_000)) > 20_000
    assert stream.feed(" -----BEGIN PRIVATE KEY-----\n" + "abc\n" * 50).endswith("<PRIVATE_KEY>")
    assert stream.feed("more of it") == ""
    assert stream.finish() == "", "a key that does not end is none of anybody's"


HOSTILE = {
    "digits": "1", "digit groups": "1 ", "four digits": "4111 ", "at": "@", "at and a": "a@",
    "domain": "a.", "email": "a@a.", "long local": "a" * 64, "plus": "+", "phone": "+1 ",
    "phone words": "phone ", "eyJ": "eyJ", "jwt": "eyJaaaaaaaaaa.", "sk": "sk-", "url": "://",
    "url user": "a://b:", "colons": ":", "hex": "a:", "dots": "1.", "password": "password=",
    "password is": "password is ", "begin": "-----BEGIN PRIVATE KEY-----", "dashes": "-",
    "end": "-----END ", "iban": "DE00 ", "letters": "DE", "bearer": "bearer ", "ssn": "ssn ",
    "cut": "...[1 characters cut]...", "blanks": " ", "lines": "\n", "quotes": '"',
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(60)
def test_time_is_in_proportion_to_length(name: str) -> None:
    """What took quadratic time would not come to an end within the limit."""
    for ending in ("", "!", "@", " a@b.c", "."):
        redact(HOSTILE[name] * (100_000 // len(HOSTILE[name])) + ending)


@given(st.text(max_size=400))
def test_any_text_is_taken(text: str) -> None:
    spans: list[Any] = find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(0 <= each.since <= each.start < each.end <= len(text) for each in spans)


def test_texts_without_anything_come_back_as_they_are() -> None:
    text = "Do the boots run small? I usually wear a 42. " * 20
    assert redact(text) is text


FRAGMENTS = (
    *HOSTILE.values(), *(text for text, _ in WITH), *WITHOUT,
    "password", "PassWord: ", "api key is ", "Bearer ", "\u017f\u017fn ", "stra\u00dfe secret=", "a1B2c3D4e5",
    "call +49 ", "(555) 123-4567", "1 (555) 123-4567", "+1 555 123 4567", "DE89370400440532013000",
    "10.0.0.1", "::1", "fe80::1:2:3", "a.b+c@d.example", "sk_live_", "0123456789abcdef", "x", "7", ".",
)  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12))
def test_where_rules_are_tried_is_everywhere_that_they_match(pieces: list[str]) -> None:
    """Beside the slow way: every rule at every character."""
    text = "".join(pieces)
    found = find(text)
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            start, end = match.span("found") if rule.is_grouped else match.span()
            length = end - start if rule.length is None else rule.length(text[start:end])
            if length:
                assert any(each.start <= start and start + length <= each.end for each in found), (
                    rule.entity,
                    text[start:end],
                )
    # And nothing else: each is what the slow way finds, or several of these in one.
    for each in found:
        inside = [
            match
            for rule in RULES
            for at in range(each.since, each.start + 1)
            if (match := rule.pattern.match(text, at))
        ]
        assert inside


VALUES = st.recursive(
    st.lists(st.sampled_from(FRAGMENTS), max_size=3).map("".join)
    | st.integers(-(10**18), 10**18)
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*FRAGMENTS, "text", "role"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(VALUES.filter(lambda value: isinstance(value, list | dict)))
def test_json_that_is_not_read_has_nothing_in_it(value: Any) -> None:
    """What is looked at as it is written is looked at as well as text by text."""
    written = json.dumps(value, ensure_ascii=False)
    privacy = Privacy("redacted", None)
    shown = privacy._text(written, Counter())
    assert shown is not None
    assert json.loads(shown) == Redactor().redact_value(value)
