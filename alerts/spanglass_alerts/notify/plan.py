"""When a group of alerts is told to a channel, and as what. Pure: the clock is handed in.

A thread is what one channel has heard of one group. Its key is the same for the group's whole life,
so receivers can put what belongs together under it; an alert's fingerprint is another thing.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spanglass_alerts.alert import Alert
from spanglass_alerts.rules.routing import Route
from spanglass_alerts.rules.values import selects

Event = Literal["firing", "acknowledged", "resolved"]


@dataclass(frozen=True)
class Thread:
    """What one channel has heard of one group. Times are seconds since 1970.

    Attributes:
        labels: that the group has in common.
        told: state of each alert when the channel last heard of it, by id.
        sent_at: when the last message was made; 0 before the first.
        step: which step of the escalation; 0 is none.
    """

    key: str
    channel: str
    labels: Mapping[str, str]
    begun_at: float
    told: Mapping[str, str] = field(default_factory=dict)
    sent_at: float = 0
    count: int = 0
    step: int = 0

    def document(self) -> dict[str, Any]:
        return dict(vars(self)) | {"labels": dict(self.labels), "told": dict(self.told)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Thread":
        return cls(**{k: v for k, v in document.items() if k in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Message:
    """What a channel is to be told.

    Attributes:
        active: alerts that fire, the most severe first.
        resolved: ids of alerts that the channel heard of and that are well again.
        reason: `new`, `more`, `repeat`, `acknowledged`, `resolved`.
    """

    thread: Thread
    event: Event
    reason: str
    active: tuple[Alert, ...]
    resolved: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where alerts of a group go: a channel of a route, at a step of its escalation.

    Attributes:
        overflow: key of the one group into which a channel's groups go when there are too many.
    """

    key: str
    channel: str
    labels: tuple[tuple[str, str], ...]
    route: Route
    step: int
    overflow: str = ""


_RANK = {"critical": 0, "error": 1, "warning": 2, "info": 3}


def places(alert: Alert, routes: Iterable[Route], known: frozenset[str]) -> Iterable[Place]:
    """Where an alert goes, were everybody to hear of it, with all steps of escalation.

    Args:
        alert: which.
        routes: in their order; the first that matches takes it, unless it lets it go on.
        known: names of channels.
    """
    for route in routes:
        if not selects(route.match, alert.labels):
            continue
        labels = tuple((name, alert.labels.get(name, "")) for name in route.group_by)
        of_route = route.model_dump(mode="json", include={"match", "group_by"})
        same = json.dumps([of_route, labels])
        steps = [(0, route.channels), *((s.after, s.channels) for s in route.escalate)]
        for number, (_, channels) in enumerate(steps):
            for channel in channels:
                if channel in known:
                    overflow = _key(f"overflow{json.dumps(of_route)}{channel}{number}")
                    key = _key(f"{same}{channel}{number}")
                    yield Place(key, channel, labels, route, number, overflow)
        if not route.continue_:
            return


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def plan(
    thread: Thread | None,
    place: Place | None,
    alerts: Iterable[Alert],
    held: Mapping[str, str],
    now: float,
) -> tuple[Thread | None, Message | None]:
    """What a channel is told of a group now, if anything.

    Args:
        thread: what it has heard; None for a new group.
        place: where the group goes; None if nothing of it fires any more.
        alerts: those of the group that fire.
        held: reasons why nobody hears of an alert, by fingerprint.
        now: seconds since 1970.

    Returns:
        The thread as it is then (None when it has ended), and the message.
    """
    told = dict(thread.told) if thread else {}
    shown = [
        a for a in alerts if a.id in told or (a.fingerprint not in held and _is_due(a, place, now))
    ]
    if thread is None:
        if place is None or not shown:
            return None, None
        thread = Thread(place.key, place.channel, dict(place.labels), now, step=place.step)
    states = {a.id: a.state for a in shown}
    gone = tuple(each for each in told if each not in states)
    new = [each for each in states if each not in told]
    taken = [
        i for i, state in states.items() if state == "acknowledged" and told.get(i) == "firing"
    ]
    if not shown:
        # Nothing was said of it, so there is nothing to take back.
        if not told:
            return None, None
        ended = replace(thread, told={}, sent_at=now, count=thread.count + 1)
        return None, Message(ended, "resolved", "resolved", (), gone)
    ordered = tuple(sorted(shown, key=lambda a: (_RANK.get(a.severity, 9), a.fired_at, a.id)))

    def say(event: Event, reason: str) -> tuple[Thread, Message]:
        then = replace(thread, told=states, sent_at=now, count=thread.count + 1)
        return then, Message(then, event, reason, ordered, gone)

    if taken and not new and all(state == "acknowledged" for state in states.values()):
        return say("acknowledged", "acknowledged")
    route = place.route if place else Route.model_validate({})
    since, wait = (
        (thread.sent_at, route.group_interval)
        if thread.count
        else (thread.begun_at, route.group_wait)
    )
    if (new or gone or taken) and now - since >= wait:
        return say("firing", "more" if thread.count else "new")
    unheld = any(a.state == "firing" and a.fingerprint not in held for a in shown)
    if unheld and thread.count and route.repeat and now - thread.sent_at >= route.repeat:
        return say("firing", "repeat")
    return thread, None


def _is_due(alert: Alert, place: Place | None, now: float) -> bool:
    """Whether a step of the escalation is reached; only what nobody has taken escalates."""
    if place is None or not place.step:
        return True
    after = place.route.escalate[place.step - 1].after
    return alert.state == "firing" and now - alert.fired_at >= after
