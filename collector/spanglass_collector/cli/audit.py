"""`spanglass audit`: who read prompts and answers, changed something or erased data."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from spanglass_collector.cli.output import print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service, opened_state


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("audit")(audit)


def audit(
    action: Annotated[str, typer.Option(help="Of this action, or of those that begin so.")] = "",
    actor: Annotated[str, typer.Option(help="Of this key.")] = "",
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, max=1000)] = 50,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows the audit log, the latest first: reads of payload, changes, erasures.

    spanglass audit
    spanglass audit --action purge
    """
    service, settings = find_service(data_dir, url, key)
    if service is not None:
        params = {"action": action, "actor": actor, "limit": lines}
        found = service.request("GET", "/api/v1/audit", params=params).json()["items"]
    else:
        from spanglass_store.state.audit import AuditLog

        with opened_state(settings) as database:
            found = [asdict(each) for each in AuditLog(database).list(lines, 0, action, actor)]
    print_table(
        ("at", "who", "what", "project", "target", "detail"),
        [
            (
                str(each["at"])[:19].replace("T", " "), each["actor"], each["action"],
                each["project"], each["target"], json.dumps(each["detail"], ensure_ascii=False),
            )
            for each in found
        ],
    )  # fmt: skip
