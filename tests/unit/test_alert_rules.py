"""Rules as people write them: what is right, what is wrong and where, and what ships."""

import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spanglass_alerts.evaluate.given import run
from spanglass_alerts.evaluate.needs import needs
from spanglass_alerts.playbook import names
from spanglass_alerts.rules import vocabulary
from spanglass_alerts.rules.book import schema
from spanglass_alerts.rules.files import RulesError, parse, paths, read, shipped_rules
from spanglass_alerts.rules.model import document, rule
from spanglass_alerts.rules.routing import Maintenance
from spanglass_alerts.rules.values import matches, seconds, selects, written
from support.commands import Commands
from support.running import ROOT

GOOD = """
rules:
  - name: a
    metric: error_rate
    condition: "> 5%"
    for: 2m
    group_by: [model]
    where: {service: [shop, "!x"], attributes.foo: bar}
channels:
  - {name: s, type: slack, url: {env: X}}
routes:
  - {match: {severity: critical}, channels: [s]}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules:\n  - name: a\n    metric: eror_rate\n    condition: '> 1'\n", "line 3, column 13: metric: there is no metric 'eror_rate'; did you mean error_rate"),
        ("rules:\n - name: a\n   metrc: errors\n   condition: '> 1'\n   metric: errors\n", "line 3, column 4: there is no 'metrc' here; did you mean metric"),
        ("rules:\n - name: a\n   kind: thresold\n", "line 3, column 10: there is no kind 'thresold'; did you mean threshold?"),
        ("rules:\n - {name: a, metric: errors, condition: '>> 1'}", "line 2, column 41: condition: should be a comparison"),
        ("rules:\n - {name: a, metric: errors}", "line 2, column 4: 'condition' is missing"),
        ("rules: [\n", "line 2, column 1: "),
        ("rules:\n - {name: a, metric: errors, condition: '> 1', group_by: [modl]}", "there is no dimension 'modl'; did you mean model"),
        ("rules:\n - {name: a, metric: errors, condition: '> 1'}\n - {name: a, metric: users, condition: '> 1'}", "line 3, column 11: the name 'a' is taken by line 2"),
        ("rules:\n - {name: a, metric: errors, condition: '> 1', window: 5}", "line 2, column 56: window: should be a duration like 30s"),
        ("rules:\n - {name: a, name: b}", "'name' is given twice"),
        ("a: &a [*a]", "refers to itself"),
        ("x: !!python/object:os.system {}", "there is no 'x' here"),
        ("channels:\n - {name: a, type: slack, url: https://hooks.example/T/B/secret}", "line 2, column 32: url: should be {env: NAME} or {file: PATH}: secrets are not written here"),
        ("channels:\n - {name: a, type: pagerduty, routing_key: {env: K}, changes: {servce: shop}}", "line 2, column 4: changes are picked by change, value, project, service, environment, not 'servce'; did you mean service?"),
        ("channels:\n - {name: a, type: pagerduty, routing_key: {env: K}, url: 'https://p.example/in', changes: true}", "line 2, column 4: changes needs change_url where url does not end with /enqueue"),
        ("- a", "names are expected here"),
        ("rules:\n - {name: a, kind: burn_rate, objective: 2}", "objective: input should be less than 1"),
        ("rules:\n - {name: a, kind: sql, query: SELECT 1, condition: '> 1', where: {x: y}}", "where belongs into the query"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place(text: str, said: str) -> None:
    with pytest.raises(RulesError) as error:
        parse(text)
    assert said in str(error.value)
    assert "secret" not in str(error.value).replace("secrets", "")


def test_every_kind_survives_the_way_there_and_back() -> None:
    for each in read(["shipped"]).rules:
        assert rule(document(each)) == each


def test_a_rule_says_how_severe_it_is() -> None:
    made = rule({"name": "r", "kind": "threshold", "metric": "spans", "condition": "> 0"})
    assert document(made)["severity"] == "warning"


def test_what_ships_fits_its_schema_and_passes_its_tests() -> None:
    text = yaml.safe_load(shipped_rules().read_text())
    for each in text["rules"]:
        each.setdefault("kind", "threshold")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(text, schema())
    book = read(["shipped"])
    assert [each.problem for each in run(book)] == [""] * len(book.tests)
    assert {each.playbook for each in book.rules} <= set(names([]))
    assert len(book.rules) >= 20


def test_whatever_goes_wrong_in_the_collector_has_a_rule() -> None:
    """What is lost, refused, late or waits: each of the collector's metrics about that."""
    told = re.findall(
        r"^\| `(\w+)`", (ROOT / "docs/reference/metrics.md").read_text(), re.MULTILINE
    )
    wrong = re.compile(
        "spooled|dead_lettered|rejected|refused|retries|lost|waiting|lag_|deaths|restarts|failing"
        "|over_budget|evaluation|slow_lane"
    )
    watched = {getattr(each, "metric", "") for each in read(["shipped"]).rules}
    # A rule that can't be evaluated is an alert without a rule.
    unwatched = {name for name in told if wrong.search(name)} - watched
    assert unwatched == {"spanglass_alerts_rules_failing"}


def test_the_example_is_right() -> None:
    book = read([str(ROOT / "examples/alerts")])
    assert [each.problem for each in run(book)] == [""] * len(book.tests)
    assert {each.playbook for each in book.rules} - {""} <= set(
        names([str(ROOT / "examples/alerts")])
    )
    assert len(book.channels) >= 4


def test_a_test_of_a_rule_can_fail() -> None:
    text = (
        GOOD
        + """
tests:
  - rule: a
    series: [{labels: {model: m}, values: [0.5, 0.5, 0.5]}]
    expect: [{at: 1m, alerts: [{labels: {model: m}}]}]
  - rule: a
    series: [{labels: {model: m}, values: [0.5, 0.5, 0.5]}]
    expect: [{at: 2m, alerts: []}]
  - rule: a
    series: [{labels: {model: m}, measure: valeu, values: [0.5]}]
    expect: [{at: 0s}]
"""
    )
    first, second, third = run(parse(text))
    assert "no alert {model: m} is firing" in first.problem
    assert "is pending" in first.problem
    assert "was not expected" in second.problem
    assert "did you mean value?" in third.problem


def test_files_are_one_book(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text("rules:\n - {name: b, metric: errors, condition: '> 1'}")
    book = read([str(tmp_path)])
    assert [each.name for each in book.rules] == ["a", "b"]
    (tmp_path / "b.yml").write_text("rules:\n - {name: a, metric: errors, condition: '> 1'}")
    with pytest.raises(RulesError, match=r"the rule 'a' is in .*a\.yaml, too"):
        read([str(tmp_path)])
    (tmp_path / "b.yml").write_text("routes:\n - {channels: [slck]}")
    with pytest.raises(RulesError, match="'slck', which is nowhere"):
        read([str(tmp_path)])
    with pytest.raises(RulesError, match="There is no file or folder"):
        paths([str(tmp_path / "none")])


def test_check_says_what_is_wrong_and_fails(cli: Commands) -> None:
    assert cli("alerts", "check", "shipped").returncode == 0
    made = cli("alerts", "init", "mine.yaml")
    assert made.returncode == 0
    assert cli("alerts", "check", "mine.yaml").returncode == 0
    assert cli("alerts", "init", "mine.yaml").returncode == 1
    text = (cli.folder / "mine.yaml").read_text()
    (cli.folder / "mine.yaml").write_text(
        text.replace('condition: "> 5%"', 'condition: "> 50%"', 1)
    )
    failed = cli("alerts", "check", "mine.yaml")
    assert failed.returncode == 1
    assert b"what lasts fires, and ends" in failed.stderr
    assert b"error_rate" in cli("alerts", "metrics").stdout
    assert b"$schema" in cli("alerts", "schema").stdout


def test_every_metric_can_be_measured() -> None:
    for name, metric in vocabulary.METRICS.items():
        made = rule({"name": "x", "kind": "threshold", "metric": name, "condition": "> 1"})
        (need,) = needs(made)
        assert need.source == metric.source
        assert "{c}" in need.value


@pytest.mark.parametrize(("text", "value"), [("30s", 30), ("1h30m", 5400), ("7d", 604800)])
def test_durations(text: str, value: int) -> None:
    assert seconds(text) == value
    assert written(value) == text


def test_filters() -> None:
    assert selects({"a": ["x", "y*"], "b": "!z"}, {"a": "yes", "b": "q"})
    assert not selects({"a": "x"}, {})
    assert selects({"a": ""}, {})
    assert not selects({"b": "!z"}, {"b": "z"})


def test_what_a_sender_calls_itself_is_no_pattern() -> None:
    for name in ("*", "!x", "=x", "a*"):
        assert selects({"service": f"={name}"}, {"service": name})
        assert not selects({"service": f"={name}"}, {"service": "ab"})
        assert not selects({"service": f"!={name}"}, {"service": name})


def test_a_filter_can_be_written_to_no_harm() -> None:
    assert selects({"a": "!" * 1000 + "x"}, {"a": "x"})
    assert not selects({"a": "!" * 999 + "x"}, {"a": "x"})
    where = {"service": "!" * 999 + "x"}
    made = rule(
        {"name": "r", "kind": "threshold", "metric": "spans", "condition": "> 0", "where": where}
    )
    assert needs(made)[0].where == ("(NOT service = 'x')",)
    # A regular expression would try every way to share out the a's.
    assert not selects({"a": "*a" * 400 + "*b*"}, {"a": "a" * 1000})


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_stars_stand_for_anything(pattern: str, value: str) -> None:
    parts = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, value) is (re.fullmatch(parts, value) is not None)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-01-03T22:00:00", True),  # Saturday, 23:00 in Berlin
        ("2026-01-04T03:00:00", True),  # the night of Saturday to Sunday
        ("2026-01-04T06:00:00", False),
        ("2026-01-04T22:00:00", False),
    ],
)
def test_maintenance_over_midnight_in_a_time_zone(moment: str, holds: bool) -> None:
    text = "{name: m, from: 22:30, to: '06:00', days: [sat], timezone: Europe/Berlin}"
    window = Maintenance.model_validate(yaml.safe_load(text))
    assert window.holds(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is holds
