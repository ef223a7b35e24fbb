"""`spanglass accounts`: people who sign in, and what they are in which project."""

import getpass
import secrets
import sys
from typing import Annotated, Final

import typer

from spanglass_collector.cli.keys import State
from spanglass_collector.cli.output import console, errors, print_table
from spanglass_collector.cli.remote import DataDir, opened_state_of
from spanglass_store.errors import StoreError
from spanglass_store.state.accounts import Account, Accounts
from spanglass_store.state.audit import AuditLog
from spanglass_store.state.passwords import SHORTEST
from spanglass_store.state.principals import DEFAULT_PROJECT, LOCAL
from spanglass_store.state.rights import ALL_PROJECTS, Role

app = typer.Typer(
    help="Accounts: people who sign in to the web application. Works while the service runs.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="accounts")


Name = Annotated[str, typer.Argument(help="What they sign in with: a name or a mail address.")]
Project = Annotated[str, typer.Option(help="The project that the role is in.")]
AllProjects = Annotated[
    bool, typer.Option("--all-projects", help="The role is in every project, also later ones.")
]
Generate = Annotated[
    bool, typer.Option("--generate", help="Make up a password and print it, this once.")
]
_BYTES: Final = 15


@app.command()
def create(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they are there.")] = Role.VIEWER,
    project: Project = DEFAULT_PROJECT,
    all_projects: AllProjects = False,
    payload: Annotated[
        bool, typer.Option("--payload/--no-payload", help="May read prompts and answers.")
    ] = True,
    generate: Generate = False,
    data_dir: DataDir = None,
    state: State = "",
) -> None:
    """Makes an account. Asks for its password, or reads it from standard input.

    spanglass accounts create ada --role admin --all-projects
    spanglass accounts create finance@example.org --project shop --no-payload --generate
    """
    with opened_state_of(data_dir, state) as database:
        accounts, log = Accounts(database), AuditLog(database)
        where = ALL_PROJECTS if all_projects else project
        if not (role is Role.ADMIN and all_projects) and not accounts.list():
            errors.print(
                "This is the first account and does not administer all projects."
                " Only keys and this machine's commands can make others.",
                highlight=False,
            )
        password = _password(generate)
        made = accounts.create(name, password, {where: role}, payload)
        log.add(LOCAL.name, "account.create", made.name, "" if all_projects else project)
    errors.print(f"Account {made.name} is {_roles(made)}.", highlight=False)
    _show(password, generate)


@app.command("list")
def list_(data_dir: DataDir = None, state: State = "") -> None:
    """Shows every account, with its roles.

    spanglass accounts list
    """
    with opened_state_of(data_dir, state) as database:
        found = Accounts(database).list()
    print_table(
        ("name", "roles", "payload", "created", "signed in", "disabled"),
        [
            (
                each.name, _roles(each), "yes" if each.payload else "no",
                *(f"{at:%Y-%m-%d %H:%M}" if at else ""
                  for at in (each.created_at, each.signed_in_at, each.disabled_at)),
            )
            for each in found
        ],
    )  # fmt: skip


@app.command()
def set_role(
    name: Name,
    role: Annotated[str, typer.Argument(help="admin, member, viewer, or none.")],
    project: Project = DEFAULT_PROJECT,
    all_projects: AllProjects = False,
    data_dir: DataDir = None,
    state: State = "",
) -> None:
    """Says what somebody is in a project; `none` takes the role away.

    spanglass accounts set-role ada member --project shop
    spanglass accounts set-role ada none --project shop
    """
    if role not in (*Role, "none"):
        raise StoreError(f"{role!r} is no role: choose from {', '.join(Role)}, none.")
    where = ALL_PROJECTS if all_projects else project
    with opened_state_of(data_dir, state) as database:
        changed = Accounts(database).set_role(name, where, None if role == "none" else Role(role))
        AuditLog(database).add(
            LOCAL.name, "account.role", changed.name, "" if all_projects else project,
            {"role": role},
        )  # fmt: skip
    errors.print(f"Account {changed.name} is {_roles(changed)}.", highlight=False)


@app.command()
def disable(name: Name, data_dir: DataDir = None, state: State = "") -> None:
    """Lets somebody in no more, and signs them out everywhere, within two seconds.

    spanglass accounts disable ada
    """
    with opened_state_of(data_dir, state) as database:
        changed = Accounts(database).disable(name)
        AuditLog(database).add(LOCAL.name, "account.disable", changed.name)
    errors.print(f"Account {changed.name} is disabled.", highlight=False)


@app.command()
def enable(name: Name, data_dir: DataDir = None, state: State = "") -> None:
    """Lets somebody in again.

    spanglass accounts enable ada
    """
    with opened_state_of(data_dir, state) as database:
        changed = Accounts(database).disable(name, disabled=False)
        AuditLog(database).add(LOCAL.name, "account.enable", changed.name)
    errors.print(f"Account {changed.name} can sign in again.", highlight=False)


@app.command()
def reset_password(
    name: Name, generate: Generate = False, data_dir: DataDir = None, state: State = ""
) -> None:
    """Gives somebody another password, and signs them out everywhere.

    spanglass accounts reset-password ada --generate
    """
    with opened_state_of(data_dir, state) as database:
        accounts = Accounts(database)
        accounts.get(name)
        password = _password(generate)
        changed = accounts.reset_password(name, password)
        AuditLog(database).add(LOCAL.name, "account.password", changed.name)
    errors.print(f"Account {changed.name} has another password.", highlight=False)
    _show(password, generate)


def _password(generate: bool) -> str:
    if generate:
        return secrets.token_urlsafe(_BYTES)
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    given = getpass.getpass(f"Password, {SHORTEST} characters or more: ")
    if getpass.getpass("Once more: ") != given:
        raise StoreError("The two are not the same. Try again.")
    return given


def _show(password: str, generated: bool) -> None:
    if generated:
        errors.print("The password is shown this once:", highlight=False)
        console.print(password, highlight=False, soft_wrap=True, markup=False)


def _roles(account: Account) -> str:
    said = [
        f"{role} in {'all projects' if project == ALL_PROJECTS else project}"
        for project, role in account.roles.items()
    ]
    return ", ".join(said) or "nothing in any project"
