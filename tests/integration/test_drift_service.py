"""Drift as its users meet it: sent by OTLP, found by the job, asked for by API and command."""

import json
import time
from typing import Any

import numpy as np
import pytest

from spanglass_collector.drift.config import read_drift
from support import otlp
from support.running import RunningService
from support.waiting import wait_until

HOUR = 3600
DRIFT = json.dumps(
    {"interval_s": 0.5, "settle_s": 0, "scales_h": [6], "metrics": ["output_tokens"]}
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("drift")
    env = {"SPANGLASS_DRIFT": DRIFT, "SPANGLASS_DETECT": '{"pii": {"enabled": false}}'}
    with RunningService(folder / "data", env=env) as service:
        r = np.random.default_rng(5)
        last = int(time.time() // HOUR) // 6 * 6
        spans = []
        for hour in range(last - 3 * 24, last):
            for _ in range(15):
                longer = 2.5 if hour >= last - 6 else 1.0
                start = int((hour * HOUR + r.uniform(0, HOUR)) * 1e9)
                tokens = int(r.lognormal(5, 0.4) * longer)
                attrs = {"tenant": f"t{r.integers(5)}", "share": float(r.random())}
                spans.append(otlp.chat_span(100, tokens, attrs, start=start))
        service.send(otlp.request(*spans, service="shop"))
        service.settle()
        yield service


def test_the_job_finds_it(running: RunningService) -> None:
    found = wait_until(
        lambda: running.get("/api/v1/drift").get("findings"), "the job looks", timeout_s=120
    )
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


def test_settings_that_are_wrong() -> None:
    with pytest.raises(ValueError, match="drift.colour: there is no such setting"):
        read_drift({"colour": 1})
    with pytest.raises(ValueError, match="windows of 1, 2, 3, 4, 6, 8, 12 or 24 hours"):
        read_drift({"scales_h": [5]})
