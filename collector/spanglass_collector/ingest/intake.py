"""The one way in: a request's bytes are checked, stamped and made durable, or refused.

Receivers differ in how they say it; what is said is decided here.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from spanglass_collector.ingest import wire
from spanglass_collector.ingest.aside import Aside
from spanglass_collector.ingest.check import (
    RESOURCES,
    Checked,
    Stage,
    Unreadable,
    Window,
    check_quickly,
    check_request,
)
from spanglass_collector.ingest.forms import Form
from spanglass_collector.ingest.ledger import Ledger
from spanglass_collector.ingest.quotas import OverQuota, Quotas
from spanglass_collector.ingest.shares import Shares
from spanglass_collector.ingest.spool import Spool, SpoolFull
from spanglass_store.otlp.schema import (
    PAYLOAD_RETENTION_FIELD,
    PROJECT_FIELD,
    RETENTION_FIELD,
)
from spanglass_store.retention.policy import Retention
from spanglass_store.state.keys import Principal

__all__ = ["Door", "Intake", "IntakeStats", "Outcome", "Overloaded", "TooLarge", "Unreadable"]

#: Seconds after which a sender that was refused for lack of room should try again.
RETRY_AFTER_S: Final = 2
#: The signal that scores are events of.
_SCORES: Final = "logs"


class Overloaded(Exception):
    """Nothing can be taken for now; the sender should keep it and try again."""


class TooLarge(Exception):
    """The body is larger than what is accepted, as it came or decompressed.

    Args:
        limit: what is accepted, in bytes.
        hint: how else to send it.
    """

    def __init__(
        self, limit: int, hint: str = "Send smaller batches, or raise --max-body-bytes."
    ) -> None:
        super().__init__(f"The body is larger than {limit} bytes. {hint}")


@dataclass(frozen=True)
class Outcome:
    """What became of a request that was read.

    Attributes:
        accepted: items that are on disk now.
        rejected: items that will never be kept.
        message: why, for the sender; empty if none was rejected.
    """

    accepted: int
    rejected: int
    message: str


@dataclass
class IntakeStats:
    """Requests by what became of them, for the metrics."""

    accepted: int = 0
    unreadable: int = 0
    overloaded: int = 0
    too_large: int = 0
    denied: int = 0
    unsupported: int = 0
    over_quota: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Imported:
    """How telemetry of any time is kept.

    Attributes:
        retention_days: from its own day on, in days; 0 for ever.
        payload_retention_days: of its payload; 0 as long as the rest.
    """

    retention_days: int
    payload_retention_days: int = 0

    @property
    def stamp(self) -> bytes:
        return stamp_of(self.retention_days, self.payload_retention_days)

    @property
    def window(self) -> Window:
        return Window(days_back=0)


@dataclass(frozen=True)
class Door:
    """Where the requests of one signal go.

    Attributes:
        form: what they look like inside.
        spool: where they become durable.
        ledger: the accounts.
        refusal: why nothing of a project can be taken for now; empty if it can.
    """

    form: Form
    spool: Spool
    ledger: Ledger
    refusal: Callable[[str], str] = lambda project: ""


class Intake:
    """Takes requests.

    Args:
        doors: where they go, by the signal's name.
        retention: how long a project's are kept.
        max_body_bytes: the largest body that is accepted, decompressed.
        inflight_bytes: bodies that may be in memory at a time, in bytes.
        forward: takes a copy of what is accepted: signal, resources, items; never waits.
        quotas: how much may be taken of a project; None for any.
        redaction: what takes personal data out of a project's requests; None where none is.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        retention: Callable[[str], Retention],
        max_body_bytes: int,
        inflight_bytes: int = 256 << 20,
        redaction: Callable[[str], Stage | None] = lambda project: None,
        quotas: Quotas | None = None,
        forward: Callable[[str, Sequence[bytes], int], None] | None = None,
    ) -> None:
        self.doors = doors
        self.retention = retention
        self.max_body_bytes = max_body_bytes
        self._inflight_limit = max(inflight_bytes, max_body_bytes)
        self._inflight = 0
        self._shares = Shares()
        self.quotas = quotas or Quotas({})
        self._forward = forward
        self._redaction = redaction
        self.stats = IntakeStats()
        #: For what would keep other requests waiting.
        self.aside = Aside()

    def admit(self, project: str) -> None:
        """Whether anything may be taken of a project now; asked before a body is read.

        Raises:
            OverQuota: if it has sent more than its quota.
        """
        try:
            self.quotas.check(project)
        except OverQuota:
            self.stats.over_quota += 1
            raise

    def reserve(self, size: int, project: str) -> None:
        """Counts a body against the memory for bodies; give it back with `release`.

        Raises:
            Overloaded: if there is too little left, or the project has its share.
        """
        free = self._inflight_limit - self._inflight
        if size > free or not self._shares.fits(project, size, free):
            self.stats.overloaded += 1
            raise Overloaded("too many requests are being read at once")
        self._inflight += size
        self._shares.take(project, size)

    def release(self, size: int, project: str) -> None:
        """The body is no longer in memory."""
        self._inflight -= size
        self._shares.give_back({project: size})

    async def take(
        self, signal: str, body: bytes, principal: Principal, imported: Imported | None = None
    ) -> Outcome:
        """Takes one serialised request; what is accepted of it is on disk then.

        Args:
            signal: whose it is, by name.
            body: decompressed.
            principal: who sends it.
            imported: how it is kept if it may be of any time.

        Raises:
            Unreadable: if it is none.
            Overloaded: if there is no room.
        """
        door = self.doors[signal]
        if refusal := door.refusal(principal.project):
            self.stats.overloaded += 1
            raise Overloaded(refusal)
        if imported is None:
            policy = self.retention(principal.project)
            days = policy.days(signal)
            kept, window = stamp_of(days, policy.payload_days), Window(days)
        else:
            kept, window = imported.stamp, imported.window
        stamp = wire.field(PROJECT_FIELD, principal.project.encode()) + kept
        stage = self._redaction(principal.project)
        quick = check_quickly(body, window, form=door.form) if stage is None else None
        if quick is not None:
            checked, parts = quick, _stamped(quick, stamp)
        else:
            checked, parts = await self.aside.run(
                self._check_and_stamp, body, door.form, stamp, stage, window
            )
        if checked.scores is not None:
            # Before their spans: a sender who is refused sends both again, and nothing is twice.
            # They are kept as long as their spans.
            scores = _stamped(checked.scores, stamp)
            await self._append(_SCORES, scores, checked.scores, principal.project)
        if parts:
            await self._append(signal, parts, checked, principal.project)
        if checked.rejected:
            door.ledger.rejected(Counter(checked.rejected))
        if parts and imported is None and self._forward is not None:
            self._forward(signal, checked.resources, checked.accepted)
        if imported is None:
            self.quotas.charge(principal.project, checked.accepted, len(body))
        self.stats.accepted += 1
        self.stats.bytes += len(body)
        return Outcome(checked.accepted, checked.rejected.total(), checked.message())

    async def _append(
        self, signal: str, parts: list[bytes], checked: Checked, project: str
    ) -> None:
        door = self.doors[signal]
        if refusal := door.refusal(project):
            self.stats.overloaded += 1
            raise Overloaded(refusal)
        try:
            await asyncio.wrap_future(door.spool.append(parts, checked.accepted, project))
        except SpoolFull as full:
            self.stats.overloaded += 1
            raise Overloaded(str(full)) from full

    def _check_and_stamp(
        self, body: bytes, form: Form, stamp: bytes, stage: Stage | None, window: Window
    ) -> tuple[Checked, list[bytes]]:
        checked = check_request(body, window, form=form, stage=stage)
        return checked, _stamped(checked, stamp)


def stamp_of(days: int, payload_days: int) -> bytes:
    """Says in a resource how long what is in it is kept, in days."""
    return wire.integer_field(RETENTION_FIELD, days) + wire.integer_field(
        PAYLOAD_RETENTION_FIELD, payload_days
    )


def _stamped(checked: Checked, stamp: bytes) -> list[bytes]:
    return [wire.field(RESOURCES, content + stamp) for content in checked.resources]
