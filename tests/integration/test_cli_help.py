"""Help: square brackets are shown, and not taken for markup."""

from pathlib import Path

from support.running import run_cli


def test_defaults_and_tables_are_shown(tmp_path: Path) -> None:
    for name, texts in (
        ("serve", ("[default: 127.0.0.1:4317]", "the table [redact]", "a table [detect.NAME]")),
        ("purge", ("[default: standard output]",)),
    ):
        said = run_cli(name, "--help", cwd=tmp_path).stdout.decode()
        shown = " ".join(said.replace("│", " ").split())
        for text in texts:
            assert text in shown
