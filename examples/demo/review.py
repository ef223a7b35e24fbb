"""A review queue over the demo's answers: two reviewers have begun it."""

from __future__ import annotations

import random
import time
from typing import Any, Final

import httpx

_QUEUE: Final = "grounded"
#: Seconds that the history may take to be stored.
_PATIENCE_S: Final = 60.0
_REVIEWERS: Final = ("reviewer-1", "reviewer-2")
#: Items that each reviewer has labelled.
_LABELLED: Final = 16
#: Share of answers that a reviewer finds wrong, by why they are in the queue.
_WRONG: Final = {"feedback": 0.45, "random": 0.12}
_BODY: Final[dict[str, Any]] = {
    "instructions": "Read the documents that the assistant was given, then its answer.\n"
    "Say no if any sentence says what no document says.",
    "criteria": [
        {"name": "groundedness", "question": "Does every sentence follow from the documents?"},
        {
            "name": "helpfulness", "kind": "categorical", "required": False,
            "question": "Does it do what was asked for?",
            "choices": [
                {"name": "all of it", "value": 1}, {"name": "a part", "value": 0.5},
                {"name": "nothing", "value": 0},
            ],
        },
    ],
    "plan": {
        "query": "",
        "parts": [{"method": "feedback", "count": 15}, {"method": "random", "count": 45}],
    },
    "labels_per_item": 2,
}  # fmt: skip


def make_queue(web: str, asked: int, rng: random.Random) -> int:
    """Makes the queue, unless it is there; how many labels it has.

    Args:
        web: address of the service's pages.
        asked: questions that were asked; it begins when nine of ten are stored.
        rng: says what reviewers find.
    """
    path = f"/api/v1/review/queues/{_QUEUE}"
    with httpx.Client(base_url=web, timeout=60) as client:
        if client.get(path).status_code == 200:
            return 0
        _await_stored(client, asked * 9 // 10)
        client.put(path, json=_BODY).raise_for_status()
        client.post(f"{path}/draw", json={}).raise_for_status()
        labels = 0
        for reviewer in _REVIEWERS:
            for _ in range(_LABELLED):
                given = client.post(f"{path}/next", json={"annotator": reviewer})
                item = given.raise_for_status().json()["item"]
                if item is None:
                    break
                # What is wrong is wrong for both, as a rule.
                wrong = random.Random(item["trace_id"]).random() < _WRONG[item["method"]]
                grounded = wrong == (rng.random() < 0.07)
                body = {"annotator": reviewer, "answers": {"groundedness": grounded}}
                client.put(f"{path}/items/{item['id']}/label", json=body).raise_for_status()
                labels += 1
        return labels


def _await_stored(client: httpx.Client, traces: int) -> None:
    """Until so many traces of the sample data can be drawn from, or a minute has passed."""
    query = {"query": "SELECT count() FROM traces WHERE sample_data"}
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        answer = client.post("/api/v1/sql", json=query)
        if answer.is_success and answer.json()["rows"][0][0] >= traces:
            return
        time.sleep(0.2)
