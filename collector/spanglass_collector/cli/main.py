"""Composes the commands and turns errors into one line."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Any, Final, NoReturn

import typer
import typer.main
from rich.markup import escape

from spanglass_collector.cli.output import errors
from spanglass_store.errors import StoreError

#: What wrong uses are. Newer versions of typer bring a click of their own, so its errors are not
#: those of the package `click`.
_CLICK_ERROR: Final[type[Exception]] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

#: Every command, in the order of the help and under its headings; each has a module of its name.
_PANELS: Final = {
    "Run": ("serve", "demo", "agent", "doctor", "migrate", "backup", "restore"),
    "Telemetry": ("sql", "tail", "export", "import", "purge", "retention", "dead-letters"),
    "Quality": ("detect", "prompts", "datasets", "review", "eval"),
    "Alerts": ("alerts",),
    "Money": ("cost", "prices", "budgets", "advise"),
    "Access": ("keys", "accounts", "audit", "pseudonyms", "mcp"),
}
_COMMANDS: Final = tuple(name for names in _PANELS.values() for name in names)


def commands(words: Sequence[str]) -> typer.Typer:
    """The command that is named, or all of them.

    A module of the service takes a second to load, so none is loaded that the command does not use.
    """
    named = next((word for word in words if not word.startswith("-")), "")
    app = typer.Typer(
        name="spanglass",
        help="Observability for LLM applications: collector, store, web application.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_completion=True,
    )
    # A group stays one with a single command in it.
    app.callback()(_nothing)
    for name in (named,) if named in _COMMANDS else _COMMANDS:
        own = f"{name}_" if iskeyword(name) else name.replace("-", "_")
        module = import_module(f"spanglass_collector.cli.{own}")
        module.register(app)
    return app


def _program(app: typer.Typer) -> Any:
    """What runs: its help says what was written, under headings.

    Rich takes what stands in brackets, such as a default, for markup and leaves it out.
    """
    program: Any = typer.main.get_command(app)
    for panel, names in _PANELS.items():
        for name in names:
            if name in program.commands:
                program.commands[name].rich_help_panel = panel
    _escape(program)
    return program


def _escape(command: Any) -> None:
    for described in (command, *command.params):
        if getattr(described, "help", None):
            described.help = escape(described.help)
    for each in getattr(command, "commands", {}).values():
        _escape(each)


def _nothing() -> None:
    """Observability for LLM applications: collector, store, web application."""


def main() -> NoReturn:
    """Runs the command line; exits with 0, 1 (it could not), or 2 (used wrongly)."""
    try:
        program = _program(commands(sys.argv[1:]))
        code = program(prog_name="spanglass", standalone_mode=False)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except _CLICK_ERROR as wrong:
        _show(wrong)
        sys.exit(getattr(wrong, "exit_code", 2))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except StoreError as error:
        errors.print(f"spanglass: {error}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        # `spanglass sql … | head`: nobody reads on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _show(wrong: Any) -> None:
    """A wrong use in one line, with where to look it up."""
    message = " ".join(wrong.format_message().split()).replace("Value error, ", "")
    if not message:
        # Without a command the help was shown.
        return
    command = wrong.ctx.command_path if getattr(wrong, "ctx", None) else "spanglass"
    errors.print(
        f"spanglass: {message.rstrip('.')}. See `{command} --help`.",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
