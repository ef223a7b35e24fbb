"""From bad answers to a better prompt: the whole loop, in a minute.

    spanglass serve &
    python examples/feedback_loop.py

A prompt sorts mails badly; readers say what was right. Their corrections become a dataset, a search
over it makes a new version, half of the users get that one, and when it is clearly liked more, the
label moves. The model is the bundled sample server's, which learns from the examples in a prompt.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

import spanglass
from sample_server import BackgroundServer, Settings

NAME = os.environ.get("LOOP_NAME", "mail-sorting")
WEB = os.environ.get("SPANGLASS_WEB_URL", "http://127.0.0.1:8400")
#: What mails are about, by a word that they have.
TRUTH = {"refund": "returns", "broken": "repairs", "parcel": "delivery", "size": "fitting"}
PROMPT = {
    "template": [
        {"role": "system", "content": "Classify the mail. Answer with the category only."},
        {"role": "user", "content": "{{mail}}"},
    ],
    "model": {"name": "sample-chat"},
}


def ask(method: str, path: str, body: Any = None) -> Any:
    """Asks the service's API."""
    request = urllib.request.Request(
        f"{WEB}/api/v1/{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def command(*words: str) -> str:
    """Types a command of spanglass; what it prints."""
    typed = [sys.executable, "-m", "spanglass_collector.cli", *words, "--url", WEB]
    return subprocess.run(typed, check=True, stdout=subprocess.PIPE, text=True).stdout


def model(url: str, messages: list[dict[str, Any]]) -> str:
    """Asks the model, and records the call."""
    body = json.dumps({"model": "sample-chat", "messages": messages}).encode()
    request = urllib.request.Request(
        f"{url}/chat/completions", body, {"Content-Type": "application/json"}
    )
    with spanglass.generation("sample-chat", messages=messages) as call:
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.load(answer)["choices"][0]["message"]["content"]
        call.output(said)
    return str(said)


def sort(url: str, number: int, split: dict[str, float] | None = None) -> None:
    """The application: sorts one user's mail. The reader says whether it was right."""
    word = list(TRUTH)[number % len(TRUTH)]
    mail = f"{word} X{number:04}"
    with (
        spanglass.context(user_id=f"{NAME}-{number}"),
        spanglass.span("sort a mail", kind="agent") as here,
    ):
        here.input({"mail": mail})
        prompt = spanglass.prompt(NAME, split=split)
        said = model(url, prompt.messages(mail=mail))
        here.output(said)
        is_right = said == TRUTH[word]
        spanglass.feedback(thumbs=is_right, correction=None if is_right else TRUTH[word])


def until(what: str, query: str, count: int) -> None:
    """Waits until so much is stored."""
    for _ in range(600):
        rows = ask("POST", "sql", {"query": query, "params": {"name": NAME}})["rows"]
        if int(rows[0][0]) >= count:
            return
        time.sleep(0.1)
    raise SystemExit(f"{what}: not stored within a minute")


CALLS = "SELECT trace_id FROM spans WHERE prompt_name = {name:String}"
RATED = (
    f"SELECT uniqExact(trace_id) FROM scores WHERE name = 'user_feedback' AND trace_id IN ({CALLS})"
)


def main(url: str) -> None:
    """The loop, step by step."""
    ask("POST", f"prompts/{NAME}/versions", {"definition": PROMPT, "message": "a first try"})
    ask("PUT", f"prompts/{NAME}/labels/production", {"version": 1})
    for number in range(60):
        sort(url, number)
    spanglass.flush()
    until("feedback", RATED, 60)

    wrong = (
        "SELECT trace_id FROM scores WHERE name = 'user_feedback' AND value = 0 AND trace_id IN"
        f" (SELECT trace_id FROM spans WHERE prompt_name = '{NAME}')"
    )
    added = ask("POST", f"datasets/{NAME}/items/from-traces", {"sql": wrong})
    print(f"1. bad answers that readers corrected, now a dataset: {added['added']}")

    found = json.loads(command(
        "prompts", "search", NAME, NAME, "--detector", "quality", "--objective", "exact_match",
        "--endpoint", url, "--budget", "400", "--rounds", "3", "--label", "staging",
        "--format", "json",
    ))  # fmt: skip
    base, best = found["base"]["held_out"], found["best"]["held_out"]
    print(f"2. a search made version {found['version']}: {base:.0%} right before, {best:.0%} after")

    for number in range(1000, 1160):
        sort(url, number, {"production": 0.5, "staging": 0.5})
    spanglass.flush()
    until("feedback", RATED, 220)
    seen = json.loads(command(
        "prompts", "split", NAME, "1", str(found["version"]), "--expected-share", "0.5",
        "--guardrail", "score.user_feedback=-0.05", "--format", "json",
    ))  # fmt: skip
    liked = next(each for each in seen["values"] if each["name"] == "score.user_feedback")
    print(
        f"3. of {liked['users_before']} users {liked['before']:.0%} liked version 1, of"
        f" {liked['users_after']} others {liked['after']:.0%} the new one"
    )
    if liked["always_low"] is None or liked["always_low"] <= 0:
        raise SystemExit("It is not clearly liked more yet: production stays.")
    why = f"liked by {liked['after']:.0%} instead of {liked['before']:.0%}"
    moved = {"version": found["version"], "expected": 1, "message": why}
    ask("PUT", f"prompts/{NAME}/labels/production", moved)
    print(f"4. production is version {found['version']}: {why}. What changed:")
    print(command("prompts", "diff", NAME, "1", str(found["version"])))
    print(f"See {WEB}/prompts/{NAME}")


if __name__ == "__main__":
    spanglass.init(service="feedback-loop", web_url=WEB)
    with BackgroundServer(Settings(speed=0)) as server:
        main(server.base_url)
    spanglass.shutdown()
