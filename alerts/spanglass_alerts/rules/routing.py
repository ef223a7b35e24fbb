"""Who hears what: channels, routes, inhibition and maintenance, as people write them."""

import difflib
from datetime import UTC, datetime, time
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, StringConstraints, field_validator, model_validator

from spanglass_alerts.rules.values import Duration, Filter, Model, Name, Secret

_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_Address = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)]

#: What is known of a change: something new that calls name, or a label that was moved.
CHANGE_LABELS: Final = ("change", "value", "project", "service", "environment")


class _Channel(Model):
    name: Name
    rate: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="Messages a second at most."
    )
    send_resolved: bool = True


class Slack(_Channel):
    """Slack: an incoming webhook (`url`), or a bot (`token` and `channel`) with threads."""

    type: Literal["slack"]
    url: Secret | None = None
    token: Secret | None = Field(None, description="Of a bot: xoxb-…")
    channel: str = Field("", max_length=100, description="Of the bot: #name or id.")
    chart: bool = Field(True, description="Whether the bot puts a chart below its message.")
    api: str = Field("https://slack.com/api", pattern=r"^https?://\S+$")

    @model_validator(mode="after")
    def _one(self) -> "Slack":
        if (self.url is None) == (self.token is None):
            raise ValueError("needs url (an incoming webhook), or token and channel (a bot)")
        if bool(self.channel) != (self.token is not None):
            raise ValueError("channel goes with token: where the bot writes")
        return self


class PagerDuty(_Channel):
    """An integration of PagerDuty, Events API v2."""

    type: Literal["pagerduty"]
    routing_key: Secret
    # PagerDuty takes 120 events a minute of one integration.
    rate: Annotated[float, Field(gt=0, le=100)] = 2.0
    url: str = Field("https://events.pagerduty.com/v2/enqueue", pattern=r"^https?://\S+$")
    changes: bool | Filter = Field(
        True,
        description="Whether it hears, as change events, of new releases, prompts and models and"
        " of moved labels; of which, by change, value, project, service and environment.",
    )
    change_url: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="Of change events; beside url unless given."
    )

    @model_validator(mode="after")
    def _changes(self) -> "PagerDuty":
        if isinstance(self.changes, dict):
            for name in self.changes:
                if name not in CHANGE_LABELS:
                    near = difflib.get_close_matches(name, CHANGE_LABELS, 1)
                    meant = f"; did you mean {near[0]}?" if near else ""
                    raise ValueError(
                        f"changes are picked by {', '.join(CHANGE_LABELS)}, not {name!r}{meant}"
                    )
        if "changes" in self.model_fields_set and self.changes and not self.change_address:
            raise ValueError("changes needs change_url where url does not end with /enqueue")
        return self

    @property
    def change_address(self) -> str:
        """Where change events go; empty where that is not known."""
        head, end, _ = self.url.rpartition("/enqueue")
        beside = f"{head}/change/enqueue" if end and self.url.endswith(end) else ""
        return self.change_url or beside

    @property
    def hears_of_changes(self) -> bool:
        return self.changes is not False and bool(self.change_address)

    @property
    def filter(self) -> Filter:
        """Which changes it hears of."""
        return self.changes if isinstance(self.changes, dict) else {}


class Webhook(_Channel):
    """Any address that takes JSON; signed, if there is a secret."""

    type: Literal["webhook"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] | Secret
    secret: Secret | None = None
    headers: dict[str, str | Secret] = Field(default_factory=dict)


class Email(_Channel):
    """E-mail through an SMTP server."""

    type: Literal["email"]
    to: Annotated[list[_Address], Field(min_length=1, max_length=50)]
    from_: _Address = Field(alias="from")
    host: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None


class Apprise(_Channel):
    """Any service that apprise knows: Teams, Discord, Opsgenie, Telegram, …."""

    type: Literal["apprise"]
    url: Secret


Channel = Annotated[Slack | PagerDuty | Webhook | Email | Apprise, Field(discriminator="type")]


class Escalation(Model):
    """Whom to tell, too, when nobody has acknowledged in that time."""

    after: Duration
    channels: Annotated[list[Name], Field(min_length=1, max_length=20)]


class Route(Model):
    """Who hears of which alerts, and what goes into one message."""

    match: Filter = Field(default_factory=dict, description="By label; every alert unless given.")
    channels: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)
    group_by: Annotated[list[str], Field(max_length=10)] = Field(default_factory=lambda: ["rule"])
    group_wait: Duration = Field(0, description="Wait for more alerts of a new group.")
    group_interval: Duration = Field(60, description="Time between messages about one group.")
    repeat: Duration = Field(14400, description="Told again when nobody acknowledges; 0s: never.")
    escalate: Annotated[list[Escalation], Field(max_length=10)] = Field(default_factory=list)
    continue_: bool = Field(False, alias="continue", description="Whether later routes are tried.")


class Inhibition(Model):
    """Alerts that say nothing new while others fire."""

    source: Filter
    target: Filter
    equal: list[str] = Field(default_factory=list, description="Labels that have to be the same.")


class Maintenance(Model):
    """A time in which nobody is told: once (`start`, `end`), or on days of the week."""

    name: Name
    match: Filter = Field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    days: Annotated[list[_Day], Field(max_length=7)] = Field(default_factory=list)
    from_: time | None = Field(None, alias="from")
    to: time | None = None
    timezone: str = "UTC"

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _hours(cls, value: Any) -> Any:
        # YAML 1.1 reads 22:30 as the number of minutes.
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
            return time(value // 60, value % 60)
        return value

    @field_validator("start", "end")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("should be a time zone like Europe/Berlin") from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> "Maintenance":
        once, weekly = (self.start, self.end), (self.from_, self.to)
        if all(once) == all(weekly) or any(once) != all(once) or any(weekly) != all(weekly):
            raise ValueError("needs start and end, or from and to (with days, if not all)")
        if self.start and self.end and self.end <= self.start:
            raise ValueError("end has to be after start")
        return self

    def holds(self, now: datetime) -> bool:
        """Whether it is that time."""
        if self.start and self.end:
            return self.start <= now < self.end
        assert self.from_ is not None
        assert self.to is not None
        local = now.astimezone(ZoneInfo(self.timezone))
        names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        today, yesterday = names[local.weekday()], names[local.weekday() - 1]
        clock = local.time()

        def on(day: str) -> bool:
            return not self.days or day in self.days

        if self.from_ <= self.to:
            return on(today) and self.from_ <= clock < self.to
        return (on(today) and clock >= self.from_) or (on(yesterday) and clock < self.to)


def _critical() -> Filter:
    return {"severity": "critical"}


class Gathering(Model):
    """Which alerts begin an incident, and which of them are the same one."""

    enabled: bool = True
    match: Filter = Field(
        default_factory=_critical,
        description="Alerts that begin one, by label; others only join.",
    )
    group_by: Annotated[list[str], Field(max_length=10)] = Field(
        default_factory=lambda: ["service", "host"],
        description="Alerts with the same values of these labels are one incident.",
    )
    settle: Duration = Field(300, description="How long all has to be well before it is resolved.")
    reopen: Duration = Field(
        1800, description="What fires so soon after its end opens it anew instead of another."
    )


class Heartbeat(Model):
    """An outside receiver that notices when nothing comes any more."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] | Secret
    every: Duration = 60
