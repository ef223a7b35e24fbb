"""Cheaper models that already answer the same questions no worse."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from spanglass_detectors.savings.findings import (
    CantSay,
    Evidence,
    Finding,
    Level,
    Number,
    is_material,
)
from spanglass_detectors.savings.monthly import per_month
from spanglass_detectors.savings.routing import (
    BETTER_HIGHER,
    BETTER_LOWER,
    FEWEST,
    MARGIN,
    Graded,
    Verdict,
    compare,
)
from spanglass_store.advice.duplicates import EXAMPLES, MOST_FINDINGS, one_user, segment_sql
from spanglass_store.advice.scope import Scope, numbers, quote
from spanglass_store.advice.traffic import SEGMENT_HASH, Segment, Traffic
from spanglass_store.client import Store
from spanglass_store.prices.costs import PRICED_MODEL

KIND: Final = "model_routing"
#: Requests of a model that are compared; the dearest pairs of models that are.
_MOST_REQUESTS: Final = 8_000
_MOST_PAIRS: Final = 20
#: A cheaper model costs at most this part of a call of the dearer one.
_CHEAPER: Final = 0.8
#: Days without a call after which a model may be gone.
_GONE: Final = 2
_TRACE: Final = "cityHash64(project, trace_id)"
_GRADES: Final = " OR ".join(
    f"startsWith(name, '{name}')" for name in (*BETTER_HIGHER, *BETTER_LOWER)
)


@dataclass(frozen=True)
class _Pair:
    dearer: Segment
    cheaper: Segment


def routes(store: Store, scope: Scope, traffic: Traffic) -> list[Finding | CantSay]:
    """Models whose calls a cheaper one would answer no worse, by segment.

    Args:
        store: as a reader.
        scope: which; from the first day with a call.
        traffic: of the same range.
    """
    if traffic.one_user:
        return [one_user(KIND, traffic)]
    pairs, gone = _pairs(traffic)
    found: list[Finding | CantSay] = [
        CantSay(
            KIND,
            f"{each.cheaper.model} is cheaper for {each.cheaper.title}, and was last called"
            f" {each.cheaper.idle_days} days ago: it may be gone",
            "Send it calls again, or look at a range in which it answered.",
        )
        for each in gone[:MOST_FINDINGS]
    ]
    if not pairs:
        if not gone:
            found.append(
                CantSay(
                    KIND,
                    f"no part of the traffic is answered by two models with {FEWEST} calls each and"
                    " different costs, so there is nothing to compare",
                    "Give some calls to a cheaper model, and score both (docs/quality.md).",
                )
            )
        return found
    names = _score_names(store, scope)
    if not names:
        found.append(
            CantSay(
                KIND,
                "no answer has a score of quality",
                "Let the jobs of quality run ([detect] in the settings), or send scores:"
                " spanglass.score, spanglass.feedback, POST /api/v1/scores.",
            )
        )
        return found
    reasons: list[str] = []
    done: set[tuple[int, str]] = set()
    for pair in pairs[:_MOST_PAIRS]:
        key = pair.dearer.key, pair.dearer.model
        if key in done:
            continue
        dearer, cheaper = (_graded(store, scope, one, names) for one in (pair.dearer, pair.cheaper))
        if min(dearer.usd.size, cheaper.usd.size) < FEWEST:
            continue
        verdict = compare(dearer, cheaper)
        if not verdict.no_worse:
            reasons.append(f"{pair.cheaper.model} for {pair.dearer.title}: {verdict.reason}")
            continue
        finding = _finding(store, scope, traffic, pair, verdict)
        if finding is not None:
            done.add(key)
            found.append(finding)
    unscored = [each for each in reasons if "no score" in each]
    if unscored and len(unscored) == len(reasons) and not done:
        found.append(
            CantSay(
                KIND,
                unscored[0],
                "Score answers of both models (docs/quality.md), and give the cheaper one calls of"
                " the same kind.",
            )
        )
    return found


def _pairs(traffic: Traffic) -> tuple[list[_Pair], list[_Pair]]:
    """Pairs of models of one segment, the dearest first; and those that are gone."""
    by_segment: dict[int, list[Segment]] = defaultdict(list)
    for each in traffic.segments:
        if each.calls >= FEWEST and each.usd > 0:
            by_segment[each.key].append(each)
    pairs: list[_Pair] = []
    gone: list[_Pair] = []
    for listed in by_segment.values():
        for dearer in listed:
            for cheaper in listed:
                if cheaper.usd / cheaper.calls <= _CHEAPER * dearer.usd / dearer.calls:
                    is_gone = cheaper.idle_days >= _GONE
                    (gone if is_gone else pairs).append(_Pair(dearer, cheaper))
    pairs.sort(key=lambda each: (-each.dearer.usd, each.cheaper.usd / each.cheaper.calls))
    return pairs, gone


def _score_names(store: Store, scope: Scope) -> list[str]:
    rows = store.query(
        f"SELECT name FROM {store.database}.scores FINAL"
        " WHERE created_at >= {start:DateTime64(6, 'UTC')} AND value IS NOT NULL"
        + (" AND project = {project:String}" if scope.project else "")
        + f" AND ({_GRADES}) GROUP BY name HAVING count() >= {2 * FEWEST}"
        " ORDER BY count() DESC, name LIMIT 8",
        scope.values(),
    ).rows
    return [str(row[0]) for row in rows]


def _graded(store: Store, scope: Scope, segment: Segment, names: list[str]) -> Graded:
    """Requests that one model alone answered, with their scores."""
    values = {
        **scope.values(), "key": segment.key, "model": segment.model,
        "provider": segment.provider, "names": names, "most": _MOST_REQUESTS,
    }  # fmt: skip
    requests = (
        f"(SELECT project, trace_id, sum(s.input_tokens) AS length, sum(s.cost_usd) AS usd,"
        f" countIf({PRICED_MODEL} != {{model:String}} OR provider != {{provider:String}}) AS others"
        f" FROM {scope.calls(store.database)} AND {SEGMENT_HASH} = {{key:UInt64}}"
        " AND status != 'error' GROUP BY project, trace_id HAVING others = 0 AND usd > 0"
        " ORDER BY cityHash64(trace_id, 'advice') LIMIT {most:UInt32})"
    )
    calls = numbers(
        store,
        {"trace": ("u", _TRACE), "length": ("f", "ifNull(length, 0)"), "usd": ("f", "usd")},
        requests,
        values,
    )
    given = numbers(
        store,
        {
            "trace": ("u", _TRACE),
            "name": ("u", "indexOf({names:Array(String)}, name)"),
            "value": ("f", "avg(value)"),
        },
        f"{store.database}.scores FINAL WHERE name IN {{names:Array(String)}}"
        " AND value IS NOT NULL AND created_at >= {start:DateTime64(6, 'UTC')}"
        f" AND (project, trace_id) IN (SELECT project, trace_id FROM {requests})"
        " GROUP BY project, trace_id, name",
        values,
    )
    order = np.argsort(calls["trace"])
    sorted_traces = calls["trace"][order]
    scores: dict[str, Any] = {}
    for number, name in enumerate(names, 1):
        mine = given["name"] == number
        column = np.full(calls["trace"].size, np.nan)
        if mine.any():
            column[order[np.searchsorted(sorted_traces, given["trace"][mine])]] = given["value"][
                mine
            ]
        scores[name] = column
    return Graded(calls["length"], calls["usd"], scores)


def _finding(
    store: Store, scope: Scope, traffic: Traffic, pair: _Pair, verdict: Verdict
) -> Finding | None:
    gap = verdict.usd
    assert gap is not None
    rows = store.query(
        f"SELECT {scope.first_day} AS day, uniqExact(project, trace_id) AS requests,"
        f" groupArray({EXAMPLES})(trace_id) AS traces FROM {scope.calls(store.database)}"
        f" AND {SEGMENT_HASH} = {{key:UInt64}} AND {PRICED_MODEL} = {{model:String}}"
        " AND provider = {provider:String} AND status != 'error' GROUP BY day ORDER BY day",
        {
            **scope.values(), "key": pair.dearer.key, "model": pair.dearer.model,
            "provider": pair.dearer.provider,
        },
    ).dicts()  # fmt: skip
    requests = [0.0] * scope.days
    for row in rows:
        requests[int(row["day"])] = float(row["requests"])
    each = (gap.high - gap.low) / (2 * 1.96)
    saving = per_month(
        [n * -gap.difference for n in requests], error=float(np.mean(requests)) * each
    )
    if saving is None or not is_material(saving, traffic.usd_month):
        return None
    told: dict[str, Number] = {
        "requests": sum(requests),
        "usd_a_request_less": -gap.difference,
        "requests_compared_dearer": gap.n_dearer,
        "requests_compared_cheaper": gap.n_cheaper,
    }
    for name, score in verdict.scores.items():
        told[f"{name}_difference"] = score.difference
        told[f"{name}_low"] = score.low
        told[f"{name}_high"] = score.high
    names = ", ".join(verdict.scores)
    dearer, cheaper = pair.dearer.model, pair.cheaper.model
    return Finding(
        kind=KIND,
        title=f"{cheaper} answers {pair.dearer.title} no worse than {dearer}",
        project=pair.dearer.project,
        scope={**pair.dearer.scope, "model": dearer, "to": cheaper},
        saving=saving,
        risk=Level.MEDIUM,
        risk_note=f"Judged by {names}, which see a part of quality. Who chose the model for a call"
        " may have had reasons that the length of a prompt does not show.",
        evidence=Evidence(
            told,
            tuple(str(trace) for trace in rows[0]["traces"])[:EXAMPLES],
            f"SELECT {PRICED_MODEL} AS model, name, count() AS n, avg(value) AS mean\n"
            "FROM scores INNER JOIN spans USING (project, trace_id)\n"
            f"WHERE {scope.literal()}\n  AND {segment_sql(pair.dearer)}\n"
            f"  AND model IN ('{quote(dearer)}', '{quote(cheaper)}')\n"
            "  AND value IS NOT NULL\nGROUP BY model, name ORDER BY name, model",
        ),
        method="Scores and costs of requests that either model answered alone, compared at the same"
        f" length of prompt; no worse means that the 95 % interval of every score's difference lies"
        f" above -{MARGIN:g}.",
        confidence=Level.MEDIUM,
        next_step=f"Split traffic of {pair.dearer.title} between the two by chance"
        " (spanglass.prompt(split=…)) and compare the versions, before all of it is moved.",
    )
