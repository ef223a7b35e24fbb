"""Composes the commands and turns errors into one line."""

import os
import sys
from typing import NoReturn

import click
import typer

from spanglass_collector.cli import dead_letters, demo, doctor, keys, migrate, serve, sql, tail
from spanglass_collector.cli.output import errors
from spanglass_store.errors import StoreError

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
sql.register(app)
tail.register(app)
doctor.register(app)
migrate.register(app)
app.add_typer(keys.app, name="keys")
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> NoReturn:
    """Runs the command line; exits with 0, 1 (it could not), or 2 (used wrongly)."""
    try:
        code = app(standalone_mode=False)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except StoreError as error:
        errors.print(f"spanglass: {error}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        # `spanglass sql … | head`: nobody reads on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
