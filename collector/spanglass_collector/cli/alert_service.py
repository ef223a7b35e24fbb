"""The service that commands about alerts and incidents ask."""

from pathlib import Path

from spanglass_collector.cli.remote import Service, find_service
from spanglass_store.errors import StoreError

API = "/api/v1/alerts"


def alert_service(data_dir: Path | None, url: str, key: str) -> Service:
    """The running service: alerts are nowhere else.

    Raises:
        StoreError: if none runs.
    """
    service, settings = find_service(data_dir, url, key)
    if service is None:
        raise StoreError(
            f"No service runs on {settings.data_dir}. Start one with `spanglass serve --alerts"
            " FILE`, or name another with --data-dir or --url."
        )
    return service
