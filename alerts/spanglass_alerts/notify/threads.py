"""All groups at once: which messages an evaluation leads to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from spanglass_alerts.alert import Alert
from spanglass_alerts.notify.plan import Message, Place, Thread, places, plan
from spanglass_alerts.rules.routing import Route

#: Groups that begin in one evaluation and are told to a channel one by one.
MOST_NEW_GROUPS: Final = 50
#: Names of alerts about the alerting itself.
RULE_FAILS = "spanglass.rule-fails"
RECEIVER_FAILS = "spanglass.receiver-fails"
STORE_FAILS = "spanglass.store-fails"


def advance(
    threads: Mapping[str, Thread],
    alerts: Sequence[Alert],
    held: Mapping[str, str],
    routes: Sequence[Route],
    channels: Iterable[str],
    now: float,
) -> tuple[dict[str, Thread | None], list[Message]]:
    """What channels are told now.

    Args:
        threads: what they have heard, by key.
        alerts: those that fire.
        held: reasons why nobody hears of an alert, by fingerprint.
        routes: where alerts go; without any, everybody hears everything.
        channels: names of those that there are.
        now: seconds since 1970.

    Returns:
        Threads that have changed (None: have ended), and messages.
    """
    known = frozenset(channels)
    everybody = Route.model_validate({"channels": sorted(known)}) if known else None
    groups: dict[str, tuple[Place, list[Alert]]] = {}
    for alert in alerts:
        chosen: Sequence[Route] = routes or ([everybody] if everybody else [])
        reachable = known
        if alert.rule == RECEIVER_FAILS and everybody is not None:
            # Whom to tell is whoever can still be told.
            chosen, reachable = [everybody], known - {alert.labels.get("channel", "")}
        for place in places(alert, chosen, reachable):
            many = threads.get(place.overflow)
            if many is not None and alert.id in many.told:
                # What was said together ends together.
                place = _together(place)
            groups.setdefault(place.key, (place, []))[1].append(alert)
    _gather_floods(groups, threads)
    changed: dict[str, Thread | None] = {}
    messages: list[Message] = []
    for key in {*threads, *groups}:
        before = threads.get(key)
        found = groups.get(key)
        after, message = plan(before, found and found[0], found[1] if found else (), held, now)
        if after != before:
            changed[key] = after
        # A channel that is no more can't be told; what it has heard ends with it.
        if message is not None and message.thread.channel in known:
            messages.append(message)
    return changed, messages


def _together(place: Place) -> Place:
    return replace(place, key=place.overflow, labels=())


def _gather_floods(
    groups: dict[str, tuple[Place, list[Alert]]], threads: Mapping[str, Thread]
) -> None:
    """Puts groups that begin at once into one, where they are more than anybody reads."""
    begun: dict[str, list[str]] = {}
    for key, (place, _) in groups.items():
        if key not in threads and key != place.overflow:
            begun.setdefault(place.overflow, []).append(key)
    for overflow, keys in begun.items():
        if len(keys) <= MOST_NEW_GROUPS:
            continue
        for key in keys:
            place, alerts = groups.pop(key)
            groups.setdefault(overflow, (_together(place), []))[1].extend(alerts)
