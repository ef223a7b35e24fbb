"""The spill: spans that could not be sent outlive their process, and are sent once."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spanglass._account import Account
from spanglass._backlog import Backlog
from spanglass._exporter import Exporter
from spanglass._settings import resolve
from spanglass._signals import SCORES
from spanglass._spill import Spill
from spanglass._transport import Answer
from support.running import environment as clean
from support.sdk_sink import Reply, Sink, run_python, running_sink

SEND = """
import sys, spanglass
spanglass.init(sys.argv[1], service='test', export_delay_s=0.01, exit_timeout_s=2)
for n in range(int(sys.argv[2])):
    with spanglass.span(f'{sys.argv[3]}{n}', input='text'): pass
print(spanglass.flush(float(sys.argv[4])))
"""


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
    assert "not delivered" not in done.stderr
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


@pytest.mark.parametrize("flush_s", ["0", "1"], ids=["asked at exit", "asked before"])
def test_a_receiver_that_hangs_at_exit(sink: Sink, tmp_path: Path, flush_s: str) -> None:
    hold = threading.Event()
    sink.replies = [Reply(hold=hold)] * 10
    done = run_python(SEND, sink.url, "20", "s", flush_s, env=environment(tmp_path))
    hold.set()
    assert "not delivered" not in done.stderr
    assert files(tmp_path)


def test_an_address_that_swallows_connections_at_exit(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # As many as wait to be accepted; the next is not even refused.
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        done = run_python(SEND, url, "20", "s", "1", env=environment(tmp_path))
    assert "not delivered" not in done.stderr
    assert files(tmp_path)


def test_the_folder_is_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    done = run_python(
        SEND, "http://127.0.0.1:9", "200", "s", "0.1",
        env=environment(tmp_path, SPANGLASS_SPILL_BYTES="4000", SPANGLASS_MAX_BATCH_SPANS="5"),
    )  # fmt: skip
    assert "not delivered" in done.stderr
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
    assert "was set aside: 400" in done.stderr
    [aside] = tmp_path.rglob("*.refused")
    assert aside.read_bytes() == b"\x10\x01"


def test_one_that_always_fails_does_not_block_the_others(sink: Sink, tmp_path: Path) -> None:
    settings = resolve({"endpoint": sink.url, "spill_dir": str(tmp_path)})
    spill = Spill(settings)
    assert spill.write(b"poison", 7)
    for _ in range(6):
        assert spill.write(b"", 1)
    sent: list[bytes] = []
    account = Account()

    def post(body: bytes) -> Answer:
        sent.append(body)
        return Answer(500 if body == b"poison" else 200, "", b"")

    backlog = Backlog(spill, account, post)
    for _ in range(3):
        # A moment later it is tried again, and another is taken right after it.
        backlog._left_at.clear()
        assert [answer.status for _ in range(2) if (answer := backlog.send_oldest())] == [500, 200]
        assert not backlog.is_outage(Answer(500, "", b""))
        assert not list(tmp_path.rglob("*.refused"))
    backlog._left_at.clear()
    while backlog.send_oldest():
        pass
    assert list(tmp_path.rglob("*.refused"))
    assert sent.count(b"poison") == 4
    assert sent.count(b"") == 6
    assert account.counts(lambda: 0).dropped == {"spill": 7}
    assert not spill.waiting()


def test_an_account_that_nobody_takes_is_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spill = Spill(resolve({"spill_dir": str(tmp_path)}), SCORES)
    assert spill.write(b"", 0)
    assert Backlog(spill, Account(), lambda body: Answer(404, "", b"")).send_oldest()
    assert not list(tmp_path.rglob("*-*"))
    assert caplog.text == ""


def test_when_nothing_is_taken_it_is_an_outage_and_nothing_is_set_aside(
    sink: Sink, tmp_path: Path
) -> None:
    spill = Spill(resolve({"endpoint": sink.url, "spill_dir": str(tmp_path)}))
    for _ in range(2):
        assert spill.write(b"x", 1)
    for status in (500, 503):
        backlog = Backlog(spill, Account(), lambda body, status=status: Answer(status, "", b""))
        for _ in range(10):
            backlog._left_at.clear()
            answers = [backlog.send_oldest(), backlog.send_oldest()]
            assert answers[1] is not None
            assert backlog.is_outage(answers[1])
    assert len(files(tmp_path)) == 2
    assert not list(tmp_path.rglob("*.refused"))


def test_what_is_too_old_is_dropped_and_counted(sink: Sink, tmp_path: Path) -> None:
    settings = resolve({"endpoint": sink.url, "spill_dir": str(tmp_path), "spill_max_age_s": 100})
    spill = Spill(settings)
    assert spill.write(b"", 3)
    [path] = files(tmp_path)
    old = f"{time.time_ns() - 200 * 10**9:020}-1-1-3.otlp"
    path.rename(path.with_name(old))
    for name in (f"{old}.refused", f"{old}.part"):
        path.with_name(name).write_bytes(b"")
    spill = Spill(settings)
    assert len(list(tmp_path.rglob("*-*"))) == 1, "what nobody sends goes at once"
    account = Account()
    assert Backlog(spill, account, lambda body: Answer(200, "", b"")).send_oldest() is None
    assert account.counts(lambda: 0).dropped == {"spill": 3}
    assert not spill.waiting()


def test_what_was_set_aside_makes_room(tmp_path: Path) -> None:
    spill = Spill(resolve({"spill_dir": str(tmp_path), "spill_bytes": 100}))
    assert spill.write(b"x" * 90, 1)
    assert not spill.write(b"y" * 90, 1)
    with spill.oldest() as spilled:
        assert spilled is not None
        spill.set_aside(spilled)
    assert spill.write(b"y" * 90, 1)
    assert [path.read_bytes()[:1] for path in tmp_path.rglob("*-*")] == [b"y"]


def test_without_locks_a_warning_says_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("spanglass._spill.fcntl", None)
    exporter = Exporter(resolve({"spill_dir": str(tmp_path), "endpoint": "http://127.0.0.1:9"}))
    exporter.close(0)
    assert "spill_dir has no effect on this system" in caplog.text
    assert "dropped and counted" in caplog.text
    assert list(tmp_path.iterdir()) == []


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
