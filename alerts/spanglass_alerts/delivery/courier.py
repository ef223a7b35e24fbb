"""Brings waiting messages to their channels, each on its own: none waits for another.

A channel's thread lives while something is due and ends when nothing is. A message is claimed in
the state database before it is sent and settled after it: two collectors send it once, and what was
being sent when a process died is sent again (receivers can tell by its key).
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from spanglass_alerts.delivery.outgoing import Outgoing
from spanglass_alerts.delivery.result import Result
from spanglass_alerts.delivery.send import send
from spanglass_alerts.rules.routing import Channel
from spanglass_store.state.alerts import AlertState

log = logging.getLogger(__name__)

#: Seconds after which a message that was claimed is taken for not sent.
_CLAIM_S: Final = 120.0
#: Waits between tries grow from the first to the longest, in seconds.
_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 300.0
#: After how long a message is given up, in seconds, and after how many failures in a row a receiver
#: is reported.
GIVE_UP_S: Final = 86400.0
FAILURES: Final = 3


@dataclass(frozen=True)
class Health:
    """How a channel does. Times are seconds since 1970."""

    failures: int = 0
    since: float = 0
    reason: str = ""
    given_up: bool = False

    @property
    def fails(self) -> bool:
        return self.failures >= FAILURES or self.given_up


class Courier:
    """Sends what waits.

    Args:
        state: where messages wait.
        outgoing: how addresses are reached.
        clock: seconds since 1970.
    """

    def __init__(
        self, state: AlertState, outgoing: Outgoing, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._outgoing = outgoing
        self._clock = clock
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        # Who did not answer before a restart has not answered since.
        self._health = {
            name: Health(tries, clock(), why) for name, (tries, why) in state.failing().items()
        }
        self._stop = threading.Event()

    def health(self) -> dict[str, Health]:
        """How channels do, by name."""
        with self._lock:
            return dict(self._health)

    def attend(self, channels: Mapping[str, Channel]) -> None:
        """Starts what is due; returns at once."""
        with self._lock:
            self._health = {n: h for n, h in self._health.items() if n in channels}
        for name in self._state.waiting():
            with self._lock:
                known = self._threads.get(name)
                if self._stop.is_set() or (known is not None and known.is_alive()):
                    continue
                thread = threading.Thread(
                    target=self._run,
                    args=(name, channels.get(name)),
                    name=f"alerts-{name}",
                    daemon=True,
                )
                self._threads[name] = thread
            thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ends; what waits is sent after the next start."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        for thread in list(self._threads.values()):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str, channel: Channel | None) -> None:
        try:
            while not self._stop.is_set():
                message = self._state.claim(name, self._clock(), _CLAIM_S)
                if message is None:
                    return
                if channel is None:
                    self._state.settle(
                        message["row"], "given_up", "There is no channel of that name any more."
                    )
                    continue
                if self._deliver(channel, message):
                    self._stop.wait(1 / channel.rate)
        except Exception:
            log.exception("messages to %s have to wait", name)

    def _deliver(self, channel: Channel, message: Mapping[str, Any]) -> bool:
        """Whether the receiver was asked."""
        number, group = int(message["row"]), str(message["group"])
        event = message["event"]
        if self._state.newer(channel.name, group, number) and event != "resolved":
            # The later one says all of it; a group's life is not told in order of its delays.
            self._state.settle(
                number, "left_out", "A later message about the same group replaced it."
            )
            return False
        if event == "resolved" and not channel.send_resolved:
            self._state.settle(number, "left_out", "The channel does not hear of what is resolved.")
            self._state.put("slack", f"{channel.name}/{group}", None)
            return False
        heard = event in ("firing", "changed") or self._state.last_sent(channel.name, group, number)
        if heard in ("", "resolved"):
            self._state.settle(number, "left_out", "The receiver never heard that it fired.")
            return False
        result = send(channel, message, self._outgoing, self._state)
        self._settle(channel, message, result)
        return True

    def _settle(self, channel: Channel, message: Mapping[str, Any], result: Result) -> None:
        now, number = self._clock(), int(message["row"])
        with self._lock:
            before = self._health.get(channel.name, Health())
        if result.sent:
            self._state.settle(number, "sent", result.reason)
            health = Health()
        else:
            tries = int(message["attempts"])
            wait = min(_FIRST_WAIT_S * 2 ** min(tries, 20), _LONGEST_WAIT_S)
            wait = max(wait * random.uniform(0.8, 1.2), result.after_s)  # noqa: S311
            over = not result.retry or now - float(message["at"]) > GIVE_UP_S
            if over:
                self._state.settle(number, "given_up", result.reason)
            else:
                self._state.settle(number, "waiting", result.reason, now + wait)
            if result.after_s:
                # It is the receiver that wants to be left alone, not this message.
                self._state.pause(channel.name, now + result.after_s)
            health = replace(
                before, failures=before.failures + 1, since=before.since or now,
                reason=result.reason, given_up=over,
            )  # fmt: skip
            log.warning("channel %s: %s", channel.name, result.reason)
        with self._lock:
            self._health[channel.name] = health


def test_message(channel: str, now: float) -> dict[str, Any]:
    """What `spanglass alerts send-test` sends."""
    alert = {
        "id": "test-1", "rule": "test", "severity": "info", "state": "firing",
        "labels": {"rule": "test", "severity": "info"},
        "summary": "This is a test. If you can read it, the channel works.", "value": 1.0,
        "threshold": 0.0, "count": 1, "since": now, "fired_at": now, "acknowledged_by": "",
        "playbook": "", "flapping": False, "no_data": False, "evidence": {}, "link": "",
    }  # fmt: skip
    return {
        "version": 1, "id": f"test-{now}", "channel": channel, "group": f"test-{int(now)}",
        "group_labels": {"rule": "test"},
        "event": "firing", "reason": "new", "number": 1, "at": now, "severity": "info",
        "title": "Test message from Spanglass", "firing": 1, "alerts": [alert], "resolved": 0,
        "resolved_ids": [], "link": "",
    }  # fmt: skip
