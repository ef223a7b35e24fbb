"""Imports: telemetry of any time, through the same check, stages, spool and accounts as any other.

What differs is that its age is no reason to refuse it, and that its retention counts from the day
on which it is imported: what is older than it is kept would be gone with the next merge.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from spanglass_collector.ingest import tree
from spanglass_collector.ingest.intake import Imported, Intake, Overloaded, Unreadable
from spanglass_collector.ingest.signals import SIGNALS, Signal
from spanglass_collector.ingest.wire import Malformed
from spanglass_store.errors import StoreError, StoreUnavailable
from spanglass_store.state.keys import Principal, Scope

_DAY_NS: Final = 86_400 * 10**9
#: Days of one piece: an insert makes a part of each, and may make a hundred.
_DAYS: Final = 30
#: The longest that a stamp can say, in days.
_LONGEST: Final = 65_535
_SIGNALS: Final[Mapping[str, Signal]] = {each.name: each for each in SIGNALS}


class Importer:
    """Takes requests of any time.

    Args:
        intake: the way in.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def take(self, signal: str, body: bytes, project: str) -> dict[str, Any]:
        """Takes one serialised request; what is accepted of it is on disk when this returns.

        Args:
            signal: `traces`, `logs` or `metrics`.
            body: the request.
            project: whose it becomes.

        Returns:
            `accepted`, `rejected` and `message`, as OTLP's partial success says them.

        Raises:
            StoreError: if it is no request.
            StoreUnavailable: if there is no room; what came before is taken.
        """
        of = _SIGNALS[signal]
        try:
            pieces = _by_month(of, body)
        except Malformed as error:
            raise StoreError(f"This is no OTLP request of {signal}: {error}.") from error
        who = Principal(Scope.ADMIN, project, None, payload=True)
        accepted, said = 0, Counter[str]()
        for days, piece in pieces.items():
            try:
                outcome = await self._intake.take(
                    signal, piece, who, self._kept(signal, project, days)
                )
            except Unreadable as error:
                raise StoreError(str(error)) from error
            except Overloaded as error:
                raise StoreUnavailable(f"Nothing more can be taken for now: {error}.") from error
            accepted += outcome.accepted
            if outcome.rejected:
                said[outcome.message] += outcome.rejected
        return {
            "accepted": accepted, "rejected": said.total(), "message": "; ".join(said),
        }  # fmt: skip

    def _kept(self, signal: str, project: str, days: int) -> Imported:
        """The retention of what is of these thirty days, from its own days on."""
        policy = self._intake.retention(project)
        age = max(0, time.time_ns() // _DAY_NS - days * _DAYS)
        days_each = policy.days(signal), policy.payload_days
        rest, payload = (min(each + age, _LONGEST) if each else 0 for each in days_each)
        return Imported(rest, payload)


def _by_month(signal: Signal, body: bytes) -> dict[int, bytes]:
    """A request by thirty days, numbered since 1970, the earliest first."""
    now = time.time_ns() // _DAY_NS

    def month(item: bytes) -> int:
        try:
            return signal.day_of(item) // _DAYS
        except Malformed:
            # The check rejects it alone, wherever it is.
            return now // _DAYS

    return dict(sorted(tree.group(body, signal.path, month).items()))
