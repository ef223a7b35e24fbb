"""A beat to an outside receiver: where it stays away, somebody else tells that this is down."""

import logging
import threading

from spanglass_alerts.delivery.outgoing import Outgoing
from spanglass_alerts.delivery.secrets import reveal, without
from spanglass_alerts.rules.routing import Heartbeat
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)


class Heart:
    """Beats, in a thread of its own each time: a receiver that hangs delays nobody.

    Args:
        outgoing: how addresses are reached.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._last = 0.0
        self._thread: threading.Thread | None = None

    def beat(self, to: Heartbeat | None, now: float) -> None:
        """Beats if it is time; returns at once."""
        if to is None or (0 <= now - self._last < max(1, to.every)):
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._last = now
        self._thread = threading.Thread(
            target=self._send, args=(to,), name="heartbeat", daemon=True
        )
        self._thread.start()

    def _send(self, to: Heartbeat) -> None:
        url = ""
        try:
            url = reveal(to.url)
            answer = self._outgoing.post(url, b"", {"Content-Length": "0"})
            if answer.status >= 300:
                log.warning("the receiver of the heartbeat answered %d", answer.status)
        except StoreError as error:
            log.warning("the heartbeat did not arrive: %s", without(str(error), url))
