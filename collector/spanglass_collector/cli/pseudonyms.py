"""`spanglass pseudonyms`: the key of reversible pseudonyms, and what they stand for."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from spanglass_collector.cli.output import console
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service, opened_state
from spanglass_store.errors import StoreError
from spanglass_store.state.keys import DEFAULT_PROJECT

app = typer.Typer(
    help="Pseudonyms that can be turned back, each time with an entry in the audit log.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="pseudonyms")


@app.command("new-key")
def new_key(
    path: Annotated[Path, typer.Argument(help="The file, outside the data directory.")],
) -> None:
    """Writes a new key, for `key_file` in [redact].

    spanglass pseudonyms new-key /etc/spanglass/pseudonyms.key
    """
    from spanglass_detectors.pii.pseudonyms import make_key

    try:
        make_key(path)
    except FileExistsError as error:
        raise StoreError(
            f"{path} is there already, and stays: what its key made could not be turned back."
        ) from error
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}.") from error
    console.print(
        f"{path}: set key_file in [redact], and keep a copy where no backup of the data is.",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


@app.command()
def reveal(
    pseudonym: Annotated[str, typer.Argument(help="As it is written: <EMAIL_ADDRESS~…>.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
    project: Annotated[str, typer.Option(help="Whose it is.")] = DEFAULT_PROJECT,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows what a pseudonym stands for, and writes down who asked and why.

    spanglass pseudonyms reveal '<EMAIL_ADDRESS~AbC…>' --reason 'request of access 4711'
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        body = {"pseudonym": pseudonym, "reason": reason, "project": project}
        value = service.request("POST", "/api/v1/pii/reveal", json=body).json()["value"]
    else:
        from spanglass_store.state.audit import AuditLog, write_reveal
        from spanglass_store.state.jobs import SUBJECT_KEY, JobBook

        made = settings.redaction.pseudonyms(settings.data_dir)
        if made is None:
            raise StoreError("There is no key of pseudonyms: set key_file in [redact].")
        try:
            found = made.reveal(project, pseudonym)
        except ValueError as error:
            raise StoreError(str(error)) from error
        with opened_state(settings) as database:
            subject_key = bytes.fromhex(JobBook(database).secret(SUBJECT_KEY))
            write_reveal(AuditLog(database), getpass.getuser(), project, reason, found, subject_key)
        value = found.value
    console.print(value, highlight=False, markup=False, soft_wrap=True)
