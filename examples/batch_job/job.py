"""A nightly job: many documents, a few threads, one trace each, and a score of every result.

    spanglass serve &
    python examples/batch_job/job.py --documents 40

Each document is a trace of its own, so that a slow or failed one is found by itself; what they
have in common (the run, the feature) is in their context. Nothing is lost at the end: `flush`
waits until the collector has everything, and says so.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor

import openai

import spanglass
from sample_server import BackgroundServer, Settings

ASKED = "Summarise in one sentence: "


@spanglass.observe
def summarise(number: int, client: openai.OpenAI) -> str:
    """One document."""
    text = f"Order {number}: two jackets, delivered on day {number % 7}, nothing returned."
    said = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": ASKED + text}]
    )
    summary = said.choices[0].message.content or ""
    # What a job can check itself it says; what takes a model comes from the collector's jobs.
    spanglass.score("summary_length", len(summary))
    return summary


def run(documents: int, client: openai.OpenAI) -> dict[str, int]:
    """The whole job; how many went well and how many did not."""
    done = {"ok": 0, "failed": 0}
    with (
        spanglass.context(feature="nightly-summaries", metadata={"run": "2026-11-23"}),
        spanglass.ContextExecutor(ThreadPoolExecutor(4)) as pool,
    ):
        for each in [pool.submit(summarise, number, client) for number in range(documents)]:
            done["failed" if each.exception() else "ok"] += 1
    return done


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=40)
    given = parser.parse_args()
    spanglass.init(service="batch-job")
    with BackgroundServer(Settings(speed=0)) as server:
        plain = openai.OpenAI(base_url=server.base_url, api_key="any")
        print(json.dumps(run(given.documents, spanglass.wrap(plain, provider="openai"))))
    print("delivered" if spanglass.flush() else "not everything was delivered")
