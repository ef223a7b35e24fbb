"""What `--help` says is what was written."""

from spanglass_collector.cli.main import _COMMANDS
from support.commands import Commands


def _words(text: bytes) -> str:
    return " ".join(text.decode().replace("│", " ").split())


def test_what_stands_in_brackets_is_shown(cli: Commands) -> None:
    help_ = _words(cli("serve", "--help").stdout)
    assert "Where OTLP/gRPC is taken. [default: 127.0.0.1:4317]" in help_
    assert "a table [detect.NAME] for each" in help_
    assert "[default: spanglass.toml, if there]" in help_
    help_ = _words(cli("detect", "run", "--help").stdout)
    assert "First moment, UTC. [default: a day ago]" in help_


def test_every_command_stands_under_a_heading(cli: Commands) -> None:
    help_ = cli("--help").stdout.decode()
    assert "─ Commands ─" not in help_
    for name in _COMMANDS:
        assert f"│ {name} " in help_
