"""Queries: what they mean, and what is said where they are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_store.queries.search.conditions import conditions
from spanglass_store.queries.search.parse import QueryError, Term, parse
from spanglass_store.queries.search.scan import quote, scan


def short(term: Term) -> str:
    """A term as one can compare it."""
    name = term.field.name if term.field else ""
    key = f".{term.key}" if term.key else ""
    value = term.number if term.number is not None else "|".join(term.values)
    return f"{'-' if term.is_negated else ''}{name}{key}{term.operator}{value}"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", []),
        ("  \n ", []),
        (
            'model:gpt-4o latency:>2s score.groundedness:<0.5 -env:dev "refund"',
            [
                "model=gpt-4o",
                "latency>2.0",
                "score.groundedness<0.5",
                "-environment=dev",
                "=refund",
            ],
        ),
        ("POST /v1/ask", ["=POST", "=/v1/ask"]),
        ('"POST /v1/ask"', ["=POST /v1/ask"]),
        ('model:a,b,"c d"', ["model=a|b|c d"]),
        (
            "latency:150ms latency:<=5m duration:=1",
            ["latency=0.15", "latency<=300.0", "latency=1.0"],
        ),
        ("cost:>$0.05 tokens:>=10k", ["cost>0.05", "tokens>=10000.0"]),
        ("ttft:>.5 cost:1e-3", ["ttft>0.5", "cost=0.001"]),
        ("Env:prod OP:chat", ["environment=prod", "operation=chat"]),
        ('user:"a \\"quoted\\" name"', ['user=a "quoted" name']),
        ("score.user_feedback:down", ["score.user_feedback=down"]),
        ("score.judge.tone:>=4", ["score.judge.tone>=4.0"]),
        ("attr.http.route:/v1/ask", ["attr.http.route=/v1/ask"]),
        ("has:user -has:score.groundedness", ["has=user", "-has=score.groundedness"]),
        ("prompt:answer@3", ["prompt=answer@3"]),
        ("- -", ["=-", "=-"]),
        ("12:30", ["=12:30"]),
        ("is:error", ["status=error"]),
        ("tag:a=b", ["tag=a=b"]),
    ],
)
def test_what_a_query_means(text: str, meaning: list[str]) -> None:
    assert [short(term) for term in parse(text).terms] == meaning


@pytest.mark.parametrize(
    ("text", "at", "length", "says"),
    [
        ("modle:gpt-4o", 0, 5, "Did you mean model?"),
        ("a http://x", 2, 4, "put it in quotes"),
        ("latency:soon", 8, 4, "a duration like 2s"),
        ("latency:>", 9, 0, "a duration like 2s"),
        ("x latency:>2parsecs", 11, 8, "not '2parsecs'"),
        ("model:", 6, 0, "a value is expected after model:"),
        ("model:a,", 8, 0, "a value is expected"),
        ("model:>3", 6, 1, "model is no number"),
        ("status:broken", 7, 6, "ok or error, not 'broken'"),
        ("status:", 7, 0, "ok or error is expected"),
        ('"never closed', 13, 0, "closing quote"),
        ('user:"open', 10, 0, "closing quote"),
        ('""', 0, 2, "empty"),
        ("score:<1", 5, 0, "name of the score"),
        ("attr:x", 4, 0, "name of the attribute"),
        ("score.x:<low", 9, 3, "a number like 0.5"),
        ("cost:1,2", 7, 1, "takes one number"),
        ("has:content", 4, 7, "has: takes a field"),
        ("has:nothing", 4, 7, "has: takes a field"),
        ("cost:1e999", 5, 5, "an amount of dollars"),
        ("w " * 31, 60, 1, "30 terms"),
        (" ".join(f"tool:{n}" for n in range(6)), 35, 6, "5 conditions"),
        ("model:" + ",".join("abc" for _ in range(51)), 206, 3, "50 values"),
        ("w" * 1001, 1000, 0, "1000 characters"),
    ],
)
def test_a_broken_query_says_where_and_what_was_expected(
    text: str, at: int, length: int, says: str
) -> None:
    with pytest.raises(QueryError) as error:
        parse(text)
    assert (error.value.at, error.value.length) == (at, length)
    assert says in error.value.reason
    assert f"character {at + 1}:" in str(error.value)


@given(st.text(max_size=60))
def test_any_text_is_cut_into_terms_that_follow_each_other(text: str) -> None:
    at = 0
    for term in scan(text):
        assert at <= term.start < term.end <= len(text)
        assert not text[at : term.start].strip()
        at = term.end
    assert not text[at:].strip()


@given(st.text(min_size=1, max_size=40))
def test_a_quoted_value_is_taken_as_it_is(value: str) -> None:
    (term,) = parse(f"model:{quote(value)}").terms
    assert term.values == (value,)
    assert not term.patterns


@given(st.text(max_size=60))
def test_any_query_is_sql_or_an_error_that_points_into_it(text: str) -> None:
    try:
        found, values = conditions(parse(text), "spanglass")
    except QueryError as error:
        assert 0 <= error.at <= len(text)
        assert error.at + error.length <= len(text)
        return
    # What people write is a parameter of the statement, never a part of it.
    assert all(f"{{{name}:" in " ".join(found) for name in values)
    assert "'" not in "".join(found).replace("'@'", "").replace("''", "").replace("'yes'", "").replace("'no'", "")  # fmt: skip
