"""Drift as its users meet it: sent by OTLP, found by the job, asked for by API and command."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from scipy import stats

from spanglass_collector.drift.config import read_drift
from support import otlp
from support.running import RunningService
from support.waiting import wait_until

HOUR = 3600
DRIFT = json.dumps({
    "interval_s": 8, "settle_s": 0, "scales_h": [6],
    "metrics": ["output_tokens", "error", "finish_reason"],
})  # fmt: skip
#: Drifts that are drawn, services that do not change, calls of an hour, and days before.
PLANTED, STILL, CALLS, DAYS = 12, 3, 40, 3
#: What docs/drift.md promises of such drifts.
POWER = 0.9


@dataclass(frozen=True)
class Planted:
    """A drift that was drawn: what changes at which part of a service's calls, when, how much."""

    service: str
    kind: str
    dimension: str
    value: str
    hour: int
    size: float


def drawn(seed: int, last: int) -> list[Planted]:
    """Hour, segment, size and kind at random."""
    r = np.random.default_rng(seed)
    sizes = {"output_tokens": (1.8, 3.0), "error": (0.15, 0.4), "finish_reason": (0.4, 0.9)}
    parts = {
        "model": ("small", "large"),
        "feature": ("chat", "search"),
        "prompt": ("ask 1", "ask 2"),
    }
    found = []
    for n in range(PLANTED):
        kind, dimension = str(r.choice(list(sizes))), str(r.choice(list(parts)))
        found.append(
            Planted(f"planted-{n}", kind, dimension, str(r.choice(parts[dimension])),
                    last - int(r.integers(3, 12)), float(r.uniform(*sizes[kind])))
        )  # fmt: skip
    return found


def calls(service: str, last: int, seed: int, planted: Planted | None = None) -> list[Span]:
    """Calls of some days, of which a part changes where that is planted."""
    r, spans = np.random.default_rng(seed), []
    for hour in range(last - DAYS * 24, last):
        for _ in range(CALLS):
            own = {
                "model": str(r.choice(["small", "large"])),
                "feature": str(r.choice(["chat", "search"])),
                "prompt": str(r.choice(["ask 1", "ask 2"])),
            }
            tokens, error, reason = r.lognormal(5, 0.5), r.random() < 0.02, "stop"
            hit = planted is not None and (
                hour >= planted.hour and own[planted.dimension] == planted.value
            )
            if planted is not None and hit:
                tokens *= planted.size if planted.kind == "output_tokens" else 1.0
                error = error or (planted.kind == "error" and r.random() < planted.size)
                if planted.kind == "finish_reason" and r.random() < planted.size:
                    reason = "length"
            name, version = own["prompt"].split()
            attrs = {
                "gen_ai.request.model": own["model"], "spanglass.feature": own["feature"],
                "gen_ai.prompt.name": name, "gen_ai.prompt.version": version,
                "gen_ai.response.finish_reasons": [reason],
            }  # fmt: skip
            start = int((hour * HOUR + r.uniform(0, HOUR)) * 1e9)
            spans.append(
                otlp.chat_span(
                    100, int(tokens) + 1, attrs, start=start, error="it broke" if error else None
                )
            )
    return spans


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("drift")
    r = np.random.default_rng(5)
    last = int(time.time() // HOUR) // 6 * 6
    spans = []
    for hour in range(last - 3 * 24, last):
        for _ in range(15):
            longer = 2.5 if hour >= last - 6 else 1.0
            start = int((hour * HOUR + r.uniform(0, HOUR)) * 1e9)
            tokens = int(r.lognormal(5, 0.4) * longer)
            tenant, share = f"t{r.integers(5)}", float(r.random())
            attrs = {"tenant": tenant, "share": share, "output.value": "y" * int(30 * share + 1)}
            spans.append(otlp.chat_span(100, tokens, attrs, start=start))
    # Made before anybody looks: a pass over a part of them would find another change.
    requests = [otlp.request(*spans, service="shop")]
    for n, each in enumerate(drawn(17, last)):
        requests.append(otlp.request(*calls(each.service, last, n, each), service=each.service))
    for n in range(STILL):
        requests.append(otlp.request(*calls(f"still-{n}", last, 100 + n), service=f"still-{n}"))
    env = {"SPANGLASS_DRIFT": DRIFT, "SPANGLASS_DETECT": '{"pii": {"enabled": false}}'}
    with RunningService(folder / "data", env=env) as service:
        for request in requests:
            service.send(request)
        service.settle()
        yield service


def test_the_job_finds_it(running: RunningService) -> None:
    found = wait_until(
        lambda: running.get("/api/v1/drift", service="shop").get("findings"), "the job looks",
        timeout_s=120,
    )  # fmt: skip
    (one,) = found
    assert (one["service"], one["is_open"]) == ("shop", True)
    assert one["metrics"][0]["metric"] == "output_tokens"
    assert "median went from" in one["summary"]
    whole = running.get(f"/api/v1/drift/{one['id']}")
    shown = whole["rows"][0]["distribution"]
    assert len(shown["edges"]) == len(shown["current"]) + 1
    assert sum(shown["reference"]) == pytest.approx(1)
    assert whole["series"]
    assert running.api("GET", "/api/v1/drift/none").status_code == 404
    # The run is written, and counted, behind its results.
    wait_until(
        lambda: running.sql("SELECT 1 FROM jobs WHERE job = 'drift' AND results > 0"), "its run"
    )
    job = (("job", "drift"),)
    wait_until(lambda: running.metrics()["spanglass_job_results_total"][job] > 0, "its metrics")
    assert running.sql("SELECT count() AS n FROM drift_samples")[0]["n"] > 50


def test_what_is_planted_at_random_is_found_dated_and_named(running: RunningService) -> None:
    wait_until(
        lambda: running.sql("SELECT 1 FROM jobs WHERE job = 'drift' AND results > 0"),
        "a pass has ended", timeout_s=120,
    )  # fmt: skip
    last = int(time.time() // HOUR) // 6 * 6
    findings = running.get("/api/v1/drift", limit=100)["findings"]
    assert not [each for each in findings if each["service"].startswith("still-")]
    misses: dict[str, list[str]] = {"found": [], "dated": [], "named": []}
    for each in drawn(17, last):
        own = [one for one in findings if one["service"] == each.service]
        metrics = {metric["metric"] for one in own for metric in one["metrics"]}
        if each.kind not in metrics:
            misses["found"].append(str(each))
            continue
        (one,) = own
        began = each.hour * HOUR
        first, until = (
            datetime.fromisoformat(one[name]).timestamp() if one[name] else 0.0
            for name in ("changed_from", "changed_until")
        )
        # The interval is right 95 times of 100; a quarter of an hour beside it is right, too.
        if not first - 900 <= began <= until + 900:
            misses["dated"].append(f"{each}: {one['changed_from']} to {one['changed_until']}")
        told = [(part["dimension"], part["value"]) for part in one["segments"][:2]]
        if (each.dimension, each.value) not in told:
            misses["named"].append(f"{each}: {told}")
    # Fewer than that are missed but once in a thousand.
    allowed = int(stats.binom.isf(1e-3, PLANTED, 1 - POWER))
    assert all(len(missed) <= allowed for missed in misses.values()), misses


def test_the_command_asks_the_service(running: RunningService) -> None:
    last = int(time.time() // HOUR) // 6 * 6
    moments = [
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(hour * HOUR))
        for hour in (last - 48, last - 6, last)
    ]
    windows = (
        "--reference", f"{moments[0]}..{moments[1]}", "--current", f"{moments[1]}..{moments[2]}",
    )  # fmt: skip
    said = running.cli("detect", "drift", "--metric", "output_tokens", *windows)
    assert said.returncode == 0, said.stderr
    assert "output_tokens: drift. The median went from" in said.stdout.decode()
    said = running.cli(
        "detect", "drift", "--metric", "attributes.tenant", *windows, "--format", "json"
    )
    (tenant,) = json.loads(said.stdout)
    assert (tenant["kind"], tenant["verdict"]) == ("categorical", "same")
    said = running.cli("detect", "drift", "--metric", "attributes.share", *windows, "--by", "model")
    assert "gpt-4o-mini" in said.stdout.decode()
    assert "same" in said.stdout.decode()
    wrong = running.cli("detect", "drift", "--metric", "output_tokens", "--current", "tomorrow")
    assert wrong.returncode == 1
    assert "'tomorrow' should look like 24h" in wrong.stderr.decode()
    overlapping = running.cli(
        "detect", "drift", "--metric", "output_tokens", "--reference", "3d", "--current", "2d"
    )
    assert (
        "not tested, because the reference and the current window overlap"
        in overlapping.stdout.decode()
    )


def test_the_command_compares_with_a_golden_set(running: RunningService) -> None:
    items = [{"input": f"Question {n}", "expected": "x" * (n + 1)} for n in range(40)]
    made = running.api("POST", "/api/v1/datasets/golden/items", json={"items": items})
    assert made.status_code == 201, made.text
    command = ("detect", "drift", "--metric", "output_bytes", "--reference")
    said = running.cli(*command, "dataset:golden@1", "--current", "7d", "--format", "json")
    assert said.returncode == 0, said.stderr
    (found,) = json.loads(said.stdout)
    assert (found["n_reference"], found["reference_value"]) == (40, 20.5)
    assert found["n_current"] > 30
    for side, words in (
        ("dataset:none", "no dataset 'none'"), ("dataset:golden@7", "has no version 7"),
        ("colour:red", "A side can't be of 'colour'; choose from release"),
    ):  # fmt: skip
        wrong = running.cli(*command, side)
        assert wrong.returncode == 1
        assert words in " ".join(wrong.stderr.decode().split())
    nobody = running.cli(*command, "release:0.9", "--current", "release:1.0")
    assert "no span of either window has it" in nobody.stdout.decode()


def test_settings_that_are_wrong() -> None:
    with pytest.raises(ValueError, match="drift.colour: there is no such setting"):
        read_drift({"colour": 1})
    with pytest.raises(ValueError, match="windows of 1, 2, 3, 4, 6, 8, 12 or 24 hours"):
        read_drift({"scales_h": [5]})
