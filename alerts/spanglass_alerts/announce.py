"""Tells receivers what has changed: new releases, prompts and models, and labels that were moved.

A value is new where the same project, service and environment had others before, and it is not
among those of the last 30 days. What is known is kept in the state database, in one transaction
with the messages: a restart or another collector tells nothing twice and leaves nothing out.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from spanglass_alerts.evaluate.live import SETTINGS
from spanglass_alerts.evaluate.measure import moment
from spanglass_alerts.notify.words import cut
from spanglass_alerts.rules import vocabulary
from spanglass_alerts.rules.routing import Channel, PagerDuty
from spanglass_alerts.rules.values import selects
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.otlp.literal import quoted
from spanglass_store.state.alerts import AlertState
from spanglass_store.state.prompt_tables import Move

log = logging.getLogger(__name__)

#: Seconds between two looks, how far back each goes, and how far one does after a time without any.
EVERY_S: Final = 60.0
_OVERLAP_S: Final = 600.0
_BACK_S: Final = 86400.0
#: A move of a label is told when it is so old, in seconds: an earlier one may be written after it.
_SETTLED_S: Final = 5.0
#: How long a value that is not seen any more is known, and how old what is kept of that may be.
_KNOWN_S: Final = 30 * 86400.0
_REMEMBER_S: Final = 86400.0
#: More that is new at once, or known of one service, is no version: it is said in the log.
_MOST_NEW: Final = 20
_MOST_KNOWN: Final = 500
_MOST_ROWS: Final = 20_000
#: Kinds of documents in the state database.
_KNOWN, _MARK = "version", "announced"
_Key = tuple[str, str, str, str]
_WORDS: Final = {"release": "Release", "prompt": "Prompt", "model": "Model"}


class MoveLog(Protocol):
    """Where moves of prompts' labels are written down, with growing numbers."""

    def newest_move(self) -> int: ...

    def moves_after(self, number: int, until: datetime) -> list[tuple[int, str, str, Move]]: ...


@dataclass(frozen=True)
class Change:
    """Something that is different from now on.

    Attributes:
        what: `release`, `prompt`, `model` or `label`.
        value: what is new: a release, a prompt with its version, a model, a label.
        at: when it was first seen, or moved; seconds since 1970.
        service: empty for a label.
        more: what else there is to say.
    """

    what: str
    value: str
    at: float
    title: str
    project: str
    service: str = ""
    environment: str = ""
    more: Mapping[str, str] | None = None

    @property
    def labels(self) -> dict[str, str]:
        """What a channel's filter looks at."""
        return {
            "change": self.what, "value": self.value, "project": self.project,
            "service": self.service, "environment": self.environment,
        }  # fmt: skip


class Announcer:
    """Looks for changes and lets messages about them wait.

    Args:
        store: as the collector.
        state: what is known, and where messages wait.
        moves: of prompts' labels; None where there are none.
        base: address of the pages, for links.
    """

    def __init__(
        self, store: Store, state: AlertState, moves: MoveLog | None = None, base: str = ""
    ) -> None:
        self._store = store
        self._state = state
        self._moves = moves
        self._base = base
        self._looked_at = 0.0

    def wanted(self, channels: Iterable[Channel]) -> list[PagerDuty]:
        """The channels that hear of changes."""
        return [each for each in channels if isinstance(each, PagerDuty) and each.hears_of_changes]

    def look(self, channels: Iterable[Channel], now: float) -> int:
        """Looks once a minute, if anybody wants to hear.

        Args:
            channels: all there are.
            now: seconds since 1970.

        Returns:
            How many messages were made.
        """
        wanted = self.wanted(channels)
        if not wanted or 0 <= now - self._looked_at < EVERY_S:
            return 0
        self._looked_at = now
        try:
            return self._look(wanted, now)
        except StoreError as error:
            log.warning("what has changed can't be told now: %s", error)
            return 0

    def _look(self, channels: Sequence[PagerDuty], now: float) -> int:
        mark = self._state.document(_MARK, "mark")
        looked = float((mark or {}).get("at", now))
        known = self._state.documents(_KNOWN)
        since = max(now - _BACK_S, min(looked, now) - _OVERLAP_S)
        seen = self._seen(since, now)
        found, kept = self._versions(seen, known, since, now)
        moved, number = self._labels(mark, now)
        for name, each in known.items():
            if name not in kept and max(each["values"].values(), default=0) < now - _KNOWN_S:
                kept[name] = None
        changes = [*found, *moved]
        messages = [
            self._message(channel, change, now)
            for channel in channels
            for change in changes
            if selects(channel.filter, change.labels)
        ]
        self._state.save(
            messages=messages,
            documents={
                _KNOWN: kept, _MARK: {"mark": {"at": now, "move": number}},
            },
        )  # fmt: skip
        return len(messages)

    # -- what calls say ----------------------------------------------------------------------

    def _seen(
        self, begin: float, end: float, only: Sequence[_Key] = ()
    ) -> dict[_Key, dict[str, tuple[float, float]]]:
        """Values by what they are values of, each with when it was first and last seen."""
        where = [f"start_time >= {moment(begin)}", f"start_time < {moment(end)}"]
        if only:
            some = sorted({key[1:] for key in only})
            them = ", ".join(f"({', '.join(map(quoted, each))})" for each in some)
            where.append(f"(project, service, environment) IN ({them})")
        model = vocabulary.DIMENSIONS["spans"]["model"]
        times = ", ".join(
            f"toUnixTimestamp64Micro(toDateTime64({of}(start_time), 6, 'UTC')) / 1e6"
            for of in ("min", "max")
        )
        rows = self._store.query(
            "SELECT project, service, environment, release, prompt_name, prompt_version,"
            f" {model} AS model, {times} FROM {self._store.database}.spans"
            f" WHERE {' AND '.join(where)} GROUP BY project, service, environment, release,"
            f" prompt_name, prompt_version, model LIMIT {_MOST_ROWS}",
            settings=SETTINGS,
        ).rows
        found: dict[_Key, dict[str, tuple[float, float]]] = {}
        for project, service, environment, release, prompt, version, called, first, last in rows:
            for what, value in (
                ("release", str(release)),
                ("prompt", f"{prompt} {version}".strip() if prompt else ""),
                ("model", str(called)),
            ):
                if not value:
                    continue
                key = (what, str(project), str(service), str(environment))
                values = found.setdefault(key, {})
                a, b = values.get(value[:300], (first, last))
                values[value[:300]] = (min(a, float(first)), max(b, float(last)))
        return found

    def _versions(
        self, seen: Mapping[_Key, Mapping[str, tuple[float, float]]],
        known: Mapping[str, Mapping[str, Any]], since: float, now: float,
    ) -> tuple[list[Change], dict[str, dict[str, Any] | None]]:  # fmt: skip
        unknown = [key for key in seen if _name(key) not in known]
        before = self._seen(since - _BACK_S, since, unknown) if unknown else {}
        changes: list[Change] = []
        kept: dict[str, dict[str, Any] | None] = {}
        for key, values in seen.items():
            name = _name(key)
            had: dict[str, float]
            if name in known:
                had = dict(known[name]["values"])
            else:
                had = {value: last for value, (_, last) in before.get(key, {}).items()}
            fresh = sorted((first, v) for v, (first, _) in values.items() if v not in had)
            # What a service begins with is no change of it.
            if fresh and had:
                changes += _told(key, fresh, len(had))
            current = {v: last for v, (_, last) in values.items()}
            if (
                name in known
                and not fresh
                and all(last - had[v] < _REMEMBER_S for v, last in current.items())
            ):
                continue
            both = had | current
            lasting = sorted(both.items(), key=lambda each: each[1], reverse=True)[:_MOST_KNOWN]
            kept[name] = {
                "of": list(key), "values": {v: at for v, at in lasting if at >= now - _KNOWN_S},
            }  # fmt: skip
        return changes, kept

    # -- labels ------------------------------------------------------------------------------

    def _labels(self, mark: Mapping[str, Any] | None, now: float) -> tuple[list[Change], int]:
        if self._moves is None:
            return [], 0
        if mark is None or "move" not in mark:
            return [], self._moves.newest_move()
        number = int(mark["move"])
        until = datetime.fromtimestamp(now - _SETTLED_S, UTC)
        changes = []
        for last, project, prompt, move in self._moves.moves_after(number, until):
            number = last
            went = f"moved to version {move.after}" if move.after else "taken away"
            had = f" from version {move.before}" if move.before else ""
            changes.append(
                Change(
                    "label", move.label, move.at.timestamp(),
                    f"Label {move.label} of prompt {prompt} {went}{had}", project,
                    more={"prompt": prompt, "before": str(move.before or ""),
                          "after": str(move.after or "")},
                )
            )  # fmt: skip
        return changes, number

    # -- messages ----------------------------------------------------------------------------

    def _message(self, channel: Channel, change: Change, now: float) -> dict[str, Any]:
        about = "\0".join([*change.labels.values(), str(change.at)])
        name = hashlib.sha256(about.encode()).hexdigest()[:32]
        return {
            "version": 1, "id": f"change-{name}", "channel": channel.name,
            "group": f"change-{name}", "group_labels": {"change": change.what},
            "event": "changed", "reason": "changed", "number": 1, "at": now, "due_at": now,
            "title": cut(change.title), "severity": "info", "firing": 0, "alerts": [],
            "resolved": 0, "resolved_ids": [], "link": self._link(change),
            "change": {
                **{k: v for k, v in change.labels.items() if v}, **(change.more or {}),
                "at": change.at,
            },
        }  # fmt: skip

    def _link(self, change: Change) -> str:
        if not self._base:
            return ""
        if change.what == "label":
            return f"{self._base}/prompts"
        query = {"from": datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        query |= {k: v for k in ("service", "environment") if (v := change.labels[k])}
        query |= {"model": change.value} if change.what == "model" else {}
        return f"{self._base}/traces?{urlencode(query)}"


def _name(key: _Key) -> str:
    what, *of = key
    return f"{what}-{hashlib.sha256(chr(0).join(of).encode()).hexdigest()[:40]}"


def _told(key: _Key, fresh: Sequence[tuple[float, str]], known: int) -> Iterable[Change]:
    what, project, service, environment = key
    if len(fresh) > _MOST_NEW or known >= _MOST_KNOWN:
        log.warning(
            "%d new values of %s from %s at once are not told as changes: are they versions?",
            len(fresh), what, service or "a service without a name",
        )  # fmt: skip
        return
    where = f" ({environment})" if environment else ""
    for at, value in fresh:
        title = f"{_WORDS[what]} {value} in {service or 'a service without a name'}{where}"
        yield Change(what, value, at, title, project, service, environment)
