"""The agent as a process, and what becomes of its reports when the collector is away."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanglass._settings import resolve
from spanglass.gpu._sender import Request, Sender
from support import nvml
from support.nvml import Stub
from support.running import environment, run_cli
from support.sdk_sink import Reply, Sink, running_sink
from support.waiting import wait_until


@pytest.fixture
def collector() -> Iterator[Sink]:
    with running_sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("nvml")).parent


def request(number: int) -> Request:
    from spanglass.gpu._metric_wire import number_point, resource_metrics, sum_of

    metric = sum_of("n", "", "1", [number_point((), 1, 2, number)], True)
    return Request(resource_metrics({}, "scope", [metric]), 1)


def arrived(sink: Sink) -> list[int]:
    """The numbers of the requests that were taken, in their order."""
    return [
        point.as_int
        for status, body in sink.received_metrics
        if status == 200
        for resource in body.resource_metrics
        for metric in resource.scope_metrics[0].metrics
        for point in metric.sum.data_points
    ]


def sender(sink: Sink, folder: Path | str, **settings: object) -> Sender:
    given = {"endpoint": sink.url, "spill_dir": str(folder), "timeout_s": 5, **settings}
    made = Sender(resolve(given, {}))
    made.start()
    return made


def test_an_outage_is_caught_up_with_in_order(collector: Sink, tmp_path: Path) -> None:
    collector.replies = [Reply(), Reply(503), Reply(503), Reply(401)]
    one = sender(collector, tmp_path)
    for number in range(30):
        one.offer(request(number))
        time.sleep(0.01)
    collector.wait(lambda: len(arrived(collector)) == 30)
    assert arrived(collector) == list(range(30))
    wait_until(lambda: not one.waiting_bytes(), "the disk is empty again")
    one.close(5)
    counts = one.account.counts(lambda: 30)
    assert counts.dropped == {}
    assert counts.resent == counts.spilled > 0


def test_what_waits_survives_the_process(tmp_path: Path) -> None:
    with running_sink() as gone:
        url = gone.url
    settings = {"endpoint": url, "spill_dir": str(tmp_path)}
    before = Sender(resolve(settings, {}))
    before.start()
    for number in range(5):
        before.offer(request(number))
    before.close(2)
    assert before.waiting_bytes()
    with running_sink() as back:
        after = Sender(resolve({**settings, "endpoint": back.url}, {}))
        # Requests belong to an endpoint: here the folder is that of the one before.
        assert after._spill is not None
        assert before._spill is not None
        after._spill._folder = before._spill._folder
        after.start()
        back.wait(lambda: len(arrived(back)) == 5)
        assert arrived(back) == list(range(5))
        after.close(2)


def test_a_full_disk_keeps_what_is_newest(collector: Sink, tmp_path: Path) -> None:
    size = len(request(1).body)
    collector.replies = [Reply(503, {"Retry-After": "1"})]
    one = sender(collector, tmp_path, spill_bytes=size * 3 + 1)
    for number in range(10):
        one.offer(request(number))
    wait_until(lambda: one.account.lost() == 7, "the oldest are given up")
    collector.wait(lambda: len(arrived(collector)) == 3)
    assert arrived(collector) == [7, 8, 9]
    one.close(2)


def test_a_disk_that_fails_loses_what_is_counted_and_nothing_else(
    collector: Sink, tmp_path: Path
) -> None:
    collector.replies = [Reply(503, {"Retry-After": "1"})]
    one = sender(collector, tmp_path)
    assert one._spill is not None
    folder = one._spill._folder
    folder.rename(tmp_path / "away")
    one.offer(request(0))
    wait_until(lambda: one.account.lost() == 1, "the request is lost, and counted")
    (tmp_path / "away").rename(folder)
    one.offer(request(1))
    collector.wait(lambda: arrived(collector) == [1])
    one.close(2)


def test_without_a_disk_the_newest_wait_in_memory(collector: Sink) -> None:
    collector.replies = [Reply(503, {"Retry-After": "1"})]
    one = sender(collector, "")
    for number in range(200):
        one.offer(request(number))
    collector.wait(lambda: 199 in arrived(collector))
    found = arrived(collector)
    assert found == sorted(found)
    assert len(found) + one.account.lost() == 200
    one.close(2)


def test_a_request_that_is_refused_is_given_up_alone(collector: Sink, tmp_path: Path) -> None:
    collector.replies = [Reply(400)]
    one = sender(collector, tmp_path)
    one.offer(request(0))
    wait_until(one.account.lost, "the first is refused")
    one.offer(request(1))
    collector.wait(lambda: arrived(collector) == [1])
    assert one.account.counts(lambda: 2).dropped == {"refused": 1}
    one.close(2)


def test_the_command_reports_until_it_is_ended(
    collector: Sink, library: Path, tmp_path: Path
) -> None:
    stub = Stub(tmp_path / "nvml.txt")
    stub.say(boards=8)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "spanglass_collector.cli", "agent", "--endpoint", collector.url,
            "--report-interval", "1", "--interval", "0.5", "--buffer-dir", str(tmp_path / "buffer"),
            "--gpu-hour-usd", "2.5",
        ],
        env=environment(LD_LIBRARY_PATH=str(library), NVML_STUB=str(stub.path)),
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        collector.wait(lambda: len(collector.received_metrics) >= 2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, said
    _, body = collector.received_metrics[0]
    found = nvml.points(body.SerializeToString())
    assert len({about["hw.id"] for about, _ in found["hw.energy"]}) == 8
    assert "system.memory.usage" in found
    resource = {pair.key: pair.value for pair in body.resource_metrics[0].resource.attributes}
    assert resource["service.name"].string_value == "spanglass-agent"
    assert resource["spanglass.gpu_hour_usd"].double_value == 2.5
    assert resource["host.name"].string_value


def test_it_needs_nothing_of_the_collector(tmp_path: Path) -> None:
    program = """
import sys
for name in ("typer", "rich", "fastapi", "clickhouse_connect", "google.protobuf", "pydantic",
             "opentelemetry.sdk", "spanglass_store"):
    sys.modules[name] = None
sys.argv = ["spanglass", *sys.argv[1:]]
from spanglass_collector.cli.start import main
main()
"""
    for words, code, said in (
        (["agent", "--once", "--no-gpu"], 0, b"system.memory.usage"),
        (["serve"], 1, b"pip install 'spanglass[collector]'"),
        (["agent", "--interval", "0"], 2, b"--interval '0': it should be from 0.1 to 60 seconds"),
        (["agent", "--engine", "ftp://x"], 2, b"http://127.0.0.1:4318"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, *words], env=environment(), capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done
        assert said in done.stdout + done.stderr


def test_a_node_without_nvidia_says_what_to_do(tmp_path: Path) -> None:
    done = run_cli("agent", "--once", "--no-host", cwd=tmp_path)
    assert done.returncode == 1
    assert b"nvml: libnvidia-ml.so.1 is not found; install the NVIDIA driver" in done.stderr
    listed = run_cli("--help", cwd=tmp_path)
    assert b"agent" in listed.stdout
    unknown = tmp_path / "agent.toml"
    unknown.write_text("intervall = 2")
    wrong = run_cli("agent", "--config", unknown, cwd=tmp_path)
    assert wrong.returncode == 2
    assert b"there is no setting 'intervall'" in wrong.stderr
