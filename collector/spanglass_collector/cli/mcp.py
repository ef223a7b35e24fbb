"""`spanglass mcp`: lets an assistant ask."""

import typer

from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service
from spanglass_store.errors import StoreError


def mcp(data_dir: DataDir = None, url: Url = "", key: ApiKey = "") -> None:
    """Serves read-only tools over the Model Context Protocol, on standard input and output.

    An assistant starts it; it sees what the key may see. Without --url and --key it is the service
    on this machine, with all rights to read.

    spanglass mcp --url https://spanglass.example.com --key sg_read_…
    """
    try:
        from spanglass_collector.mcp_server import server
    except ModuleNotFoundError as missing:
        raise StoreError(
            f"{missing.name} is not installed: pip install 'spanglass[mcp]'."
        ) from missing
    service, settings = find_service(data_dir, url, key)
    if service is None:
        raise StoreError(
            f"No service runs in {settings.data_dir}. Start it with `spanglass serve`, or name one"
            " with --url and --key."
        )
    server(service).run("stdio")


def register(parent: typer.Typer) -> None:
    """Adds the command."""
    parent.command()(mcp)
