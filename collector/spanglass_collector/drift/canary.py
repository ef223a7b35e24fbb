"""Canaries: the same questions to a model on a schedule, whose answers are stored and watched.

Nobody but the provider can have changed what comes back. Requests go by the rule against request
forgery, within a budget of calls and dollars a day; who sends is decided by a job's lease.
"""

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from spanglass_alerts.delivery.outgoing import Answer, Outgoing
from spanglass_collector.chat_endpoint import price_of
from spanglass_collector.drift.canary_settings import CanarySettings
from spanglass_store.client import Store
from spanglass_store.drift.metrics import CANARY
from spanglass_store.errors import StoreError
from spanglass_store.queries.job_results import write_run
from spanglass_store.retention.policy import Retention
from spanglass_store.state.jobs import JobBook, JobState, LeaseLost, moment, now_us

log = logging.getLogger(__name__)

#: Of the jobs, in leases and in the table `jobs`; the canary's name follows.
JOB: Final = "canary."
#: On the spans, as an attribute.
MARK: Final = "spanglass.canary"
_VERSION: Final = "1"
_LOOK_S: Final = 30.0
_DAY_US: Final = 86_400_000_000
_LONGEST: Final = 100_000
_COLUMNS: Final = (
    "project", "trace_id", "span_id", "name", "span_kind", "operation", "service", "start_time",
    "end_time", "duration_ns", "status", "status_message", "error_type", "request_model",
    "response_model", "input_tokens", "output_tokens", "cost_usd", "cost_source",
    "finish_reasons", "input", "output", "attributes", "sample_weight", "retention_days",
    "payload_retention_days", "ingested_at",
)  # fmt: skip


@dataclass
class Round:
    """What a round did."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0
    cost_usd: float = 0.0
    error: str = ""


def ask_all(
    name: str,
    canary: CanarySettings,
    post: Callable[[str, bytes, Mapping[str, str]], Answer],
    calls: int,
    dollars: float,
    alive: Callable[[], bool] = lambda: True,
) -> Round:
    """Asks each question once, as long as the budget lasts.

    Args:
        name: the canary's.
        canary: what to ask, and whom.
        post: sends a request; its errors are those of `Outgoing.post`.
        calls: that may still be made.
        dollars: that may still be spent.
        alive: asked between two questions whether to go on.
    """
    done = Round()
    for prompt in canary.prompts:
        if not alive():
            break
        if len(done.rows) >= calls or done.cost_usd >= dollars:
            done.error = "the budget of the day is spent; the other questions wait"
            break
        row = _asked(name, canary, prompt, post)
        done.rows.append(row)
        done.cost_usd += row["cost_usd"] or 0.0
        if row["status"] == "error":
            done.failures += 1
            done.error = row["status_message"]
    return done


def _asked(
    name: str, canary: CanarySettings, prompt: str,
    post: Callable[[str, bytes, Mapping[str, str]], Answer],
) -> dict[str, Any]:  # fmt: skip
    """One question and its answer, as a row of `spans`."""
    key = os.environ.get(canary.api_key_env, "") if canary.api_key_env else ""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    body = {
        "model": canary.model, "messages": [{"role": "user", "content": prompt}],
        "max_tokens": canary.max_tokens,
    }  # fmt: skip
    began = time.time_ns()
    row: dict[str, Any] = {
        "project": canary.project, "trace_id": secrets.token_hex(16),
        "span_id": secrets.token_hex(8), "name": f"chat {canary.model}", "span_kind": "client",
        "operation": "chat", "service": CANARY + name, "status": "ok", "status_message": "",
        "error_type": "", "request_model": canary.model, "response_model": "",
        "input_tokens": None, "output_tokens": None, "cost_usd": None, "cost_source": "unknown",
        "finish_reasons": [], "output": "", "attributes": {MARK: name}, "sample_weight": 1.0,
        "input": _messages("user", prompt),
    }  # fmt: skip
    try:
        if canary.api_key_env and not key:
            raise StoreError(f"There is no variable {canary.api_key_env} in the environment.")
        answer = post(canary.url, json.dumps(body).encode(), headers)
        if answer.status != 200:
            raise _Failed(str(answer.status), f"it answered {answer.status}")
        row |= _read(canary.model, answer.body)
    except (StoreError, _Failed) as error:
        kind = error.kind if isinstance(error, _Failed) else type(error).__name__
        row |= {"status": "error", "status_message": str(error)[:1_000], "error_type": kind}
    ended = time.time_ns()
    return row | {
        "start_time": datetime.fromtimestamp(began / 1e9, UTC),
        "end_time": datetime.fromtimestamp(ended / 1e9, UTC), "duration_ns": ended - began,
        "ingested_at": datetime.now(UTC),
    }  # fmt: skip


class _Failed(Exception):
    """The endpoint's answer is of no use."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def _read(model: str, body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
        choice = said["choices"][0]
        text = choice["message"].get("content") or ""
        used = said.get("usage") or {}
        tokens = [used.get(each) for each in ("prompt_tokens", "completion_tokens")]
        finish, named = choice.get("finish_reason"), said.get("model")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _Failed("unreadable", "its answer is no chat completion") from error
    counted = [each if isinstance(each, int) and each >= 0 else None for each in tokens]
    cost = price_of(model, *counted)
    return {
        "response_model": str(named or "")[:200], "input_tokens": counted[0],
        "output_tokens": counted[1], "cost_usd": cost,
        "cost_source": "priced" if cost is not None else "unknown",
        "finish_reasons": [str(finish)[:100]] if finish else [],
        "output": _messages("assistant", str(text)[:_LONGEST]),
    }  # fmt: skip


def _messages(role: str, text: str) -> str:
    told = [{"role": role, "parts": [{"type": "text", "content": text}]}]
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode()


class CanaryKeeper:
    """A thread that sends what is due.

    Args:
        canaries: by name.
        outgoing: sends, by the rule.
        store: as the owner.
        book: where rounds and budgets are remembered.
        kept: how long a project keeps its spans.
    """

    def __init__(
        self,
        canaries: Mapping[str, CanarySettings],
        outgoing: Outgoing,
        store: Store,
        book: JobBook,
        kept: Callable[[str], Retention],
    ) -> None:
        self._canaries = dict(canaries)
        self._outgoing = outgoing
        self._store = store
        self._book = book
        self._kept = kept
        self._owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canaries", daemon=True)

    def start(self) -> None:
        if self._canaries:
            self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; questions that were not asked are asked in the next round."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            for name, canary in self._canaries.items():
                try:
                    self.attend(name, canary)
                except LeaseLost:
                    continue
                except (StoreError, SQLAlchemyError) as error:
                    log.warning("the canary %s has to wait: %s", name, error)
                except Exception:
                    log.exception("the canary %s has to wait", name)
            self._stop.wait(_LOOK_S)

    def attend(self, name: str, canary: CanarySettings) -> Round | None:
        """Does a round if one is due; None if none is, or another collector does it.

        Raises:
            StoreError: if the answers can't be stored.
            LeaseLost: if another collector has taken over.
        """
        now = now_us()
        known = self._book.states().get(JOB + name)
        if known is not None and now - known.watermark < canary.every_h * 3_600_000_000:
            return None
        state = self._book.acquire(JOB + name, self._owner, 0)
        if state is None or state.watermark > now - canary.every_h * 3_600_000_000:
            return None
        try:
            return self._round(name, canary, state, now)
        finally:
            with contextlib.suppress(SQLAlchemyError):
                self._book.release(self._owner)

    def _round(self, name: str, canary: CanarySettings, state: JobState, now: int) -> Round:
        day = now // _DAY_US
        spent = state.spent_usd if state.spent_day == day else 0.0
        calls = int(state.cursor or 0) if state.spent_day == day else 0

        def alive() -> bool:
            self._book.save(state, self._owner)
            return not self._stop.is_set()

        # Written first: a round that is cut off is not begun again and again.
        before, state.watermark = state.watermark, now
        done = ask_all(
            name, canary, self._outgoing.post, canary.calls_a_day - calls,
            canary.usd_a_day - spent, alive,
        )  # fmt: skip
        state.spent_day, state.spent_usd = day, spent + done.cost_usd
        state.cursor, state.error = str(calls + len(done.rows)), done.error
        self._book.save(state, self._owner)
        kept = self._kept(canary.project)
        stamps = {
            "retention_days": kept.spans_days, "payload_retention_days": kept.payload_days,
        }  # fmt: skip
        rows = [[(row | stamps)[column] for column in _COLUMNS] for row in done.rows]
        if rows:
            self._store.insert("spans", _COLUMNS, rows)
        if done.error:
            log.warning("canary %s: %s", name, done.error)
        write_run(
            self._store,
            {
                "run_id": uuid.uuid4().hex, "job": JOB + name, "version": _VERSION, "kind": "live",
                "state": "done", "error": done.error, "host": socket.gethostname(),
                "project": canary.project, "started_at": moment(now),
                "window_start": moment(before) if before else datetime.fromtimestamp(0, UTC),
                "window_end": moment(now), "spans": len(rows), "results": len(rows) - done.failures,
                "failures": done.failures, "seconds": (now_us() - now) / 1e6,
                "cost_usd": done.cost_usd, "lag_s": 0.0,
            },
        )  # fmt: skip
        return done
