"""The process that does one pass and leaves: what it needs to compute with is gone with it.

Its input is a line of JSON: the store, the state database, the settings. Its output is another:
what it did. The end of its input means that it is to end.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_collector.drift.config import DriftSettings, read_drift
from spanglass_collector.drift.explain import Moves
from spanglass_collector.drift.run import cursor_of, run_pass, seen_of
from spanglass_collector.drift.topics import Embed, embedder
from spanglass_collector.drift.watcher import Pass
from spanglass_store.client import Store
from spanglass_store.endpoint import Endpoint, Role
from spanglass_store.errors import StoreError
from spanglass_store.priority import BACKGROUND, give_way
from spanglass_store.queries.job_results import write_run
from spanglass_store.state.database import Database
from spanglass_store.state.jobs import JobBook, LeaseLost, moment, now_us
from spanglass_store.state.prompts import PromptBook

log = logging.getLogger(__name__)

#: The job's name, in leases, in the table `jobs` and in metrics.
JOB: Final = "drift"
VERSION: Final = "1"


def main() -> None:
    """Does one pass."""
    give_way(BACKGROUND)
    told = json.loads(sys.stdin.readline())
    logging.basicConfig(
        level=told["log_level"].upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    endpoint = dict(told["endpoint"])
    endpoint["users"] = {Role(role): tuple(user) for role, user in endpoint["users"].items()}
    store, database = Store(Endpoint(**endpoint)), Database(told["state"])
    try:
        done = attend(
            store, JobBook(database), read_drift(told["drift"]), told["owner"],
            embedder(Path(told["models"])), PromptBook(database).moves_between,
        )  # fmt: skip
    except (StoreError, LeaseLost) as error:
        sys.exit(f"drift has to wait: {error}")
    except SQLAlchemyError as error:
        # The state database can't be written: the disk is full, say.
        sys.exit(f"drift has to wait: {getattr(error, 'orig', None) or error}")
    finally:
        store.close()
        database.close()
    sys.stdout.write(json.dumps(done) + "\n")


def _end_with_the_service() -> None:
    for _ in sys.stdin:
        pass
    # What is not written down is done again.
    os._exit(0)


def attend(
    store: Store,
    book: JobBook,
    settings: DriftSettings,
    owner: str,
    embed: Embed | None = None,
    moves: Moves | None = None,
) -> dict[str, Any]:
    """One pass, under the job's lease; what it did, as the keeper counts it.

    Args:
        store: as the owner.
        book: where the place is remembered.
        settings: of the job.
        owner: who holds the lease.
        embed: makes vectors of texts.
        moves: says which labels of prompts were moved between two moments.

    Raises:
        LeaseLost: if somebody else has taken the job over.
        StoreError: if the store can't.
    """
    state = book.acquire(JOB, owner, 0)
    if state is None:
        return {"is_held": True}
    began, started = time.monotonic(), now_us()
    saved = began

    def keep(_: Pass) -> None:
        nonlocal saved
        if time.monotonic() - saved > 5:
            book.save(state, owner)
            saved = time.monotonic()

    done = run_pass(
        store, settings, state.watermark, seen_of(state.cursor), keep=keep, embed=embed, moves=moves
    )
    before = state.watermark
    state.watermark, state.cursor = done.watermark, cursor_of(done.seen)
    book.save(state, owner)
    book.release(owner)
    seconds = time.monotonic() - began
    run = {
        "run_id": uuid.uuid4().hex, "job": JOB, "version": VERSION, "kind": "live",
        "state": "done", "error": "", "host": socket.gethostname(), "started_at": moment(started),
        "window_start": moment(before) if before else datetime.fromtimestamp(0, UTC),
        "window_end": moment(done.watermark), "spans": done.values, "results": done.tests,
        "failures": 0, "seconds": seconds, "cost_usd": 0.0, "lag_s": 0.0,
    }  # fmt: skip
    if done.hours or done.windows:
        write_run(store, run)
    return {
        "spans": done.values, "results": done.tests, "findings": done.findings,
        "seconds": seconds, "seen": done.seen,
    }  # fmt: skip


if __name__ == "__main__":
    main()
