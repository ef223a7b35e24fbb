"""What an acknowledgement does not wait for: searches for garbage, and the embedded server."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.running import environment

#: Says how it is set up when it has been ready for a moment, and ends.
_SERVES = """
import asyncio, gc, json, os, sys
import psutil
from spanglass_collector.cli.serve import run
from spanglass_collector.settings import load

def look(service):
    said = {
        "looks": gc.isenabled(),
        "set_aside": gc.get_freeze_count(),
        "walked": len(gc.get_objects()),
        "server_nice": [child.nice() for child in psutil.Process().children()],
    }
    print(json.dumps(said))
    service.stop()

def ready(service):
    asyncio.get_running_loop().call_later(0.5, look, service)

doors = dict.fromkeys(("otlp_grpc", "otlp_http", "web"), "127.0.0.1:0")
run(load({"data_dir": sys.argv[1], "roles": "ingest,web", **doors}, None), ready)
"""


def test_a_service_at_work_is_kept_by_nothing_that_can_wait(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _SERVES, str(tmp_path / "data")],
        env=environment(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    said = json.loads(ended.stdout.splitlines()[-1])
    # What was loaded is set aside; garbage is looked for in what has come since.
    assert said["looks"]
    assert said["walked"] < said["set_aside"] / 10, said
    assert said["server_nice"] == [max(5, os.nice(0))]
