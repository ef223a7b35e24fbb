"""The commands: against a running service, and against the data of one that does not run."""

import contextlib
import csv
import io
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from spanglass_store.data_directory import DataDirectory
from spanglass_store.migrate import migrations
from spanglass_store.state.audit import AuditLog
from spanglass_store.state.database import Database
from support import otlp
from support.commands import Commands, Done
from support.running import Launch, RunningService, command, environment, run_cli
from support.waiting import wait_until


def failed(done: Done, code: int = 1) -> str:
    """What a command that could not do it says: one line."""
    text = done.stderr.decode()
    assert done.returncode == code, text
    assert "Traceback" not in text
    assert done.stdout == b""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("spanglass: ")
    return lines[0]


def out(done: Done) -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


# -- sql -----------------------------------------------------------------------------------------

QUERY = (
    "SELECT 'a[b]\n[red]c[/red] ü' AS t, 1.5 AS f, [1, 2] AS l, map('k', [true]) AS m, NULL AS n,"
    " 18446744073709551615 AS b, {p:String} AS p FROM numbers(2) ORDER BY 1"
)
ROW: dict[str, Any] = {
    "t": "a[b]\n[red]c[/red] ü", "f": 1.5, "l": [1, 2], "m": {"k": [True]}, "n": None, "b": 2**64 - 1,
    "p": "x=y",
}  # fmt: skip


def check_formats(run: Callable[..., Done], folder: Path) -> None:
    """Every format of `spanglass sql`, each with the same rows."""
    ask = ("--param", "p=x=y")
    shown = json.loads(out(run("sql", QUERY, "--format", "json", *ask)))
    assert shown == [ROW, ROW]
    rows = list(csv.DictReader(io.StringIO(out(run("sql", QUERY, "--format", "csv", *ask)))))
    assert len(rows) == 2
    assert rows[0]["t"] == ROW["t"]
    assert json.loads(rows[0]["l"]) == [1, 2]
    assert json.loads(rows[0]["m"]) == {"k": [True]}
    assert (rows[0]["n"], rows[0]["b"]) == ("", str(2**64 - 1))
    # From standard input, into a file.
    path = folder / "result.parquet"
    assert out(run("sql", "-", "--format", "parquet", "-o", path, *ask, stdin=QUERY)) == ""
    table = pq.read_table(path)
    assert table.column_names == list(ROW)
    assert table.num_rows == 2
    assert {name: table[name][0].as_py() for name in ROW} == ROW


def test_sql_against_a_running_service(
    service: RunningService, cli: Commands, tmp_path: Path
) -> None:
    check_formats(cli.on(service.data_dir), tmp_path)


def test_a_table_shows_values_as_they_are(service: RunningService, cli: Commands) -> None:
    query = "SELECT 'a[b] [red]c[/red]' AS `[t]`, [1, 2] AS l, NULL AS n, ['x'] AS x"
    done = cli("sql", query, "--data-dir", service.data_dir)
    table = out(done)
    for text in ("[t]", "a[b] [red]c[/red]", "[1, 2]", '["x"]', "NULL"):
        assert text in table
    assert "\\" not in table
    assert "1 row" in done.stderr.decode()


def test_a_span_does_not_steer_the_terminal(service: RunningService, cli: Commands) -> None:
    text = "a\\x1b]0;b\\x07c\\xc2\\x9bd\\xe2\\x80\\xaee"
    table = out(cli.on(service.data_dir)("sql", f"SELECT '{text}' AS t"))
    assert r"a\x1b]0;b\x07c\x9bd\u202ee" in table
    assert not set("\x1b\x07\x9b\u202e") & set(table)


def test_sql_that_is_refused_is_one_line(service: RunningService, cli: Commands) -> None:
    run = cli.on(service.data_dir)
    assert "nonsense" in failed(run("sql", "SELECT nonsense"))
    assert "not available" in failed(run("sql", "SELECT file('/etc/hostname')"))
    assert "should look like name=value" in failed(run("sql", "SELECT 1", "--param", "x"))
    gone = failed(run("sql", "SELECT 1", "--format", "csv", "-o", "no/such/folder/x"))
    assert "Can't write" in gone


def test_a_service_is_found_by_its_address(service: RunningService, cli: Commands) -> None:
    assert out(cli("sql", "SELECT 1 AS n", "--format", "csv", "--url", service.web)) == "n\n1\n"
    line = failed(cli("sql", "SELECT 1", "--url", "http://127.0.0.1:1"))
    assert "Can't reach the service at http://127.0.0.1:1" in line
    assert "There is no data in" in failed(cli("sql", "SELECT 1", "--data-dir", "nothing"))


def test_a_reader_that_goes_away_is_no_error(service: RunningService) -> None:
    line = " ".join(
        f"'{part}'" for part in command("sql", "SELECT number FROM numbers(99999)", "--format", "csv",
                                        "--data-dir", service.data_dir)
    )  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -n 1"], env=environment(), check=False,
        capture_output=True, cwd=service.data_dir.parent, timeout=60,
    )  # fmt: skip
    assert done.stdout == b"number\n"
    assert done.stderr == b""
    assert done.returncode == 0


# -- tail, doctor --------------------------------------------------------------------------------


def test_tail_shows_spans_as_they_arrive(
    service: RunningService, unique: str, cli: Commands
) -> None:
    first = otlp.chat_span(5, 7)
    service.send(otlp.request(first, otlp.span("plain [x]", error="bad"), service=unique))
    service.settle()
    process = subprocess.Popen(
        command("tail", "--service", unique, "--data-dir", service.data_dir),
        env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=service.data_dir.parent,
        # Where the tests were started in the background, the signal is ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines = sorted(process.stdout.readline().decode() for _ in range(2))
        assert any("chat gpt-4o-mini" in line and "5→7" in line for line in lines)
        assert any("plain [x]" in line for line in lines)
        service.send(otlp.request(otlp.span("other"), service="somebody-else"))
        for n in range(3):
            service.send(otlp.request(otlp.span(f"new {n}"), service=unique))
        new = [process.stdout.readline().decode() for _ in range(3)]
        assert sorted(line.split("  ")[-2].strip() for line in new) == ["new 0", "new 1", "new 2"]
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == b""
    run = cli.on(service.data_dir)
    llm = out(run("tail", "--service", unique, "--llm", "--no-follow", "-n", "50"))
    assert len(llm.splitlines()) == 1
    assert first.trace_id.hex() in llm
    bad = out(run("tail", "--service", unique, "--errors", "--no-follow"))
    assert len(bad.splitlines()) == 1


def test_doctor_knows_a_running_service(service: RunningService, cli: Commands) -> None:
    text = out(cli("doctor", "--data-dir", service.data_dir))
    assert f"✓ a service runs at {service.web} and is ready" in text
    assert "✗" not in text


# -- a service that does not run -----------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunningService:
    """The data of a service that ran, took a span and was stopped."""
    service = RunningService(tmp_path_factory.mktemp("stopped") / "data")
    with service:
        service.send(otlp.request(otlp.span("kept")))
        service.settle()
    return service


def test_commands_open_the_data_directory(
    stopped: RunningService, cli: Commands, tmp_path: Path
) -> None:
    run = cli.on(stopped.data_dir)
    assert out(run("sql", "SELECT name FROM spans", "--format", "csv")) == "name\nkept\n"
    check_formats(run, tmp_path)
    assert "not available" in failed(run("sql", "SELECT file('/etc/hostname')"))
    newest = len(migrations())
    assert f"The schema is at {newest} of {newest}." in out(run("migrate"))
    assert "✓ embedded ClickHouse 2" in run("doctor").stdout.decode()
    assert "spanglass serve" in failed(run("tail"))


def test_what_a_killed_service_left_is_no_running_service(launch: Launch, cli: Commands) -> None:
    service = launch()
    service.send(otlp.request(otlp.span("kept")))
    service.settle()
    service.kill()
    assert (service.data_dir / "service.json").exists()
    run = cli.on(service.data_dir)
    assert "kept" in out(run("sql", "SELECT name FROM spans", "--format", "csv"))


def test_a_new_directory_is_migrated(cli: Commands, tmp_path: Path) -> None:
    assert "applied 0001_spans" in out(cli("migrate", "--data-dir", "new"))
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


# -- keys ----------------------------------------------------------------------------------------


def test_keys_are_made_listed_and_revoked(cli: Commands, tmp_path: Path) -> None:
    def keys(*arguments: str) -> Done:
        return cli("keys", *arguments, "--data-dir", "data")

    made = keys("create", "--scope", "read", "--project", "shop", "--name", "till", "--no-payload")
    secret = out(made).strip()
    assert secret.startswith("sg_read_")
    key_id = secret.split("_")[2]
    assert key_id in made.stderr.decode()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    listed = out(keys("list"))
    for text in (key_id, "read", "shop", "till", "no"):
        assert text in listed
    assert secret not in listed
    assert "is revoked" in keys("revoke", key_id).stderr.decode()
    assert "There is no key 'x'" in failed(keys("revoke", "x"))
    database = Database(DataDirectory(tmp_path / "data").state_url)
    with contextlib.closing(database):
        noted = [(each.actor, each.action, each.target) for each in AuditLog(database).list()]
    assert noted == [
        ("this machine", "key.revoke", key_id), ("this machine", "key.create", key_id)
    ]  # fmt: skip
    assert "can't be a project's name" in failed(keys("create", "--project", "A B"))


def test_keys_made_while_the_service_runs_are_honoured(launch: Launch, cli: Commands) -> None:
    service = launch()
    assert service.post(otlp.request(otlp.span())).status_code == 200
    secret = service.key("ingest", "shop")
    wait_until(lambda: service.post(otlp.request(otlp.span())).status_code == 401)
    service.send(otlp.request(otlp.span("with key")), authorization=f"Bearer {secret}")
    service.settle()
    assert service.one("SELECT project FROM spans WHERE name = 'with key'") == {"project": "shop"}
    # Commands on this machine go on working: they have the token of the data directory.
    query = "SELECT DISTINCT project FROM spans"
    assert "shop" in out(cli("sql", query, "--data-dir", service.data_dir))


# -- what is wrong is one line and a status --------------------------------------------------------

PORTS = ("--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--web", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--no-such-flag"), "No such option: --no-such-flag"),
        (("serve", "--writers", "many"), "--writers"),
        (("keys", "create", "--scope", "owner"), "'owner' is not one of"),
        (("sql",), "query"),
        (("nothing",), "No such command 'nothing'"),
    ],
)
def test_a_wrong_use_is_one_line(cli: Commands, arguments: tuple[str, ...], said: str) -> None:
    line = failed(cli(*arguments), 2)
    assert said in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--web", "nowhere"), "--web 'nowhere': should look like 127.0.0.1:4318"),
        (("--config", "gone.toml"), "There is no file gone.toml"),
        (("--clickhouse", "nonsense"), "--clickhouse must look like"),
        (("--clickhouse", "http://u:secret@127.0.0.1:1/x", *PORTS), "Can't reach ClickHouse at"),
        (("--state", "bogus://x", *PORTS), "--state"),
        (("--otlp-http", "0.0.0.0:0"), "spanglass keys create"),
        (("--web", "[::]:0"), "spanglass keys create"),
        (("--data-dir", "file", *PORTS), "Can't use the data directory"),
        (("--data-dir", "file/below", *PORTS), "Can't use the data directory"),
        (("--data-dir", "/proc/nothing", *PORTS), "Can't use the data directory"),
        (("--data-dir", "newer", *PORTS), "has format 99, this version knows"),
        (("--data-dir", "broken", *PORTS), "format.json can't be read"),
    ],
)
def test_a_service_that_can_not_start_says_why(
    cli: Commands, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    for name, text in (("newer", '{"format": 99}'), ("broken", "?")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "format.json").write_text(text)
    line = failed(cli("serve", *arguments))
    assert said in line
    assert "secret" not in line


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    """What the other tests see inside this process, once from outside."""
    (tmp_path / "spanglass.toml").write_text("webb = '127.0.0.1:1'\n")
    done = run_cli("serve", cwd=tmp_path)
    assert "spanglass.toml: there is no setting 'webb'" in failed(done)
    done = run_cli("serve", "--no-such-flag", cwd=tmp_path)
    assert "No such option: --no-such-flag" in failed(done, 2)
    # A ClickHouse that is away: what the libraries log about it is not shown.
    (tmp_path / "spanglass.toml").unlink()
    done = run_cli("serve", "--clickhouse", "http://127.0.0.1:1/x", *PORTS, "--data-dir", "d",
                   cwd=tmp_path)  # fmt: skip
    assert "Can't reach ClickHouse at 127.0.0.1:1" in failed(done)


def test_a_spool_of_a_newer_version_is_left_alone(cli: Commands, tmp_path: Path) -> None:
    segment = tmp_path / "data" / "spool" / "000000000001.v9.traces"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"of the future")
    done = cli("serve", "--data-dir", "data", *PORTS)
    assert "version 9, this version knows 2" in failed(done)
    assert segment.read_bytes() == b"of the future"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_is_taken_is_named(service: RunningService, cli: Commands) -> None:
    """A port of another, a data directory of another."""
    for flag, name in (
        ("--otlp-http", "otlp_http"),
        ("--web", "web"),
        ("--otlp-grpc", "otlp_grpc"),
    ):
        flags = list(PORTS)
        flags[flags.index(flag) + 1] = service.addresses[name]
        line = failed(cli("serve", "--data-dir", "data", *flags))
        assert service.addresses[name].split(":")[1] in line
        assert flag in line
    for one, other in (("--otlp-http", "--otlp-grpc"), ("--otlp-grpc", "--web")):
        flags = list(PORTS)
        port = free_port()
        flags[flags.index(one) + 1] = f"127.0.0.1:{port}"
        flags[flags.index(other) + 1] = f"localhost:{port}"
        line = failed(cli("serve", "--data-dir", "data", *flags))
        assert (
            f"another of these doors has it. Stop what uses the port, or choose another with {other}"
            in line
        )
    run = cli.on(service.data_dir)
    assert "in use by another process" in failed(run("serve", *PORTS))
    assert "in use by another process" in failed(run("migrate"))
    assert service.get("/api/v1/traces", limit=1)["items"] is not None


# -- ending --------------------------------------------------------------------------------------


def family(service: RunningService) -> list[psutil.Process]:
    return [service.process, *service.process.children(recursive=True)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_drains_and_leaves_nothing(
    launch: Launch, cli: Commands, number: int
) -> None:
    service = launch()
    processes = family(service)
    assert len(processes) == 2
    sent = otlp.request(*(otlp.span() for _ in range(500)))
    service.send(sent)
    os.kill(service.process.pid, number)
    began = time.monotonic()
    assert service.wait() == 0
    assert time.monotonic() - began < 10, "the contract, not a measurement"
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []
    assert not (service.data_dir / "service.json").exists()
    query = "SELECT count() AS n FROM spans"
    assert out(cli("sql", query, "--format", "csv", "--data-dir", service.data_dir)) == "n\n500\n"


def test_a_killed_service_leaves_no_server_behind_and_loses_nothing(launch: Launch) -> None:
    service = launch()
    processes = family(service)
    ids = set()
    for _ in range(20):
        one = otlp.span()
        service.send(otlp.request(one))
        ids.add(one.span_id.hex())
    service.kill()
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    service.start()
    service.settle()
    assert {row["span_id"] for row in service.sql("SELECT span_id FROM spans")} == ids
    account = service.account()
    assert account.stored == 20


def test_a_server_that_dies_is_started_again(launch: Launch) -> None:
    service = launch()
    first = service.store_process.pid
    os.kill(first, signal.SIGKILL)
    one = otlp.span()
    service.send(otlp.request(one))
    wait_until(lambda: service.metrics()["spanglass_store_restarts_total"][()] >= 1)
    service.settle()
    assert service.stored_span(one.span_id, "name") == {"name": "work"}
    assert service.store_process.pid != first
    assert service.api("GET", "/readyz").status_code == 200


def test_ports_are_free_again_after_the_end(launch: Launch) -> None:
    service = launch()
    ports = [int(address.rpartition(":")[2]) for address in service.addresses.values()]
    assert len(set(ports)) == 3
    service.stop()
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback ::1")
def test_a_service_on_ipv6(launch: Launch) -> None:
    door = "[::1]:0"
    service = launch("--otlp-grpc", door, "--otlp-http", door, "--web", door)
    assert all(address.startswith("[::1]:") for address in service.addresses.values())
    service.send(otlp.request(otlp.span()))
    service.grpc(otlp.request(otlp.span()))
    assert service.settle().stored == 2
