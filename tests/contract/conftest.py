"""A service that others use while it is given every kind of request."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from support import otlp
from support.running import Account, RunningService


@dataclass
class Fuzzed:
    """A service, and another sender, to whom nothing of what is sent to it may happen.

    Attributes:
        other: the other sender's `service.name`.
        acknowledged: ids of the other one's spans.
    """

    service: RunningService
    other: str = field(default_factory=lambda: f"bystander-{uuid.uuid4().hex[:8]}")
    acknowledged: list[str] = field(default_factory=list)

    def before(self) -> Account:
        """The accounts, after a span of the other one's that is stored with what follows."""
        span = otlp.span("other")
        self.service.send(otlp.request(span, service=self.other))
        self.acknowledged.append(span.span_id.hex())
        return self.service.account()

    def check(self, before: Account, received: int, rejected: int) -> None:
        """The accounts have so many spans more, and nothing is missing in them."""
        after = self.service.account()
        assert after.holds, after
        assert after.received - before.received == received
        assert after.rejected - before.rejected == rejected


@pytest.fixture(scope="module")
def fuzzed(shared_service: RunningService) -> Iterator[Fuzzed]:
    dead = shared_service.settle().dead_lettered
    pid = shared_service.store_process.pid
    made = Fuzzed(shared_service)
    yield made
    made.before()
    assert shared_service.settle().dead_lettered == dead
    assert shared_service.api("GET", "/readyz").status_code == 200
    assert shared_service.store_process.pid == pid, "the store has died"
    assert "Traceback" not in shared_service.output()
    rows = shared_service.sql(
        "SELECT span_id FROM spans WHERE service = {other:String}", other=made.other
    )
    assert sorted(made.acknowledged) == sorted(row["span_id"] for row in rows)
