"""The closed vocabulary: what can be measured, of what, and by what it can be told apart.

A metric is an aggregate over rows of one source. `{c}` stands for the condition of a rule, so that
many rules are columns of one query. Sampled spans stand for several: sums are weighted.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from spanglass_store.otlp.literal import quoted
from spanglass_store.prices.costs import IS_INFERENCE, is_unpriced
from spanglass_store.queries.cost import GROUPS

#: `calls` are calls of models that no other call is above; `spans` all spans; `scores`
#: judgements; `points` data points of metrics; `pii` personal data that was found; `drift` what
#: has drifted, as it is looked at each hour.
Source = Literal["calls", "spans", "scores", "points", "counters", "pii", "drift"]

_WEIGHT: Final = "toUInt32(greatest(1, round(sample_weight)))"


@dataclass(frozen=True)
class Metric:
    """Something that can be measured.

    Attributes:
        value: SQL of the aggregate.
        unit: `s`, `USD`, `1` for a share, or what is counted.
        bad: SQL of a row's part in it: what explains a breach is where this is large.
        is_sum: whether 0 is its value where there are no rows.
    """

    source: Source
    value: str
    unit: str
    description: str
    bad: str = ""
    is_sum: bool = False


def _quantile(level: float, column: str, weighted: bool = True) -> str:
    if not weighted:
        return f"quantileTDigestIf({level})({column}, {{c}} AND isNotNull({column}))"
    return (
        f"quantileTDigestWeightedIf({level})(ifNull({column}, 0), {_WEIGHT},"
        f" {{c}} AND isNotNull({column}))"
    )


#: What percentiles can be taken of: source, column, unit.
QUANTITIES: Final[dict[str, tuple[Source, str, str]]] = {
    "latency": ("calls", "duration_ns / 1e9", "s"),
    "ttft": ("calls", "time_to_first_token_s", "s"),
    "tpot": ("calls", "time_per_output_token_s", "s"),
    "input_tokens_per_request": ("calls", "input_tokens", "tokens"),
    "output_tokens_per_request": ("calls", "output_tokens", "tokens"),
    "cost_per_request": ("calls", "cost_usd", "USD"),
    "span_latency": ("spans", "duration_ns / 1e9", "s"),
}
_WORDS: Final = {
    "latency": "duration of calls", "ttft": "time to first token", "tpot": "time per output token",
    "span_latency": "duration of spans",
}  # fmt: skip


def percentile(quantity: str, level: float) -> Metric:
    """A percentile of a quantity.

    Args:
        quantity: one of `QUANTITIES`.
        level: between 0 and 1.
    """
    source, column, unit = QUANTITIES[quantity]
    text = f"percentile {level * 100:g} of {_WORDS.get(quantity, quantity)}"
    return Metric(source, _quantile(level, column), unit, text, bad=column)


def _sum(column: str) -> str:
    return f"sumIf(ifNull({column}, 0) * sample_weight, {{c}})"


_ERROR: Final = "status = 'error'"


def _rate(part: str) -> str:
    return f"sumIf(sample_weight, {{c}} AND {part}) / sumIf(sample_weight, {{c}})"


#: What is measured on boards of one's own is a cost ten minutes later.
_UNPRICED: Final = f"({is_unpriced()} AND ingested_at < now() - INTERVAL 15 MINUTE)"
_DRIFT: Final = "verdict = 'drift' AND finding_id != ''"

METRICS: Final[dict[str, Metric]] = {
    "requests": Metric("calls", "sumIf(sample_weight, {c})", "requests", "calls of models", "1", True),
    "errors": Metric("calls", f"sumIf(sample_weight, {{c}} AND {_ERROR})", "requests", "calls that failed", _ERROR, True),
    "error_rate": Metric("calls", _rate(_ERROR), "1", "share of calls that failed", _ERROR),
    **{
        f"{name}_p{level}": percentile(name, level / 100)
        for name in ("latency", "ttft", "tpot", "span_latency")
        for level in (50, 90, 95, 99)
    },
    "latency_avg": Metric("calls", "avgIf(duration_ns / 1e9, {c})", "s", "mean duration of calls", "duration_ns / 1e9"),
    "latency_max": Metric("calls", "maxIf(duration_ns / 1e9, {c})", "s", "longest call", "duration_ns / 1e9"),
    "input_tokens": Metric("calls", _sum("input_tokens"), "tokens", "tokens sent", "ifNull(input_tokens, 0)", True),
    "output_tokens": Metric("calls", _sum("output_tokens"), "tokens", "tokens received", "ifNull(output_tokens, 0)", True),
    "tokens": Metric("calls", f"{_sum('input_tokens')} + {_sum('output_tokens')}", "tokens", "tokens sent and received", "ifNull(input_tokens, 0) + ifNull(output_tokens, 0)", True),
    "cost_usd": Metric("calls", _sum("cost_usd"), "USD", "cost of calls", "ifNull(cost_usd, 0)", True),
    "cost_per_request": Metric("calls", f"{_sum('cost_usd')} / sumIf(sample_weight, {{c}})", "USD", "mean cost of a call", "ifNull(cost_usd, 0)"),
    "unpriced_requests": Metric("calls", f"sumIf(sample_weight, {{c}} AND {_UNPRICED})", "requests", "calls without a known price, a quarter of an hour after they came", _UNPRICED, True),
    "truncated_rate": Metric("calls", _rate("hasAny(finish_reasons, ['length', 'max_tokens'])"), "1", "share of answers cut off for length", "hasAny(finish_reasons, ['length', 'max_tokens'])"),
    "users": Metric("calls", "toFloat64(uniqIf(user_id, {c} AND user_id != ''))", "users", "users seen", "1", True),
    "spans": Metric("spans", "sumIf(sample_weight, {c})", "spans", "spans of any kind", "1", True),
    "span_errors": Metric("spans", f"sumIf(sample_weight, {{c}} AND {_ERROR})", "spans", "spans that failed", _ERROR, True),
    "span_error_rate": Metric("spans", _rate(_ERROR), "1", "share of spans that failed", _ERROR),
    "score_count": Metric("scores", "toFloat64(countIf({c}))", "scores", "judgements given", "1", True),
    "score_avg": Metric("scores", "avgIf(ifNull(value, 0), {c} AND isNotNull(value))", "score", "mean of a score", "-ifNull(value, 0)"),
    "score_p10": Metric("scores", _quantile(0.1, "value", weighted=False), "score", "percentile 10 of a score", "-ifNull(value, 0)"),
    "score_p50": Metric("scores", _quantile(0.5, "value", weighted=False), "score", "median of a score", "-ifNull(value, 0)"),
    "feedback_avg": Metric("scores", "avgIf(ifNull(value, 0), {c} AND name = 'user_feedback' AND isNotNull(value))", "score", "mean feedback of users", "-ifNull(value, 0)"),
    "feedback_count": Metric("scores", "toFloat64(countIf({c} AND name = 'user_feedback'))", "scores", "feedback given by users", "1", True),
    "pii_findings": Metric("pii", "toFloat64(sumIf(count, {c}))", "findings", "personal data found in prompts and answers", is_sum=True),
    "pii_traces": Metric("pii", "toFloat64(uniqIf(trace_id, {c}))", "traces", "traces with personal data", is_sum=True),
    "drift_findings": Metric("drift", f"toFloat64(uniqIf(finding_id, {{c}} AND {_DRIFT}))", "findings", "findings of drift that are open", is_sum=True),
    "drift_effect": Metric("drift", f"toFloat64(maxIf(abs(ifNull(effect, 0)), {{c}} AND {_DRIFT}))", "effect", "largest effect of a drift"),
}  # fmt: skip

#: Aggregates of data points.
POINT_AGGREGATES: Final[dict[str, str]] = {
    "avg": "avgIf(value, {c})",
    "max": "maxIf(value, {c})",
    "min": "minIf(value, {c})",
    "sum": "sumIf(value, {c})",
    "last": "argMaxIf(value, time, {c})",
    "p95": "quantileTDigestIf(0.95)(value, {c})",
    # Of histograms: the mean of what came in the window.
    "mean": "sumIf(ifNull(sum, 0), {c}) / sumIf(count, {c})",
}

#: Names of dimensions, with the SQL of their value, by source.
_HOST: Final = "resource['host.name']"
#: Where the application runs, as the semantic conventions' `cloud.region` says.
_REGION: Final = "resource['cloud.region']"
DIMENSIONS: Final[dict[Source, dict[str, str]]] = {
    "spans": dict(GROUPS) | {
        "release": "release", "region": _REGION, "agent": "agent_name", "tool": "tool_name", "name": "name",
        "error_type": "error_type", "status": "toString(status)", "host": _HOST,
        "span_kind": "toString(span_kind)", "service_tier": "service_tier",
    },
    "scores": {
        "project": "project", "score": "name", "label": "label", "source": "toString(source)",
        "evaluator": "evaluator", "session": "session_id",
    },
    "points": {
        "project": "project", "metric": "name", "service": "service", "environment": "environment",
        "host": _HOST, "gpu": "attributes['hw.id']",
    },
    "pii": {
        "project": "project", "service": "service", "environment": "environment",
        "operation": "operation", "entity": "entity", "field": "field", "role": "role",
    },
    "drift": {"project": "project", "service": "service", "model": "model", "metric": "metric"},
}  # fmt: skip
DIMENSIONS["calls"] = DIMENSIONS["spans"]
DIMENSIONS["counters"] = DIMENSIONS["points"]
#: Dimensions of spans that judgements have, too, through the trace they are about.
OF_TRACE: Final = (
    "service", "environment", "provider", "model", "user", "feature", "prompt", "prompt_version",
    "release",
)  # fmt: skip
#: Sources with attributes, that are dimensions as well.
_WITH_ATTRIBUTES: Final = ("spans", "calls", "points", "counters")
#: What alerts say a call came from, looked through for an explanation.
EXPLAINING: Final = (
    "service", "environment", "provider", "model", "prompt_version", "feature", "user", "release",
    "error_type", "host", "region", "tool",
)  # fmt: skip


def dimension(source: Source, name: str) -> str:
    """The SQL of a dimension's value.

    Raises:
        ValueError: if there is none of that name; nearest names are named.
    """
    known = DIMENSIONS[source]
    if name in known:
        return known[name]
    if source == "scores" and name in OF_TRACE:
        return f"about.{name}"
    kind, _, key = name.partition(".")
    if kind in ("attributes", "resource") and key and source in _WITH_ATTRIBUTES:
        return f"{kind}[{quoted(key)}]"
    names = [*known, *(OF_TRACE if source == "scores" else ())]
    more = " attributes.KEY and resource.KEY, too." if source in _WITH_ATTRIBUTES else ""
    raise ValueError(f"there is no dimension {name!r}{nearest(name, names)}{more}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: what may have been meant."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 3, 0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(names)}."


def is_inference() -> str:
    """The condition that makes a span a call."""
    return IS_INFERENCE
