"""`decide(previous, observation, policy, now)`: what becomes of an alert, and nothing else.

    ok → pending → firing ⇄ acknowledged → resolved

An alert that is pending and well again is forgotten: nobody heard of it. One that fired is
resolved once. One that came back too often is held until it has been quiet for a while.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spanglass_alerts.alert import Alert, Observation, fingerprint
from spanglass_alerts.rules.model import Rule


@dataclass(frozen=True)
class Policy:
    """What of a rule decides about its alerts. Durations are seconds."""

    rule: str
    severity: str = "warning"
    for_s: float = 0
    keep_s: float = 0
    no_data: str = "resolve"
    min_count: float = 1
    flap_count: int = 4
    flap_within_s: float = 3600
    flap_quiet_s: float = 900
    labels: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    summary: str = ""
    playbook: str = ""

    @classmethod
    def of(cls, rule: Rule) -> "Policy":
        return cls(
            rule=rule.name, severity=rule.severity, for_s=rule.for_, keep_s=rule.keep_firing_for,
            no_data=rule.no_data, min_count=rule.min_count, flap_count=rule.flaps.count,
            flap_within_s=rule.flaps.within, flap_quiet_s=rule.flaps.quiet, labels=rule.labels,
            project=rule.project, summary=rule.summary, playbook=rule.playbook,
        )  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """What an alert is now, and what has happened to it.

    Attributes:
        alert: None where there is none, or none any more.
        event: `pending`, `firing`, `resolved`, or empty when nothing has happened.
    """

    alert: Alert | None
    event: str = ""


def decide(
    previous: Alert | None, observed: Observation | None, policy: Policy, now: float
) -> Decision:
    """What becomes of an alert.

    Args:
        previous: what it was; None where there was none.
        observed: what was found of its group; None where the group was not found at all.
        policy: of its rule.
        now: seconds since 1970; never before the time of the last decision.
    """
    breached, no_data = _breached(previous, observed, policy)
    if previous is not None and previous.state == "resolved" and not breached:
        # It is kept only to count how often it comes back.
        forgotten = now - previous.resolved_at > policy.flap_within_s
        return Decision(None if forgotten else previous)
    if previous is None and not breached:
        return Decision(None)
    if previous is None or previous.state == "resolved":
        assert observed is not None
        return _begin(previous, observed, policy, now, no_data)
    seen = _seen(previous, observed, now)
    if breached:
        seen = seen.with_(well_since=0, no_data=no_data)
        if seen.state == "pending" and now - seen.since >= policy.for_s:
            return _fire(seen, policy, now)
        return Decision(seen)
    if breached is None:
        # It can't be told: it stays what it is, and a wait begins anew.
        return Decision(seen.with_(since=now) if seen.state == "pending" else seen)
    if seen.state == "pending":
        # Nobody heard of it. How often it fired before is worth remembering.
        known = seen.fired and now - seen.resolved_at <= policy.flap_within_s
        return Decision(seen.with_(state="resolved") if known else None)
    well_since = seen.well_since or now
    hold = max(policy.keep_s, policy.flap_quiet_s if seen.flapping else 0)
    if now - well_since >= hold:
        return Decision(
            seen.with_(state="resolved", resolved_at=now, well_since=0, flapping=False), "resolved"
        )
    return Decision(seen.with_(well_since=well_since))


def _breached(
    previous: Alert | None, observed: Observation | None, policy: Policy
) -> tuple[bool | None, bool]:
    """Whether it is breached (None: can't be told), and whether that is for want of data."""
    if observed is None:
        # A group that is not found has nothing that could breach: only what is there can end.
        if previous is None or previous.state == "resolved":
            return False, False
        if policy.no_data == "alert":
            return True, True
        return (None if policy.no_data == "keep" else False), False
    if observed.breached is None:
        if policy.no_data == "alert" and not observed.count:
            return True, True
        if previous is None or previous.state == "resolved":
            return False, False
        return (None if policy.no_data != "resolve" else False), False
    if observed.breached and observed.count < policy.min_count:
        if previous is None or not previous.is_active:
            return False, False
        return None if policy.no_data != "resolve" else False, False
    return observed.breached, False


def _begin(
    previous: Alert | None, observed: Observation, policy: Policy, now: float, no_data: bool
) -> Decision:
    labels = {"rule": policy.rule, "severity": policy.severity} | dict(policy.labels)
    labels |= dict(observed.labels)
    alert = Alert(
        fingerprint=fingerprint(policy.rule, observed.labels), rule=policy.rule,
        severity=policy.severity, labels=labels, state="pending", since=now, seen_at=now,
        value=observed.value, threshold=observed.threshold, count=observed.count,
        project=policy.project or observed.labels.get("project", ""), summary=policy.summary,
        playbook=policy.playbook, no_data=no_data, detail=observed.detail,
        episode=previous.episode if previous else 0, fired=previous.fired if previous else (),
        resolved_at=previous.resolved_at if previous else 0,
    )  # fmt: skip
    return _fire(alert, policy, now) if policy.for_s <= 0 else Decision(alert, "pending")


def _fire(alert: Alert, policy: Policy, now: float) -> Decision:
    recent = tuple(at for at in alert.fired if now - at <= policy.flap_within_s)
    fired = (*recent, now)[-policy.flap_count :]
    return Decision(
        alert.with_(
            state="firing", fired_at=now, episode=alert.episode + 1, fired=fired, well_since=0,
            flapping=len(fired) >= policy.flap_count, acknowledged_at=0, acknowledged_by="",
            note="", evidence={}, incident=0,
        ),
        "firing",
    )  # fmt: skip


def _seen(alert: Alert, observed: Observation | None, now: float) -> Alert:
    if observed is None or observed.value is None:
        return alert.with_(seen_at=now)
    return alert.with_(
        seen_at=now, value=observed.value, threshold=observed.threshold, count=observed.count,
        detail=observed.detail,
    )  # fmt: skip


def acknowledge(alert: Alert, by: str, note: str, now: float) -> Decision:
    """Somebody has taken an alert; one that does not fire stays as it is."""
    if alert.state != "firing":
        return Decision(alert)
    taken = alert.with_(state="acknowledged", acknowledged_at=now, acknowledged_by=by, note=note)
    return Decision(taken, "acknowledged")
