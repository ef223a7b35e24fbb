"""Boards, as the real pynvml reads them from a library built here."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanglass._settings import resolve
from spanglass.gpu import Agent, AgentSettings, _board, _nvml
from support import nvml
from support.nvml import Stub, number, points
from support.waiting import wait_until

GIB = 1 << 30
Start = Callable[..., Agent]


def board(index: int) -> str:
    return f"GPU-{index:08d}-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    with nvml.loaded(tmp_path_factory.mktemp("nvml")) as stub:
        yield stub


@pytest.fixture
def stub(library: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(_nvml, "_LOOK_S", 0.2)
    monkeypatch.setattr(_nvml, "_EVENT_WAIT_MS", 100)
    monkeypatch.setattr(_board, "_LOST_RETRY_S", 0.1)
    monkeypatch.setattr(_board, "BLOCKED_S", 0.3)
    yield library
    library.say(boards=1)


@pytest.fixture
def start(stub: Stub) -> Iterator[Start]:
    """Starts agents that read and do not report."""
    agents: list[Agent] = []

    def begin(**settings: object) -> Agent:
        given = {"interval": 0.1, "report_interval": 0.1, "host": False, "buffer_dir": ""}
        agent = Agent(AgentSettings(**{**given, **settings}), resolve({}))  # type: ignore[arg-type]
        agents.append(agent)
        agent.read()
        return agent

    yield begin
    stub.say(boards=1)
    for agent in agents:
        assert agent._boards is not None
        agent._boards.stop()
        # A thread that went on would take the next test's events.
        agent._boards._thread.join(5)


def read(
    agent: Agent, until: Callable[[dict[str, list[nvml.Point]]], object]
) -> dict[str, list[nvml.Point]]:
    """The first report that something holds of."""

    def once() -> dict[str, list[nvml.Point]] | None:
        found = points(agent.request().body)
        return found if until(found) else None

    found = wait_until(once, "a report as expected", timeout_s=20, every_s=0.15)
    assert found is not None
    return found


def of(found: dict[str, list[nvml.Point]], name: str, **about: object) -> list[float]:
    """Values of a metric whose attributes have these, `hw_id` being `hw.id`."""
    wanted = {key.replace("_", "."): value for key, value in about.items()}
    return [number(p) for a, p in found.get(name, []) if wanted.items() <= a.items()]


def test_eight_boards_with_their_conversions(stub: Stub, start: Start) -> None:
    stub.say(
        boards=8, all_power=250500, b3_power=701000, all_utilization=37, all_memory=30 * GIB,
        all_energy=123_456_789, all_corrected=7, all_nvlink_tx=10, all_memory_temp=88,
    )  # fmt: skip
    found = read(start(), lambda all_: len(of(all_, "hw.fan.speed_ratio")) == 8)
    for index in range(8):
        uuid = board(index)
        assert of(found, "hw.power", hw_id=uuid)[-1] == (701.0 if index == 3 else 250.5)
        assert of(found, "hw.gpu.utilization", hw_id=uuid, hw_gpu_task="general") == [0.37]
        assert of(found, "hw.gpu.utilization", hw_id=uuid, hw_gpu_task="encoder") == [0.1]
        assert of(found, "hw.energy", hw_id=uuid)[0] == 123456.789
        assert of(found, "hw.gpu.memory.usage", hw_id=uuid) == [30 * GIB]
        assert of(found, "hw.gpu.memory.limit", hw_id=uuid) == [80 * GIB]
        assert of(found, "hw.gpu.memory.reserved", hw_id=uuid) == [600 << 20]
        assert of(found, "hw.gpu.memory.utilization", hw_id=uuid) == [30 / 80]
        assert of(found, "hw.temperature", hw_id=uuid) == [61, 88]
        assert of(found, "hw.power.limit", hw_id=uuid) == [700]
        assert of(found, "hw.gpu.clock", hw_id=uuid) == [1755, 2619]
        assert of(found, "hw.fan.speed_ratio", hw_id=uuid) == [0.42]
        # NVLink counts KiB.
        assert of(found, "hw.gpu.io", hw_id=uuid, hw_gpu_link="nvlink") == [10240]
        assert sorted(of(found, "hw.errors", hw_id=uuid)) == [0, 7]
        assert of(found, "hw.status", hw_id=uuid, hw_state="ok") == [1]
    about, point = found["hw.energy"][0]
    assert about["hw.vendor"] == "NVIDIA"
    assert about["hw.model"] == "Stub 80GB"
    assert about["hw.driver_version"] == "575.57.08"
    assert about["hw.firmware_version"] == "96.00.89.00.01"
    assert about["hw.serial_number"] == "1600000000"
    # Since when a driver is loaded is not told.
    assert point.start_time_unix_nano == 0 < point.time_unix_nano


def test_what_a_board_lacks_is_absent_not_zero(stub: Stub, start: Start) -> None:
    # Not supported, no permission, an older driver's memory.
    stub.say(boards=1, all_refuse="fan:3,energy:3,ecc:4,memory2:13", all_memory=30 * GIB)
    found = read(start(), lambda all_: "hw.power.limit" in all_)
    for name in ("hw.fan.speed_ratio", "hw.fan.speed", "hw.energy", "hw.errors", "hw.gpu.io",
                 "hw.gpu.memory.reserved"):  # fmt: skip
        assert name not in found
    assert of(found, "hw.gpu.memory.usage") == [30 * GIB]
    assert of(found, "hw.status", hw_state="ok") == [1]


def test_readings_between_reports_are_summed_up(stub: Stub, start: Start) -> None:
    stub.say(boards=1, all_power=100_000, all_throttle=4, all_clock=1900)
    agent = start(interval=0.1, report_interval=60.0)
    time.sleep(0.5)
    stub.say(boards=1, all_power=300_000, all_clock=1200)
    time.sleep(0.5)
    found = points(agent.request().body)
    (mean,), (most,) = of(found, "hw.power"), of(found, "hw.power.max")
    assert 120 < mean < 280
    assert most == 300
    assert of(found, "hw.gpu.clock.min") == [1200]
    share = of(found, "hw.gpu.throttled", hw_gpu_throttle_reason="sw_power_cap")
    assert len(share) == 1
    assert 0.1 < share[0] < 0.9
    # The counter is sent for every second, whatever the report's interval is.
    assert len(of(found, "hw.energy")) >= 2


def test_a_lost_board_fails_alone_and_comes_back(stub: Stub, start: Start) -> None:
    stub.say(boards=3)
    agent = start()
    read(agent, lambda all_: len(of(all_, "hw.power")) == 3)
    stub.say(boards=3, b1_lost=1)
    read(agent, lambda all_: of(all_, "hw.status", hw_id=board(1), hw_state="failed") == [1])
    for _ in range(2):
        found = read(
            agent,
            lambda all_: (
                of(all_, "hw.power", hw_id=board(0)) and of(all_, "hw.power", hw_id=board(2))
            ),
        )
    assert not of(found, "hw.power", hw_id=board(1))
    assert "GPU is lost" in agent.states()[board(1)]
    stub.say(boards=3)
    read(agent, lambda all_: of(all_, "hw.power", hw_id=board(1)))
    assert not agent.states()[board(1)]


def test_a_call_that_blocks_delays_no_other_board(stub: Stub, start: Start) -> None:
    stub.say(boards=2)
    agent = start()
    read(agent, lambda all_: len(of(all_, "hw.power")) == 2)
    stub.say(boards=2, b0_block="power")
    read(agent, lambda all_: of(all_, "hw.status", hw_id=board(0), hw_state="failed") == [1])
    assert "does not come back" in agent.states()[board(0)]
    for _ in range(3):
        read(agent, lambda all_: of(all_, "hw.power", hw_id=board(1)))
    stub.say(boards=2)
    read(agent, lambda all_: of(all_, "hw.power", hw_id=board(0)))
    assert not agent.states()[board(0)]


def test_boards_that_cannot_be_opened_are_named_and_keep_no_other_back(
    stub: Stub, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_nvml, "_OPEN_S", 0.3)
    stub.say(boards=4, b0_block="uuid", b2_lost=1)
    agent = start()
    found = read(agent, lambda all_: len(of(all_, "hw.power")) == 2)
    assert {about["hw.id"] for about, _ in found["hw.power"]} == {board(1), board(3)}
    (about, point), *_ = found["spanglass.agent.source.up"]
    assert number(point) == 0
    said = "board 0 can't be opened: a call of the driver does not come back; board 2 can't be opened: GPU is lost"
    assert agent.states()["nvml"] == about["spanglass.reason"] == said
    stub.say(boards=4)
    read(agent, lambda all_: len(of(all_, "hw.power")) == 4)
    wait_until(lambda: not agent.states()["nvml"], "all are there")


def test_instances_come_and_go(stub: Stub, start: Start) -> None:
    def instances(found: dict[str, list[nvml.Point]]) -> set[str]:
        return {a["hw.id"] for a, _ in found.get("hw.gpu.memory.usage", []) if "hw.parent" in a}

    stub.say(boards=2, b1_mig=2)
    agent = start()
    found = read(agent, lambda all_: len(instances(all_)) == 2)
    part = next(a for a, _ in found["hw.gpu.memory.usage"] if a.get("hw.parent") == board(1))
    assert part["hw.gpu.mig.gpu_instance.id"] in (1, 2)
    assert part["hw.name"] == "Stub 80GB MIG 1g.10gb"
    # A board that is divided tells no utilization.
    stub.say(boards=2, b1_mig=3, b1_refuse="utilization:3")
    read(agent, lambda all_: len(instances(all_)) == 3)
    read(
        agent,
        lambda all_: not of(all_, "hw.gpu.utilization", hw_id=board(1), hw_gpu_task="general"),
    )
    stub.say(boards=2)
    found = read(
        agent,
        lambda all_: (
            "hw.gpu.mig_mode" in all_
            and not instances(all_)
            and of(all_, "hw.gpu.utilization", hw_id=board(1), hw_gpu_task="general")
        ),
    )
    assert of(found, "hw.gpu.mig_mode", hw_id=board(1)) == [0]


def test_counters_turn_over_and_begin_anew(stub: Stub, start: Start) -> None:
    stub.say(boards=1, all_pcie_rx=(1 << 32) - 1000, all_energy=9_000_000)
    agent = start()
    found = read(agent, lambda all_: of(all_, "hw.gpu.io") and of(all_, "hw.energy"))
    before = found["hw.energy"][-1][1].time_unix_nano
    stub.say(boards=1, all_pcie_rx=5000, all_energy=4_000)
    found = read(agent, lambda all_: of(all_, "hw.energy")[-1:] == [4.0] and "hw.gpu.io" in all_)
    assert of(found, "hw.gpu.io") == [(1 << 32) + 5000]
    assert found["hw.energy"][-1][1].start_time_unix_nano >= before


def test_processes_are_named(stub: Stub, start: Start, tmp_path: Path) -> None:
    container, pod = "4f" * 32, "8c1f3a5e_0b7d_4a51_9d6e_1c2b3a4d5e6f"
    folder = tmp_path / "proc" / "77"
    folder.mkdir(parents=True)
    (folder / "stat").write_text("77 (VLLM::Engine) S 1 " + "0 " * 17 + "4711 0 0")
    (folder / "cmdline").write_bytes(b"python3\0-m\0vllm.serve\0--api-key\0a secret\0")
    (folder / "cgroup").write_text(
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod}.slice/"
        f"cri-containerd-{container}.scope\n"
    )
    stub.say(boards=1, all_processes=f"77:{3 * GIB},78:{GIB}", all_graphics="79")
    agent = start(proc=str(tmp_path / "proc"))
    found = read(agent, lambda all_: len(of(all_, "process.gpu.memory.usage")) == 2)
    about, point = found["process.gpu.memory.usage"][0]
    assert number(point) == 3 * GIB
    assert about["process.pid"] == 77
    assert about["process.executable.name"] == "VLLM::Engine"
    assert about["process.command"] == "python3 -m vllm.serve"
    assert about["container.id"] == container
    assert about["k8s.pod.uid"] == pod.replace("_", "-")
    assert about["hw.id"] == board(0)
    unknown, _ = found["process.gpu.memory.usage"][1]
    assert unknown["process.pid"] == 78
    assert "container.id" not in unknown
    assert of(found, "process.gpu.utilization", process_pid=77) == [0.3]


def test_xid_errors_are_counted(stub: Stub, start: Start) -> None:
    stub.say(boards=2)
    agent = start()
    read(agent, lambda all_: "hw.power" in all_)
    stub.say(boards=2, b1_xid=79)
    found = read(agent, lambda all_: "hw.gpu.xid" in all_)
    assert of(found, "hw.gpu.xid", hw_id=board(1), hw_gpu_xid=79) == [1]


def test_the_hardware_protects_itself(stub: Stub, start: Start) -> None:
    stub.say(boards=1, all_throttle=0x8 | 0x40)
    found = read(start(), lambda all_: of(all_, "hw.status", hw_state="degraded") == [1])
    assert of(found, "hw.gpu.throttled", hw_gpu_throttle_reason="hw_thermal_slowdown") == [1]
    assert of(found, "hw.gpu.throttled", hw_gpu_throttle_reason="sw_power_cap") == [0]


def test_without_a_driver_until_there_is_one(stub: Stub, start: Start) -> None:
    stub.say(boards=1, open=9)
    agent = start()
    assert "driver is not loaded" in agent.states()["nvml"]
    found = points(agent.request().body)
    (about, point) = found["spanglass.agent.source.up"][0]
    assert number(point) == 0
    assert "nvidia-smi" in about["spanglass.reason"]
    stub.say(boards=2)
    read(agent, lambda all_: len(of(all_, "hw.power")) == 2)
    # The driver is exchanged while the agent runs.
    stub.say(boards=2, gone=1)
    wait_until(lambda: agent.states()["nvml"], "the driver is missed")
    stub.say(boards=2)
    read(agent, lambda all_: len(of(all_, "hw.power")) == 2)
    wait_until(lambda: not agent.states()["nvml"], "the driver is back")
