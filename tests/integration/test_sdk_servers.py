"""The SDK under what runs Python in production: preloaded workers, signals, gevent, notebooks."""

import os
import signal
import subprocess
import sys

import pytest

from support.running import environment
from support.sdk_sink import Sink, attributes_of, run_python, running_sink
from support.waiting import wait_until

#: As gunicorn does with --preload: the application is imported, the workers are forked, the
#: master waits for a signal and ends the workers with it.
PRELOAD = """
import os, signal, sys, time, spanglass
spanglass.init(sys.argv[1], service='test', sample_rate=float(sys.argv[2]), spill_dir=sys.argv[3])
@spanglass.observe
def handle(who):
    try:
        raise ValueError('kept by sampling')
    except ValueError as error:
        with spanglass.span('step') as span: span.error(error)
with spanglass.span('in the master') as span: span.error('kept')
workers = []
for n in range(2):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        for _ in range(5): handle(f'worker {n}')
        os.write(1, b'ready\\n')
        while True: time.sleep(1)
    workers.append(pid)
def end(*_):
    for pid in workers: os.kill(pid, signal.SIGTERM)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]
    sys.exit(0 if codes == [0, 0] else 1)
signal.signal(signal.SIGTERM, end)
os.write(1, b'ready\\n')
while True: time.sleep(1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("rate", ["1", "0"])
def test_preloaded_workers_end_by_signal(sink: Sink, tmp_path: object, rate: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PRELOAD, sink.url, rate, str(tmp_path)],
        env=environment(SPANGLASS_EXPORT_DELAY_S="60"), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == "ready\n"
        process.terminate()
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, stderr) == (0, "")
    assert sink.names() == sorted(["handle", "step"] * 10 + ["in the master"])
    instances: dict[str, set[int]] = {}
    for received in sink.received:
        for resource in received.request.resource_spans:
            instance = attributes_of(resource.resource)["spanglass.instance.id"]
            for scope in resource.scope_spans:
                numbers = {attributes_of(span)["spanglass.sequence"] for span in scope.spans}
                instances.setdefault(instance, set()).update(numbers)
    assert sorted(map(len, instances.values())) == [1, 10, 10]
    assert all(numbers == set(range(1, len(numbers) + 1)) for numbers in instances.values())


def test_a_signal_that_nobody_handles_ends_the_process(sink: Sink) -> None:
    """The SDK installs no handlers: what has been sent is there, and the process ends as ever."""
    process = subprocess.Popen(
        [sys.executable, "-c",
         "import sys, time, spanglass\n"
         "spanglass.init(sys.argv[1], export_delay_s=0.01)\n"
         "with spanglass.span('sent'): pass\n"
         "time.sleep(60)", sink.url],
        env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: sink.names() == ["sent"])
        process.terminate()
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, stderr) == (-signal.SIGTERM, "")


def test_gevent(sink: Sink) -> None:
    pytest.importorskip("gevent", reason="needs gevent: pip install gevent")
    done = run_python(
        "from gevent import monkey; monkey.patch_all()\n"
        "import sys, gevent, spanglass\n"
        "spanglass.init(sys.argv[1], service='test', export_delay_s=0.01)\n"
        "@spanglass.observe\n"
        "def inner(n): gevent.sleep(0.01); return n\n"
        "@spanglass.observe\n"
        "def outer(n): gevent.sleep(0.01); return inner(n)\n"
        "jobs = [gevent.spawn(outer, n) for n in range(20)]\n"
        "gevent.joinall(jobs)\n"
        "print(spanglass.flush(20))",
        sink.url, env={"PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    spans = {span.span_id: span for span in sink.spans()}
    assert len(spans) == 40
    for span in spans.values():
        if span.name == "inner":
            outer = spans[span.parent_span_id]
            assert attributes_of(outer)["input.value"] == attributes_of(span)["input.value"]


def test_a_cell_that_is_run_again(sink: Sink) -> None:
    """Notebooks call `init` once a run: the same settings change nothing, others replace."""
    with running_sink() as other:
        done = run_python(
            "import sys, threading, spanglass\n"
            "def cell(url, **more):\n"
            "    spanglass.init(url, service='test', **more)\n"
            "    with spanglass.span('cell'): pass\n"
            "for _ in range(20): cell(sys.argv[1])\n"
            "assert spanglass.stats().accepted == 20\n"
            "cell(sys.argv[2])\n"
            "assert spanglass.stats().accepted == 1\n"
            "for n in range(30): cell(sys.argv[2], release=str(n))\n"
            "spanglass.flush()\n"
            "print(threading.active_count() < 40)",
            sink.url, other.url,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
        assert len(sink.names()) == 20
        assert len(other.names()) == 31


def test_what_is_recorded_is_what_was_sent(sink: Sink) -> None:
    """Chat loops append to the list that they have just passed."""
    done = run_python(
        "import sys, spanglass\n"
        "spanglass.init(sys.argv[1], export_delay_s=30)\n"
        "@spanglass.observe\n"
        "def ask(messages): return messages\n"
        "messages = []\n"
        "for n in range(5):\n"
        "    messages.append({'role': 'user', 'content': str(n)})\n"
        "    ask(messages)\n"
        "    messages[0]['content'] += '!'\n"
        "messages.clear()",
        sink.url,
    )
    assert done.returncode == 0, done.stderr
    found = [attributes_of(span) for span in sink.spans()]
    for n, each in enumerate(found):
        contents = ["0" + "!" * n, *(str(m) for m in range(1, n + 1))]
        expected = ", ".join(f'{{"role": "user", "content": "{c}"}}' for c in contents)
        assert each["output.value"] == f"[{expected}]"
        assert each["input.value"] == f'{{"messages": [{expected}]}}'
