"""The SDK in processes of their own: import, exit, fork, threads, and a collector that is gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.running import ROOT, environment
from support.sdk_sink import Reply, Sink, attributes_of, run_python
from support.waiting import wait_until

INIT = "import sys, spanglass; spanglass.init(sys.argv[1], service='test')\n"


@pytest.fixture
def nobody() -> str:
    """An endpoint where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def ran(result: subprocess.CompletedProcess[str], *, quiet: bool = True) -> str:
    """What a program printed; it must have ended well, and said nothing beside."""
    assert result.returncode == 0, result.stderr
    if quiet:
        assert result.stderr == ""
    return result.stdout


def test_importing_brings_opentelemetrys_api_and_nothing_heavy() -> None:
    found = json.loads(
        ran(
            run_python(
                "import sys, json, opentelemetry.trace, opentelemetry.context\n"
                "before = set(sys.modules)\n"
                "import spanglass\n"
                "print(json.dumps([sorted(sys.modules), sorted(set(sys.modules) - before)]))"
            )
        )
    )
    everything, new = found
    heavy = {"google", "grpc", "requests", "urllib3", "ssl", "numpy", "clickhouse_connect"}
    assert heavy.isdisjoint(name.partition(".")[0] for name in everything)
    assert not any(name.startswith("opentelemetry.sdk") for name in everything)
    assert not any(name.startswith("opentelemetry.exporter") for name in everything)
    # Ours, and small parts of the standard library.
    assert {name.partition(".")[0] for name in new} <= {
        "spanglass", "json", "_json", "__future__", "atexit",
    }  # fmt: skip


def test_init_brings_no_protobuf_and_no_http() -> None:
    found = ran(
        run_python(
            "import sys, spanglass\n"
            "spanglass.init('http://127.0.0.1:9')\n"
            "print([m for m in sys.modules if m.startswith(('google', 'http', 'ssl', 'requests'))])"
        )
    )
    assert found.strip() == "[]"


def test_the_end_of_the_program_sends_what_is_left(sink: Sink) -> None:
    ran(run_python(INIT + "with spanglass.span('last'): pass", sink.url))
    assert sink.names() == ["last"]


@pytest.mark.parametrize(
    ("ending", "code"),
    [("sys.exit(3)", 3), ("raise ValueError('theirs')", 1), ("raise SystemExit('bye')", 1)],
)
def test_every_ordinary_end_of_a_program(sink: Sink, ending: str, code: int) -> None:
    result = run_python(INIT + f"with spanglass.span('work'):\n    {ending}", sink.url)
    assert result.returncode == code
    assert "spanglass" not in result.stderr.replace("with spanglass.span", "")
    assert sink.names() == ["work"]


def test_with_nobody_there_the_program_runs_and_says_once_what_is_lost(nobody: str) -> None:
    result = run_python(
        INIT
        + "for n in range(100):\n"
        + "    with spanglass.span('x'): pass\n"
        + "print('done', spanglass.stats().accepted)",
        nobody,
    )
    assert ran(result, quiet=False) == "done 100\n"
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith(f"spanglass: 100 spans were not delivered to {nobody}/v1/traces")
    assert "100 exit" in lines[-1]
    assert "Connection refused" in lines[-1]
    assert len(lines) <= 2, lines


def test_a_receiver_that_hangs_does_not_keep_the_program(sink: Sink) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)] * 10
    result = run_python(
        INIT + "with spanglass.span('x'): pass",
        sink.url,
        env={"SPANGLASS_EXIT_TIMEOUT_S": "0.3"},
    )
    hold.set()
    assert "1 span was not delivered" in result.stderr
    assert result.returncode == 0


def test_a_full_queue_is_counted_and_reported(nobody: str) -> None:
    result = run_python(
        INIT
        + "for n in range(50):\n"
        + "    with spanglass.span('x'): pass\n"
        + "stats = spanglass.stats()\n"
        + "print(stats.accepted, stats.dropped)",
        nobody,
        env={"SPANGLASS_MAX_QUEUE_SPANS": "10", "SPANGLASS_EXPORT_DELAY_S": "60"},
    )
    assert ran(result, quiet=False) == "10 {'queue_full': 40}\n"
    assert "50 spans were not delivered" in result.stderr
    assert "10 exit, 40 queue_full" in result.stderr


def test_without_init_a_program_runs_and_hears_about_it_once() -> None:
    result = run_python(
        "import spanglass\n"
        "@spanglass.observe\n"
        "def f(x): return x\n"
        "print([f(n) for n in range(3)], spanglass.flush(), spanglass.stats().dropped)\n"
        "spanglass.shutdown()"
    )
    assert ran(result, quiet=False) == "[0, 1, 2] True {'not_initialised': 3}\n"
    assert result.stderr.count("spanglass.init() has not been called") == 1


def test_switched_off_by_the_environment_it_is_silent(nobody: str) -> None:
    result = run_python(
        INIT + "with spanglass.span('x'): pass\nprint(spanglass.stats().dropped)",
        nobody,
        env={"OTEL_SDK_DISABLED": "true"},
    )
    assert ran(result) == "{}\n"


def test_threads_that_still_work_at_the_end(sink: Sink) -> None:
    ran(
        run_python(
            INIT
            + "import threading, time\n"
            + "def work(n):\n"
            + "    time.sleep(0.05)\n"
            + "    with spanglass.span(f's{n}'): pass\n"
            + "for n in range(8): threading.Thread(target=work, args=(n,)).start()\n",
            sink.url,
        )
    )
    assert sink.names() == [f"s{n}" for n in range(8)]


def test_spans_of_exit_handlers(sink: Sink) -> None:
    ran(
        run_python(
            INIT
            + "import atexit\n"
            + "@atexit.register\n"
            + "def last():\n"
            + "    with spanglass.span('from atexit'): pass\n",
            sink.url,
        )
    )
    assert sink.names() == ["from atexit"]


def test_a_span_in_a_finalizer_as_the_interpreter_goes() -> None:
    result = run_python(
        INIT
        + "class Late:\n"
        + "    def __del__(self):\n"
        + "        with spanglass.span('late'): pass\n"
        + "late = Late()\n",
        "http://127.0.0.1:9",
    )
    ran(result, quiet=False)
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


FORK = (
    INIT
    + """
import os, threading
@spanglass.observe
def work(who): return who
with spanglass.span('before'): pass
spanglass.flush() if sys.argv[2] == 'warm' else None
threads = [threading.Thread(target=work, args=('thread',)) for _ in range(4)]
for thread in threads: thread.start()
children = []
for n in range(3):
    pid = os.fork()
    if pid == 0:
        assert spanglass.stats().accepted == 0, 'the queue is the parent\\'s'
        work(f'child {n}')
        if n == 2:
            os._exit(0 if spanglass.flush(20) else 1)
        sys.exit(0)
    children.append(pid)
for thread in threads: thread.join()
work('parent')
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
assert codes == [0, 0, 0], codes
"""
)


@pytest.mark.parametrize("state", ["cold", "warm"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fork(sink: Sink, state: str) -> None:
    # From 3.12 on, Python warns of any fork beside threads, and the exporter is one.
    result = run_python(FORK, sink.url, state, env={"PYTHONWARNINGS": "error,ignore:This process"})
    ran(result)
    inputs = [attributes_of(span).get("input.value") for span in sink.spans()]
    assert sorted(map(str, inputs)) == sorted(
        ["None"]
        + ['{"who": "thread"}'] * 4
        + ['{"who": "parent"}']
        + [f'{{"who": "child {n}"}}' for n in range(3)]
    )
    assert len({span.span_id for span in sink.spans()}) == len(sink.spans()), "ids are fresh"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_multiprocessing(sink: Sink, method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, sys, spanglass\n"
        "spanglass.init(sys.argv[1], service='test')\n"
        "def work(n):\n"
        "    with spanglass.span(f'child {n}'): pass\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context(sys.argv[2])\n"
        "    with spanglass.span('parent'): pass\n"
        "    children = [context.Process(target=work, args=(n,)) for n in range(2)]\n"
        "    for child in children: child.start()\n"
        "    for child in children: child.join()\n"
        "    assert [child.exitcode for child in children] == [0, 0]\n"
    )
    result = subprocess.run(
        [sys.executable, str(program), sink.url, method],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ran(result)
    assert sink.names() == ["child 0", "child 1", "parent"]


def test_an_import_is_not_cut_in_two_by_a_fork(sink: Sink) -> None:
    # The exporter imports what it sends with just when the fork happens.
    ran(
        run_python(
            INIT
            + "import os, time\n"
            + "for n in range(8):\n"
            + "    with spanglass.span('x'): pass\n"
            + "    time.sleep(0.01)\n"
            + "    pid = os.fork()\n"
            + "    if pid == 0:\n"
            + "        with spanglass.span('child'): pass\n"
            + "        os._exit(0 if spanglass.flush(20) else 1)\n"
            + "    assert os.waitpid(pid, 0)[1] == 0\n",
            sink.url,
            env={"SPANGLASS_EXPORT_DELAY_S": "0.001", "PYTHONWARNINGS": "ignore"},
        )
    )
    assert sink.names() == ["child"] * 8 + ["x"] * 8


def test_ctrl_c_while_the_program_ends(sink: Sink) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)]
    process = subprocess.Popen(
        [sys.executable, "-c", INIT + "with spanglass.span('x'): pass", sink.url],
        env=environment(SPANGLASS_EXIT_TIMEOUT_S="60"),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: not sink.replies)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        hold.set()
        process.kill()
        process.wait()
    assert "Traceback" not in stderr


def test_logging_that_fails_or_records_spans_does_no_harm(nobody: str) -> None:
    result = run_python(
        INIT
        + "import logging\n"
        + "class Handler(logging.Handler):\n"
        + "    def emit(self, record):\n"
        + "        with spanglass.span('log'): pass\n"
        + "        raise RuntimeError('handler')\n"
        + "logging.getLogger().addHandler(Handler())\n"
        + "with spanglass.span('x'): pass\n"
        + "spanglass.flush(0.5)\n"
        + "print('done')\n",
        nobody,
    )
    assert ran(result, quiet=False) == "done\n"
    assert "Traceback" not in result.stderr


def test_the_global_provider_on_request(sink: Sink) -> None:
    ran(
        run_python(
            "import sys, spanglass\n"
            "from opentelemetry import trace\n"
            "from opentelemetry.sdk.trace import TracerProvider\n"
            "if sys.argv[2] == 'theirs': trace.set_tracer_provider(TracerProvider())\n"
            "spanglass.init(sys.argv[1], use_global_provider=True)\n"
            "with trace.get_tracer('app').start_as_current_span('request'):\n"
            "    with spanglass.span('answer'):\n"
            "        with trace.get_tracer('app').start_as_current_span('query'): pass\n",
            sink.url,
            "theirs",
        )
    )
    ran(
        run_python(
            "import sys, spanglass\n"
            "from opentelemetry import trace\n"
            "spanglass.init(sys.argv[1], use_global_provider=True)\n"
            "with trace.get_tracer('app').start_as_current_span('request'):\n"
            "    with spanglass.span('answer'):\n"
            "        with trace.get_tracer('app').start_as_current_span('query'): pass\n",
            sink.url,
        )
    )
    assert sink.names() == sorted(["request", "answer", "query"] * 2)
    for trace_id in {span.trace_id for span in sink.spans()}:
        spans = {s.name: s for s in sink.spans() if s.trace_id == trace_id}
        assert spans["answer"].parent_span_id == spans["request"].span_id
        assert spans["query"].parent_span_id == spans["answer"].span_id


def test_the_application_is_the_same_with_and_without(sink: Sink, nobody: str) -> None:
    program = """
import asyncio, contextlib, io, sys, traceback
import spanglass
if sys.argv[1] == 'bare':
    observe = lambda f=None, **k: f if f else (lambda g: g)
else:
    spanglass.init(sys.argv[1]) if sys.argv[1] != 'without init' else None
    observe = spanglass.observe
class Custom(Exception):
    def __init__(self, a, b): super().__init__(a, b); self.a = a
@observe
def fail(n):
    try: 1 / n
    except ZeroDivisionError as error: raise Custom(n, 'x') from error
@observe(kind='tool')
def values(n):
    if n: return {'n': n}
@observe
def numbers(n):
    got = yield n
    return (got, n)
@observe
async def later(n):
    await asyncio.sleep(0)
    return fail(n)
try: fail(0)
except Custom as e: print(type(e), e.args, e.a, type(e.__cause__), e.__suppress_context__)
try: asyncio.run(later(0))
except Custom as e: print(type(e), e.args, type(e.__context__))
print(values(0), values(1), fail.__name__, fail.__module__)
g = numbers(3); print(next(g))
try: g.send('sent')
except StopIteration as e: print(e.value)
try: values()
except TypeError as e: print(e)
"""
    outputs = [
        run_python(program, where, env={"SPANGLASS_EXIT_TIMEOUT_S": "0.2"}).stdout
        for where in ("bare", "without init", sink.url, nobody)
    ]
    assert len(outputs[0].splitlines()) == 6
    assert len(set(outputs)) == 1, outputs


def test_the_quickstart(sink: Sink) -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "quickstart.py"), "Do boots run small?"],
        env=environment(SPANGLASS_ENDPOINT=sink.url),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said, url = ran(result).strip().rsplit("\n\n", 1)
    call, answer = sink.spans()
    assert url == f"http://127.0.0.1:8400/traces/{answer.trace_id.hex()}"
    assert (answer.name, call.name) == ("answer", "chat gpt-4o-mini")
    assert call.parent_span_id == answer.span_id
    assert attributes_of(answer)["output.value"] == said
    about = attributes_of(call)
    assert json.loads(about["gen_ai.output.messages"])[0] == {
        "role": "assistant",
        "parts": [{"type": "text", "content": said}],
        "finish_reason": "stop",
    }
    assert about["gen_ai.usage.output_tokens"] > 0
    assert about["gen_ai.response.time_to_first_chunk"] > 0
