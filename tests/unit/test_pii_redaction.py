"""Taking personal data out: actions, rules, shapes, and what happens where it can't be done."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from spanglass_collector.ingest import forms
from spanglass_collector.ingest.check import Window, check_request
from spanglass_collector.ingest.metric_form import METRICS
from spanglass_collector.stages.redact import MARK, Redaction, read_redact
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.pii.pseudonyms import Pseudonyms, make_key
from spanglass_detectors.pii.redaction import (
    FAILED,
    WITHHELD,
    Action,
    RedactionRule,
    TextRedactor,
)
from support import otlp

FINDER = Finder()
KEY = b"k" * 32
MAIL, CARD = "ana.marsh@example.com", "4111 1111 1111 1111"


def redacted(
    value: str, action: Action = Action.MASK, *rules: RedactionRule, field: str = "input",
    scope: str = "t1",
) -> tuple[str, Counter[str]]:  # fmt: skip
    counts: Counter[str] = Counter()
    shown = TextRedactor(FINDER, rules, action, KEY).redact_value(
        value, field, "chat", scope, counts
    )
    return shown, counts


def test_actions() -> None:
    text = f"write to {MAIL}, card {CARD}"
    assert redacted(text)[0] == "write to <EMAIL_ADDRESS>, card <CREDIT_CARD>"
    assert redacted(text, Action.OFF) == (text, Counter())
    assert redacted(text, Action.DROP)[0] == "[dropped: EMAIL_ADDRESS]"
    hashed, counts = redacted(f"{MAIL} and {MAIL.upper()}", Action.HASH)
    first, second = re.findall(r"<EMAIL_ADDRESS:[0-9a-f]{16}>", hashed)
    assert first == second, "one person, however it is written"
    assert counts == {"EMAIL_ADDRESS": 2}
    assert redacted(MAIL, Action.HASH, scope="t1") == redacted(MAIL, Action.HASH, scope="t2")


def test_a_placeholder_is_the_same_within_a_trace() -> None:
    shown, _ = redacted(f"{MAIL}, bo@example.com, {MAIL}", Action.PLACEHOLDER)
    first, other, again = re.findall(r"<EMAIL_ADDRESS_[0-9a-f]{6}>", shown)
    assert first == again != other
    elsewhere, _ = redacted(MAIL, Action.PLACEHOLDER, scope="t2")
    assert elsewhere != first


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        RedactionRule(Action.OFF, entities=frozenset({"EMAIL_ADDRESS"}), roles=frozenset({"system"})),
        RedactionRule(Action.DROP, entities=frozenset({"CREDIT_CARD"}), fields=("out*",)),
    )  # fmt: skip
    messages = json.dumps([
        {"role": "system", "content": f"desk: {MAIL}"},
        {"role": "user", "content": f"{MAIL} {CARD}"},
    ])  # fmt: skip
    shown = json.loads(redacted(messages, Action.MASK, *rules)[0])
    assert [each["content"] for each in shown] == [
        f"desk: {MAIL}", "<EMAIL_ADDRESS> <CREDIT_CARD>",
    ]  # fmt: skip
    shown = json.loads(redacted(messages, Action.MASK, *rules, field="output")[0])
    assert shown[1]["content"] == "[dropped: CREDIT_CARD]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(JSON, st.sampled_from([MAIL, CARD, "\u00e9 " + MAIL, f'"{MAIL}"']), st.integers(0, 3))
def test_nothing_stays_and_the_shape_does(value: Any, planted: str, depth: int) -> None:
    text = json.dumps({"value": value, "it": [planted, {planted: 1}], "n": 4111111111111111})
    for _ in range(depth):
        text = json.dumps({"deeper": text})
    shown, counts = redacted(text)
    for secret in (MAIL, CARD, "4111111111111111"):
        assert secret not in shown
    assert counts["CREDIT_CARD"] + counts["EMAIL_ADDRESS"] >= 3
    inner = json.loads(shown)
    for _ in range(depth):
        inner = json.loads(inner["deeper"])
    assert set(inner) == {"value", "it", "n"}
    assert redacted(shown)[0] == shown, "a second time changes nothing"


@pytest.mark.parametrize(
    "value", ["", "hello", '{"a": "b"}', '[1, "x", null]', "[broken", '{"k": 1e999}']
)
def test_what_holds_nothing_stays_as_it_came(value: str) -> None:
    assert redacted(value) == (value, Counter())


@pytest.mark.parametrize(
    "value",
    [
        '{"password": "hunter2-abc"}', '{"a": {"dbPassword": ["x", "hunter2-abc!"]}}',
        f'{{"a": "{MAIL}", "a": "b"}}', '"ana.marsh\\u0040example.com"',
        " " * 70 + '{"m": "ana.marsh\\u0040example.com"}', '[1, "ana.marsh\\u0040example.com',
        '{"n": ' + "1" * 5000 + ', "m": "ana.marsh\\u0040example.com"}',
        '{"card": 4111111111111111.0, "x": "\\n"}', '{"mobile": "02079460958", "x": "\\n"}',
    ],
)  # fmt: skip
def test_json_hides_nothing(value: str) -> None:
    shown, _ = redacted(value)
    for each in ("hunter2", MAIL, "marsh", "4111", "02079460958"):
        assert each not in shown


@given(
    st.recursive(
        st.sampled_from(
            [MAIL, CARD, "4111", "1111 1111 1111", "x", "", " [1]", "[broken", "+49 30 1234567"]
        )
        | st.integers()
        | st.sampled_from([4111111111111111, 4111111111111111.0, 1e300]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["a", "b c", MAIL, "password", "tel"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from(["", "db.password", "note"]),
    st.booleans(),
)
@example(["hunter2-abc"], "db.password", False)
@example([[[MAIL, [CARD]]] * 3], "", True)
def test_what_is_not_read_again_has_nothing(value: Any, name: str, is_cut: bool) -> None:
    text = json.dumps({"value": value}) if name == "" else json.dumps([value])
    text = text[:-1] if is_cut else text
    redactor, plain = (TextRedactor(FINDER, (), Action.MASK, KEY) for _ in range(2))
    plain._parts = lambda value, name: None  # type: ignore[method-assign]
    found = [Counter[str](), Counter[str]()]
    shown, expected = (
        each.redact_value(text, "input", "chat", "t1", counts, name)
        for each, counts in zip((redactor, plain), found, strict=True)
    )
    assert (shown, found[0]) == (expected, found[1])


def test_it_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str, __: str) -> None:
        raise MemoryError

    finder = Finder()
    monkeypatch.setattr(finder, "find", fail)
    counts: Counter[str] = Counter()
    redactor = TextRedactor(finder, (), Action.MASK, KEY)
    assert redactor.redact_value("some text", "input", "", "", counts) == WITHHELD
    assert counts == {FAILED: 1}


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"action": "maks"}, "redact.action: Input should be 'off'"),
        ({"actoin": "mask"}, "redact.actoin: there is no such setting"),
        ({"rule": [{"entities": ["X"]}]}, "redact.rule.0.action: Field required"),
        ({"action": "mask", "find": {"entities": ["X"]}}, "redact.find: nothing finds X"),
        ({"action": "mask", "find": {"colour": 1}}, "redact.find: .*colour"),
    ],
)
def test_wrong_settings_are_named(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_redact(given_)


def test_a_project_of_its_own() -> None:
    settings = read_redact({"rule": [{"action": "mask", "projects": ["shop"]}]})
    redaction = Redaction(settings, KEY)
    assert redaction("other") is None
    assert Redaction(read_redact({}), KEY)("shop") is None
    span = otlp.span(
        MAIL,
        attrs={"input.value": MAIL, MARK: '{"EMAIL_ADDRESS": 3}', "server.address": "203.0.113.9"},
    )
    body = otlp.request(span).SerializeToString()
    # A field that nobody knows, and in which anything could be.
    checked = check_request(body, Window(0), stage=redaction("shop"))
    [content] = checked.resources
    assert MAIL.encode() not in content
    assert b'{"EMAIL_ADDRESS": 5}' in content
    assert b"203.0.113.9" in content, "structure is nobody's"
    hidden = body + b"\xfa\x3e" + bytes([len(MAIL)]) + MAIL.encode()
    assert all(
        MAIL.encode() not in each
        for each in check_request(hidden, Window(0), stage=redaction("shop")).resources
    )


def everywhere(mail: str) -> list[tuple[forms.Form, Any]]:
    """Requests that have a text in every place that has one."""
    attributes: dict[str, Any] = {
        mail: mail,
        "db.password": "hunter2-abc",
        "card": 4111111111111111.0,
    }
    attributes["nested"] = {mail: [mail, mail.encode()]}
    span = otlp.span(mail, attrs=attributes, error=mail)
    span.trace_state = f"x={mail}"
    span.events.add(name=mail).attributes.extend(span.attributes)
    span.links.add(trace_id=b"1" * 16, span_id=b"2" * 8, trace_state=mail).attributes.extend(
        span.attributes
    )
    spans = otlp.request(span)
    spans.resource_spans[0].resource.attributes.extend(span.attributes)
    scope = spans.resource_spans[0].scope_spans[0].scope
    scope.name, scope.version = mail, mail
    scope.attributes.extend(span.attributes)
    logs = ExportLogsServiceRequest()
    record = (
        logs.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            severity_text=mail, event_name=mail, attributes=span.attributes, time_unix_nano=1
        )
    )
    record.body.CopyFrom(span.attributes[-1].value)
    metrics = ExportMetricsServiceRequest()
    metric = (
        metrics.resource_metrics.add()
        .scope_metrics.add()
        .metrics.add(name=mail, description=mail, unit=mail)
    )
    point = metric.gauge.data_points.add(attributes=span.attributes, as_int=1, time_unix_nano=1)
    point.exemplars.add(filtered_attributes=span.attributes, as_int=1, time_unix_nano=1)
    return [(forms.SPANS, spans), (forms.LOGS, logs), (METRICS, metrics)]


def test_no_place_is_forgotten() -> None:
    stage = Redaction(read_redact({"action": "mask"}), KEY)("shop")
    assert stage is not None
    for form, request in everywhere(MAIL):
        for _ in range(2):
            stage(request, form)
            left = request.SerializeToString()
            for each in (MAIL, "hunter2", "4111111111111111"):
                assert each.encode() not in left
        assert left.count(b"<EMAIL_ADDRESS>") >= 8


# -- pseudonyms ----------------------------------------------------------------------------------


@given(st.text(min_size=1), st.sampled_from(["EMAIL_ADDRESS", "PERSON"]))
def test_a_pseudonym_comes_back_in_its_project_alone(value: str, entity: str) -> None:
    made = Pseudonyms(b"k" * 64)
    pseudonym = made.of("shop", entity, value)
    assert made.of("shop", entity, value) == pseudonym
    assert made.reveal("shop", pseudonym) == (entity, value)
    for other, project in ((made, "bank"), (Pseudonyms(b"j" * 64), "shop")):
        assert other.of(project, entity, value) != pseudonym
        with pytest.raises(ValueError, match="made no such pseudonym"):
            other.reveal(project, pseudonym)
    with pytest.raises(ValueError, match="they look like"):
        made.reveal("shop", value)


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    rules = {"action": "pseudonym"}
    with pytest.raises(ValueError, match="new-key"):
        read_redact(rules)
    inside = tmp_path / "data" / "key"
    make_key(inside)
    with pytest.raises(ValueError, match="is in the data directory"):
        read_redact({**rules, "key_file": str(inside)}, tmp_path / "data")
    outside = tmp_path / "key"
    with pytest.raises(ValueError, match="can't be read"):
        read_redact({**rules, "key_file": str(outside)})
    make_key(outside)
    assert read_redact({**rules, "key_file": str(outside)}, tmp_path / "data").has_pseudonyms
    outside.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        read_redact({**rules, "key_file": str(outside)})
    outside.chmod(0o600)
    outside.write_text("abc")
    with pytest.raises(ValueError, match="is no key"):
        read_redact({**rules, "key_file": str(outside)})
