"""The spill: spans that could not be sent outlive their process, and are sent once."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanglass._settings import resolve
from spanglass._spill import Spill
from support.running import environment as clean
from support.sdk_sink import Reply, Sink, attributes_of, run_python, running_sink

SEND = """
import sys, spanglass
spanglass.init(sys.argv[1], service='test', export_delay_s=0.01, exit_timeout_s=2)
for n in range(int(sys.argv[2])):
    with spanglass.span(f'{sys.argv[3]}{n}', input='text'): pass
print(spanglass.flush(float(sys.argv[4])))
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"SPANGLASS_SPILL_DIR": str(folder), **more}


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.otlp"))


def test_what_a_dead_collector_misses_a_later_process_sends(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_python(SEND, url, "50", "first", "0.1", env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "were not delivered" not in done.stderr
    assert files(tmp_path)
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in [*files(tmp_path), files(tmp_path)[0].parent]
    )
    with running_sink() as sink:
        # The folder belongs to an endpoint: it is the same one under a new address here.
        [old] = [path.parent for path in files(tmp_path)[:1]]
        old.rename(Spill(resolve({"endpoint": sink.url, "spill_dir": str(tmp_path)}))._folder)
        done = run_python(
            "import sys, spanglass, time\n"
            "spanglass.init(sys.argv[1])\n"
            "while spanglass.stats().resent < 50: time.sleep(0.01)\n"
            "print(spanglass.status().spill_bytes)",
            sink.url, env=environment(tmp_path),
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
        assert sink.names() == sorted(f"first{n}" for n in range(50))
    assert files(tmp_path) == []


def test_a_collector_that_comes_back(sink: Sink, tmp_path: Path) -> None:
    sink.replies = [Reply(503)]
    done = run_python(
        "import sys, spanglass, time\n"
        "spanglass.init(sys.argv[1], export_delay_s=0.01)\n"
        "with spanglass.span('early'): pass\n"
        "while spanglass.stats().resent < 1: time.sleep(0.01)\n"
        "with spanglass.span('late'): pass\n"
        "assert spanglass.flush()\n"
        "stats = spanglass.stats()\n"
        "print(stats.sent, stats.spilled, stats.resent, stats.dropped)",
        sink.url, env=environment(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "1 1 1 {}\n"), done.stderr
    assert sink.names() == ["early", "late"]


def test_a_receiver_that_hangs_at_exit(sink: Sink, tmp_path: Path) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)] * 10
    done = run_python(SEND, sink.url, "20", "s", "0.05", env=environment(tmp_path))
    hold.set()
    assert "were not delivered" not in done.stderr
    assert files(tmp_path)


def test_the_folder_is_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    done = run_python(
        SEND, "http://127.0.0.1:9", "200", "s", "0.1",
        env=environment(tmp_path, SPANGLASS_SPILL_BYTES="4000", SPANGLASS_MAX_BATCH_SPANS="5"),
    )  # fmt: skip
    assert "were not delivered" in done.stderr
    assert 0 < sum(path.stat().st_size for path in files(tmp_path)) <= 4000


def test_several_processes_send_each_file_once(sink: Sink, tmp_path: Path) -> None:
    settings = resolve({"endpoint": sink.url, "spill_dir": str(tmp_path)})
    spill = Spill(settings)
    with running_sink() as other:
        done = run_python(SEND, other.url, "1", "x", "5")
        assert done.stdout == "True\n"
        body = other.received[0].request.SerializeToString()
    for _ in range(30):
        assert spill.write(body, 1)
    program = (
        "import sys, spanglass, time\n"
        "spanglass.init(sys.argv[1])\n"
        "while spanglass.status().spill_bytes: time.sleep(0.01)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, sink.url], env=clean(**environment(tmp_path))
        )
        for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(sink.names()) == 30


def test_what_is_refused_is_dropped_and_counted(sink: Sink, tmp_path: Path) -> None:
    settings = resolve({"endpoint": sink.url, "spill_dir": str(tmp_path)})
    assert Spill(settings).write(b"\x10\x01", 3)
    sink.replies = [Reply(400)]
    done = run_python(
        "import sys, spanglass, time\n"
        "spanglass.init(sys.argv[1])\n"
        "while spanglass.status().spill_bytes: time.sleep(0.01)\n"
        "print(spanglass.stats().dropped)",
        sink.url, env=environment(tmp_path),
    )  # fmt: skip
    assert done.stdout == "{'spill': 3}\n", done.stderr


def test_what_is_on_disk_is_redacted(tmp_path: Path) -> None:
    done = run_python(
        SEND.replace("'text'", "'I am ana@example.com'"), "http://127.0.0.1:9", "3", "s", "0.1",
        env=environment(tmp_path, SPANGLASS_CAPTURE_CONTENT="redacted"),
    )  # fmt: skip
    assert done.returncode == 0
    stored = b"".join(path.read_bytes() for path in files(tmp_path))
    assert b"<EMAIL_ADDRESS>" in stored
    assert b"ana@" not in stored


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_python(
        SEND, "http://127.0.0.1:9", "1", "s", "0.1", env=environment(tmp_path / "file")
    )
    assert done.returncode == 0
    assert "nothing can be spilled to disk" in done.stderr


def scopes(received: Any) -> dict[str, Any]:
    return {
        scope.scope.name: attributes_of(scope.scope)
        for resource in received.request.resource_spans
        for scope in resource.scope_spans
    }


def test_the_account_travels_with_the_spans(sink: Sink) -> None:
    sink.replies = [Reply(400)]
    done = run_python(
        "import sys, spanglass\n"
        "spanglass.init(sys.argv[1], service='test', export_delay_s=30)\n"
        "for n in range(3):\n"
        "    with spanglass.span('refused'): pass\n"
        "spanglass.flush()\n"
        "with spanglass.span('taken'): pass\n"
        "spanglass.flush()\n",
        sink.url,
    )
    assert done.returncode == 0
    refused, taken = sink.received[:2]
    assert "spanglass.ledger" not in scopes(refused), "there is nothing to tell yet"
    ledger = scopes(taken)["spanglass.ledger"]
    assert ledger.pop("spanglass.ledger.time_unix_nano") > 0
    assert ledger == {
        "spanglass.ledger.accepted": 4,
        "spanglass.ledger.sent": 0,
        "spanglass.ledger.waiting": 1,
        "spanglass.ledger.spilled": 0,
        "spanglass.ledger.resent": 0,
        "spanglass.ledger.content_dropped": 0,
        "spanglass.ledger.dropped.refused": 3,
    }
    [span] = taken.spans()
    assert attributes_of(span)["spanglass.sequence"] == 4
    instances = {
        attributes_of(resource.resource)["spanglass.instance.id"]
        for received in sink.received
        for resource in received.request.resource_spans
    }
    assert len(instances) == 1


def test_status() -> None:
    done = run_python(
        "import time, spanglass\n"
        "print(spanglass.status().state, spanglass.status().ok)\n"
        "spanglass.init('http://127.0.0.1:9', export_delay_s=0.01, exit_timeout_s=0.1)\n"
        "print(spanglass.status().ok)\n"
        "with spanglass.span('x'): pass\n"
        "while not spanglass.stats().last_error: time.sleep(0.01)\n"
        "print(spanglass.status())\n"
        "spanglass.shutdown(0.1)\n"
        "print(spanglass.status().state)"
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["not_initialised False", "True"], done.stderr
    assert lines[2] == "spanglass: recording, to http://127.0.0.1:9/v1/traces"
    assert "1 waiting" in lines[3]
    assert "last taken: never" in lines[3]
    assert "Connection refused" in lines[4]
    assert lines[-1] == "shutdown"
