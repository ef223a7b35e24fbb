"""Composes the commands and turns errors into one line."""

import os
import sys
from typing import Any, Final, NoReturn

import typer

from spanglass_collector.cli import (
    agent,
    alerts,
    budgets,
    dead_letters,
    demo,
    detect,
    doctor,
    keys,
    migrate,
    prices,
    serve,
    sql,
    tail,
)
from spanglass_collector.cli.output import errors
from spanglass_store.errors import StoreError

#: What wrong uses are. Newer versions of typer bring a click of their own, so its errors are not
#: those of the package `click`.
_CLICK_ERROR: Final[type[Exception]] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    name="spanglass",
    help="Observability for LLM applications: collector, store, web application.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=True,
)
serve.register(app)
demo.register(app)
agent.register(app)
sql.register(app)
tail.register(app)
doctor.register(app)
migrate.register(app)
app.add_typer(keys.app, name="keys")
app.add_typer(detect.app, name="detect")
app.add_typer(prices.app, name="prices")
app.add_typer(alerts.app, name="alerts")
app.add_typer(budgets.app, name="budgets")
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> NoReturn:
    """Runs the command line; exits with 0, 1 (it could not), or 2 (used wrongly)."""
    try:
        code = app(prog_name="spanglass", standalone_mode=False)
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
