"""`spanglass keys`: who may send, read or administer."""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import DataDir, opened_state_of
from spanglass_store.state.audit import AuditLog
from spanglass_store.state.keys import DEFAULT_PROJECT, KeyInfo, Keys, Scope
from spanglass_store.state.principals import LOCAL

app = typer.Typer(
    help="Keys: who may send, read or administer. Works while the service runs.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="keys")


State = Annotated[
    str, typer.Option("--state", envvar="SPANGLASS_STATE", help="State database, if not SQLite.")
]


@contextlib.contextmanager
def _keys(data_dir: Path | None, state: str) -> Iterator[tuple[Keys, AuditLog]]:
    with opened_state_of(data_dir, state) as database:
        yield Keys(database), AuditLog(database)


def _note(log: AuditLog, action: str, info: KeyInfo, **more: str) -> None:
    detail = {"scope": info.scope.value, "name": info.name, **more}
    log.add(LOCAL.name, action, info.id, info.project, detail)


@app.command()
def create(
    scope: Annotated[Scope, typer.Option(help="What the key is for.")] = Scope.INGEST,
    project: Annotated[str, typer.Option(help="Whose data it sends or reads.")] = DEFAULT_PROJECT,
    name: Annotated[str, typer.Option(help="What you will know it by.")] = "",
    payload: Annotated[
        bool, typer.Option("--payload/--no-payload", help="May read prompts and answers.")
    ] = True,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days after which it opens nothing.")
    ] = None,
    data_dir: DataDir = None,
    state: State = "",
) -> None:
    """Makes a key and prints it, this once.

    spanglass keys create --scope ingest --project shop --name checkout-service
    spanglass keys create --scope read --no-payload --name finance
    spanglass keys create --scope read --expires-days 90
    """
    lifetime = timedelta(days=expires_days) if expires_days else None
    with _keys(data_dir, state) as (keys, log):
        info, secret = keys.create(scope, project, name, payload, lifetime)
        _note(log, "key.create", info)
    _show(info, secret)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="As `spanglass keys list` shows it.")],
    grace_hours: Annotated[
        int, typer.Option(min=0, max=8760, help="Hours for which the old one goes on.")
    ] = 24,
    data_dir: DataDir = None,
    state: State = "",
) -> None:
    """Makes a key in the place of another, which goes on for a while and then expires.

    spanglass keys rotate 1a2b3c4d
    spanglass keys rotate 1a2b3c4d --grace-hours 1
    """
    with _keys(data_dir, state) as (keys, log):
        info, secret = keys.rotate(key_id, timedelta(hours=grace_hours))
        _note(log, "key.rotate", info, replaces=key_id)
    _show(info, secret)
    errors.print(f"Key {key_id} opens nothing in {grace_hours} hours.", highlight=False)


def _show(info: KeyInfo, secret: str) -> None:
    until = f", until {info.expires_at:%Y-%m-%d %H:%M} UTC" if info.expires_at else ""
    errors.print(
        f"Key {info.id} for {info.scope} in project {info.project}{until}. It is shown this once:",
        highlight=False,
    )
    console.print(secret, highlight=False, soft_wrap=True)


@app.command("list")
def list_(data_dir: DataDir = None, state: State = "") -> None:
    """Shows every key, without its secret.

    spanglass keys list
    """
    with _keys(data_dir, state) as (keys, _):
        found = keys.list()
    print_table(
        ("id", "scope", "project", "name", "payload", "created", "used", "expires", "revoked"),
        [
            (
                key.id, str(key.scope), key.project, key.name, "yes" if key.payload else "no",
                *map(_minute, (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)),
            )
            for key in found
        ],
    )  # fmt: skip


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `spanglass keys list` shows it.")],
    data_dir: DataDir = None,
    state: State = "",
) -> None:
    """Makes a key useless, within two seconds, for good.

    spanglass keys revoke 1a2b3c4d
    """
    with _keys(data_dir, state) as (keys, log):
        info = keys.revoke(key_id)
        _note(log, "key.revoke", info)
    errors.print(f"Key {info.id} ({info.scope}, {info.project}) is revoked.", highlight=False)
