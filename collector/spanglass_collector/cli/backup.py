"""`spanglass backup`: takes, lists and deletes copies of everything that the service keeps."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from spanglass_collector.cli.output import errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service
from spanglass_store.errors import StoreError

_PATH: Final = "/api/v1/backups"
#: Seconds between looks at one that is under way.
_LOOK_S: Final = 0.2


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("backup")(backup)


def backup(
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=36500,
            show_default=False,
            help="Days until it expires; 0 for never. [default: as is set for the service]",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Shows the backups.")] = False,
    delete: Annotated[str, typer.Option(metavar="NAME", help="Deletes this one.")] = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Copies the store, the state database and the dead letters into a folder.

    The service goes on meanwhile. What was accepted before is in the backup. `spanglass restore`
    brings it back.

    spanglass backup
    spanglass backup --keep-days 90
    spanglass backup --list
    """
    if delete and (show or keep_days is not None):
        raise StoreError("--delete goes with neither --list nor --keep-days.")
    service, settings = find_service(data_dir, url, key)
    if service is None:
        _alone(settings, keep_days, show, delete)
        return
    if delete:
        service.request("DELETE", f"{_PATH}/{quote(delete, safe='')}")
        errors.print(f"{delete} is deleted.", highlight=False)
        return
    if show:
        _print(service.request("GET", _PATH).json()["items"])
        return
    asked = service.request("POST", _PATH, json={"keep_days": keep_days}).json()
    while asked["state"] == "running":
        time.sleep(_LOOK_S)
        asked = service.request("GET", f"{_PATH}/{asked['name']}").json()
    _tell(asked)


def _alone(settings: Any, keep_days: int | None, show: bool, delete: str) -> None:
    """The same for a data directory whose service does not run."""
    from spanglass_collector.backups.alone import opened_backups
    from spanglass_dashboards.api.backups import BackupOut
    from spanglass_store.backups.catalog import Catalog

    catalog = Catalog(settings.backups, settings.data_dir)
    if delete:
        catalog.delete(delete)
        errors.print(f"{delete} is deleted.", highlight=False)
        return
    if show:
        _print([BackupOut.of(each, catalog).model_dump(mode="json") for each in catalog.list()])
        return
    with opened_backups(settings) as desk:
        taken = desk.take(keep_days)
    _tell(BackupOut.of(taken, catalog).model_dump(mode="json"))


def _tell(taken: Mapping[str, Any]) -> None:
    if taken["state"] == "failed":
        raise StoreError(f"The backup failed: {taken['error']}")
    rows = sum(taken["rows"].values())
    until = f"It expires at {_when(taken['expires_at'])}." if taken["expires_at"] else "It stays."
    errors.print(
        f"{rows:,} rows, {taken['bytes']:,} bytes. {until}", highlight=False, soft_wrap=True
    )
    if not taken["has_state"]:
        errors.print("The state database is on another server, and is not in it.", highlight=False)
    print(taken["path"])


def _print(items: list[dict[str, Any]]) -> None:
    print_table(
        ("name", "state", "rows", "bytes", "expires", "purges since", "error"),
        [
            (
                each["name"], each["state"], sum(each["rows"].values()), each["bytes"],
                _when(each["expires_at"]) if each["expires_at"] else "never",
                len(each["purges_since"]), each["error"],
            )
            for each in items
        ],
        whole=("name", "expires"),
    )  # fmt: skip


def _when(text: str) -> str:
    return text[:16].replace("T", " ") + " UTC"
