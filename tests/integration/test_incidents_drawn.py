"""Incidents drawn at random, sent over OTLP: each fires its rule, is explained, and ends."""

import random
import time
from pathlib import Path
from typing import Any, Final

from support import otlp
from support.running import Launch
from support.waiting import wait_until

RULES: Final = """
incidents: {match: {severity: error}, settle: 0s, group_by: [service]}
rules:
  - {name: failing, metric: error_rate, condition: "> 20%", group_by: [service], min_count: 20, severity: error}
  - {name: slow, metric: latency_avg, condition: "> 3", group_by: [service], min_count: 20, severity: error}
  - {name: cut-off, metric: truncated_rate, condition: "> 20%", group_by: [service], min_count: 20, severity: error}
"""
SEED: Final = 7
INCIDENTS: Final = 8
#: What a call can come from, and the attribute that says so: of the call, or of its resource.
OF_CALL: Final = {
    "model": "gen_ai.request.model", "user": "user.id", "feature": "spanglass.feature",
    "prompt_version": "gen_ai.prompt.version",
}  # fmt: skip
OF_RESOURCE: Final = {
    "region": "cloud.region", "host": "host.name", "release": "service.version",
    "environment": "deployment.environment.name",
}  # fmt: skip
DIMENSIONS: Final = (*OF_CALL, *OF_RESOURCE)


class Incident:
    """A fault of one service that one value of one dimension is to blame for."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self._rng = rng
        self.service = f"drawn-{number}"
        self.rule = rng.choice(["failing", "slow", "cut-off"])
        # Each dimension has its turn, whatever the seed.
        self.dimension = DIMENSIONS[number % len(DIMENSIONS)]
        self.value = f"{self.dimension}-{rng.randrange(4)}"

    def requests(self, calls: int, of_it: float) -> list[Any]:
        """Calls of which some come from what is to blame; of those nine of ten are bad.

        Args:
            calls: how many.
            of_it: which share comes from it; 0 where all is well again.
        """
        made = []
        for _ in range(calls):
            about = {d: f"{d}-{self._rng.randrange(4)}" for d in DIMENSIONS}
            to_blame = self._rng.random() < of_it
            if to_blame:
                about[self.dimension] = self.value
            elif about[self.dimension] == self.value and of_it:
                about[self.dimension] = f"{self.dimension}-other"
            is_bad = to_blame and self._rng.random() < 0.9
            made.append(
                otlp.resource_spans(
                    [self._call(about, is_bad)], self.service,
                    {OF_RESOURCE[d]: about[d] for d in OF_RESOURCE},
                )
            )  # fmt: skip
        return made

    def _call(self, about: dict[str, str], is_bad: bool) -> Any:
        seconds = self._rng.uniform(10, 30) if is_bad and self.rule == "slow" else 0.5
        reason = "length" if is_bad and self.rule == "cut-off" else "stop"
        return otlp.chat_span(
            attrs={
                **{OF_CALL[d]: about[d] for d in OF_CALL}, "gen_ai.prompt.name": "p",
                "gen_ai.response.finish_reasons": [reason],
            },
            error="boom" if is_bad and self.rule == "failing" else None,
            start=time.time_ns() - int((seconds + 0.1) * 1e9), duration=int(seconds * 1e9),
        )  # fmt: skip


def test_incidents_drawn_at_random_fire_are_explained_and_end(
    launch: Launch, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    (tmp_path / "alerts.yaml").write_text(RULES)
    service = launch("--alerts", tmp_path / "alerts.yaml", "--alerts-interval-s", "1")
    drawn = {each.service: each for each in (Incident(rng, i) for i in range(INCIDENTS))}

    def send(calls: int, of_it: float) -> None:
        parts = [part for each in drawn.values() for part in each.requests(calls, of_it)]
        service.send(otlp.ExportTraceServiceRequest(resource_spans=parts))

    def alerts(state: str) -> dict[str, Any]:
        found = service.get("/api/v1/alerts", state=state, limit=100)["items"]
        return {each["labels"]["service"]: each for each in found}

    send(80, 0.5)
    firing = wait_until(
        lambda: found if len(found := alerts("firing")) == len(drawn) else None, "all of them fire"
    )
    for name, each in drawn.items():
        said = firing[name]
        assert said["rule"] == each.rule
        assert said["evidence"]["traces"]
        explained = said["evidence"]["explained"]
        # The kind of error goes with the errors of all; besides it nothing goes before the cause.
        causes = [e for e in explained if e["dimension"] != "error_type"]
        best = (causes[0]["dimension"], causes[0]["value"].rpartition(":")[2])
        assert best == (each.dimension, each.value), (SEED, name, explained)
        assert causes[0]["share"] > causes[0]["usual"]
    send(800, 0)
    wait_until(lambda: not alerts("firing"), "all of them end")
    over = wait_until(
        lambda: (
            found
            if len(found := service.get("/api/v1/incidents", state="resolved")["items"])
            == len(drawn)
            else None
        ),
        "their incidents are resolved",
    )
    assert {each["labels"]["service"] for each in over} == set(drawn)
