"""The loop: evaluates what is due, decides, plans what is told, keeps all of it, and hands it over.

One process of an installation does so at a time (a lease). What an evaluation changes is one
transaction; messages are sent, and events brought to ClickHouse, after that.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from spanglass_alerts.alert import Alert, Observation
from spanglass_alerts.announce import Announcer
from spanglass_alerts.book import Shelf
from spanglass_alerts.decide import Policy
from spanglass_alerts.delivery.courier import Courier
from spanglass_alerts.deployed import Moves
from spanglass_alerts.evaluate.live import SETTINGS, Evaluated, Evaluator
from spanglass_alerts.evaluate.measure import Ticks
from spanglass_alerts.events import bring, event_of
from spanglass_alerts.evidence import gather
from spanglass_alerts.heartbeat import Heart
from spanglass_alerts.incidents.gather import Gatherer
from spanglass_alerts.notify import words
from spanglass_alerts.notify.hold import Silence, held
from spanglass_alerts.notify.plan import Thread
from spanglass_alerts.notify.threads import RECEIVER_FAILS, RULE_FAILS, STORE_FAILS, advance
from spanglass_alerts.register import Event, Register
from spanglass_alerts.rules.model import Rule
from spanglass_store.errors import StoreError
from spanglass_store.state.alerts import AlertState

log = logging.getLogger(__name__)

LEASE: Final = "evaluation"
#: Without anything new in the store, rules are evaluated that often, in seconds.
IDLE_S: Final = 60.0
#: Times that were missed are made up for so far back, in so many steps.
_CATCH_UP_S: Final = 3600.0
_CATCH_UP_TICKS: Final = 30
#: A clock that was set back this far is believed, in seconds; for less it is waited.
_CLOCK_BACK_S: Final = 300.0
#: Alerts of one evaluation that get evidence; each takes some queries.
_MOST_EVIDENCE: Final = 10
#: Seconds between two looks for what became of messages long ago.
_CLEAN_S: Final = 3600.0


class Engine:
    """Alerts of one installation.

    Args:
        shelf: the rules.
        state: what is kept.
        evaluator: asks the store.
        courier: brings messages.
        interval_s: seconds between evaluations.
        delay_s: seconds left to data to arrive.
        base: address of the pages, for links.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        shelf: Shelf,
        state: AlertState,
        evaluator: Evaluator,
        courier: Courier,
        interval_s: float = 10,
        delay_s: float = 2,
        base: str = "",
        heart: Heart | None = None,
        moves: Moves | None = None,
        announcer: Announcer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.shelf = shelf
        self._state = state
        self._evaluator = evaluator
        self._courier = courier
        self._interval = interval_s
        self._delay = delay_s
        self._base = base
        self._heart = heart
        self._moves = moves
        self._announcer = announcer
        self._gatherer = Gatherer(state.incidents)
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._lease_until = 0.0
        self._has_led = False
        self._unavailable = ""
        self._alerts = Register()
        self._threads: dict[str, Thread] = {}
        self._erasures = ""
        self._last: dict[str, float] = {}
        self._newest = 0.0
        self._fresh: tuple[Any, ...] = ()
        self._changed_at = 0.0
        self._evaluated_at = 0.0
        self._marked_at = 0.0
        self._cleaned_at = 0.0
        #: Why rules could not be evaluated, by name.
        self.errors: dict[str, str] = {}
        #: Seconds that the last evaluation took, and by how much it was late.
        self.took_s = 0.0
        self.lag_s = 0.0
        #: Alerts that fire.
        self.firing = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    @property
    def is_leading(self) -> bool:
        """Whether it is this process that evaluates."""
        return self._has_led and self._lease_until > self._clock()

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begins to end; returns at once."""
        self._stop.set()
        self._evaluator.cancel()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ends; another collector can go on at once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._courier.stop(timeout_s / 2)
        self._evaluator.close()
        try:
            self._state.release(LEASE, self._holder)
        except Exception as error:
            log.warning("the lease could not be given back: %s", error)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self.tick()
            except Exception as error:
                if self._stop.is_set():
                    return
                log.warning(
                    "alerts have to wait: %s", error, exc_info=not isinstance(error, StoreError)
                )
                # What is in memory may be half of it: what was kept counts.
                self._lease_until = 0.0
            self._stop.wait(max(0.1, self._interval - (time.monotonic() - began)))

    # -- one evaluation ------------------------------------------------------------------------

    def tick(self) -> bool:
        """Evaluates what is due.

        Returns:
            Whether anything was evaluated.
        """
        now = self._clock()
        if self._heart is not None:
            self._heart.beat(self.shelf.book.heartbeat, now)
        self.shelf.refresh()
        rules = self.shelf.rules
        announcer, channels = self._announcer, self.shelf.book.channels
        tells = announcer is not None and announcer.wanted(channels)
        if not rules and not self._alerts and self._has_led and not tells:
            return False
        if not self._lead(now):
            return False
        if self._clock_went_back(now):
            return False
        if self._erasures != self._state.erasures():
            self._read()
        said, joins = self._state.documents("ack"), self._state.documents("join")
        evaluated = self._is_due(rules, now)
        if evaluated or said or joins or self._alerts or self._threads or self._gatherer.is_busy:
            self._advance(rules if evaluated else [], now, said, joins)
        if announcer is not None:
            announcer.look(channels, now)
        bring(self._state, self._evaluator.store)
        if now - self._cleaned_at >= _CLEAN_S:
            self._cleaned_at = now
            self._state.clean(datetime.now(UTC))
            self._state.incidents.clean(now)
        self._courier.attend({each.name: each for each in channels})
        return evaluated

    def _has_lease(self, now: float) -> bool:
        return now < self._lease_until

    def _lead(self, now: float) -> bool:
        """Whether it is this process that evaluates; takes over what another one left."""
        length = max(30.0, 4 * self._interval)
        if now < self._lease_until - length / 2 and self._lease_until <= now + length:
            return True
        led = self._has_lease(now)
        if not self._state.lease(LEASE, self._holder, now, length):
            self._lease_until = 0.0
            return False
        self._lease_until = now + length
        self._has_led = True
        if not led:
            self._read()
            mark = self._state.documents("mark").get("evaluated", {})
            self._newest = float(mark.get("at", 0))
            self._last = {}
        return True

    def _read(self) -> None:
        """Takes into memory what is kept."""
        # First: what is erased after this is found out when it is written.
        self._erasures = self._state.erasures()
        self._alerts = Register(Alert.from_document(d) for d in self._state.alerts())
        threads = self._state.documents("group")
        self._threads = {key: Thread.from_document(d) for key, d in threads.items()}

    def _clock_went_back(self, now: float) -> bool:
        if now >= self._newest:
            return False
        if self._newest - now < _CLOCK_BACK_S:
            # Evaluating a time again would count it twice.
            return True
        log.warning("the clock went back by %.0f s", self._newest - now)
        self._newest = now
        self._last = {}
        self._alerts.turn_back(now)
        return False

    def _is_due(self, rules: list[Rule], now: float) -> bool:
        if not rules:
            return False
        if any(alert.state != "resolved" for alert in self._alerts):
            return True
        fresh = self._freshness()
        if fresh != self._fresh or not fresh:
            self._fresh, self._changed_at = fresh, now
        # What has come counts when the delay is over.
        settled = self._delay + max(rule.delay for rule in rules) + 2 * self._interval
        return now - self._changed_at <= settled or now - self._evaluated_at >= IDLE_S

    def _freshness(self) -> tuple[Any, ...]:
        """Something that differs when the store has something new; empty if that can't be told."""
        try:
            rows = self._evaluator.store.query(
                "SELECT table, max(max_block_number), sum(rows) FROM system.parts"
                " WHERE active AND database = {database:String}"
                " AND table IN ('spans', 'scores', 'metrics') GROUP BY table ORDER BY table",
                {"database": self._evaluator.store.database},
            ).rows
        except StoreError:
            return ()
        return tuple(map(tuple, rows)) or ("empty",)

    def _advance(
        self, rules: list[Rule], now: float, said: Mapping[str, dict[str, Any]],
        joins: Mapping[str, dict[str, Any]],
    ) -> None:  # fmt: skip
        began = time.monotonic()
        self._alerts.begin()
        self._alerts.join(joins)
        events = self._alerts.acknowledge(said, now)
        if rules:
            events += self._decide(rules, now)
            self._evaluated_at = now
        events += self._watch_ourselves(now)
        names = {rule.name for rule in self.shelf.rules} | {RULE_FAILS, RECEIVER_FAILS, STORE_FAILS}
        events += self._alerts.forget_rules(names, now)
        self._add_evidence(rules, events, now)
        book = self.shelf.book
        quiet = self._held(now)
        by_name = {rule.name: rule for rule in self.shelf.rules}
        incidents = self._gatherer.gather(self._alerts, events, quiet, book.incidents, by_name, now)
        threads, messages = self._plan(quiet, now)
        for key, thread in threads.items():
            if thread is None:
                self._threads.pop(key, None)
            else:
                self._threads[key] = thread
        marks = {}
        if rules and (now - self._marked_at >= IDLE_S or events):
            marks, self._marked_at = {"evaluated": {"at": now}}, now
        changed, gone = self._alerts.changed(), self._alerts.gone()
        if changed or gone or events or threads or messages or marks or said or joins or incidents:
            self._state.save(
                alerts=[alert.document() for alert in changed],
                forgotten=gone,
                events=[event_of(alert, what, now) for alert, what in events],
                groups={key: t.document() if t else None for key, t in threads.items()},
                messages=[words.document(m, self._base) | {"due_at": now} for m in messages],
                marks=marks,
                heard=said,
                joined=joins,
                also=lambda session: self._gatherer.keep(incidents, session),
                erasures=self._erasures,
            )
        self._newest = max(self._newest, now)
        self.took_s = time.monotonic() - began
        self.firing = sum(alert.is_active for alert in self._alerts)

    # -- steps ---------------------------------------------------------------------------------

    def _decide(self, rules: list[Rule], now: float) -> list[Event]:
        by_ticks: dict[Ticks, list[Rule]] = {}
        for rule in rules:
            last = self._last.get(rule.name, self._newest)
            if rule.every and now - last < rule.every - 0.5:
                continue
            at = now - self._delay - rule.delay
            missed = now - last - rule.every if last else 0
            by_ticks.setdefault(self._ticks(at, missed), []).append(rule)
            self._last[rule.name] = now
        events: list[Event] = []
        errors: dict[str, str] = {n: e for n, e in self.errors.items() if n in self._last}
        self._unavailable = ""
        for ticks, some in by_ticks.items():
            found = self._evaluator.evaluate(some, ticks)
            self._unavailable = self._unavailable or found.unavailable
            self.lag_s = max(0.0, now - some[0].delay - ticks.last)
            for rule in some:
                errors.pop(rule.name, None)
                if rule.name in found.errors:
                    errors[rule.name] = found.errors[rule.name]
                else:
                    events += self._of_rule(rule, found, ticks)
        names = {rule.name for rule in rules}
        self.errors = {name: text for name, text in errors.items() if name in names}
        return events

    def _ticks(self, at: float, missed_s: float) -> Ticks:
        """This time, and those that were missed: nobody evaluated while this was down."""
        usual = max(2.5 * self._interval, IDLE_S + 2 * self._interval)
        if missed_s <= usual:
            return Ticks(at, self._interval, 1)
        span = min(missed_s, _CATCH_UP_S)
        step = max(self._interval, span / _CATCH_UP_TICKS)
        count = max(1, int(span / step))
        return Ticks(at - (count - 1) * step, step, count)

    def _of_rule(self, rule: Rule, found: Evaluated, ticks: Ticks) -> list[Event]:
        events: list[Event] = []
        policy = Policy.of(rule)
        for at, observations in zip(ticks, found.observations[rule.name], strict=True):
            # Decisions are made at the time of the clock; what was measured ended `delay` before.
            moment = at + self._delay + rule.delay
            events += self._alerts.observe(policy, observations, moment)
        return events

    def _watch_ourselves(self, now: float) -> list[Event]:
        """Rules that fail, receivers that fail, a store that can't be asked: alerts like others."""

        def seen(label: str, problems: Mapping[str, str]) -> list[Observation]:
            return [Observation({label: n}, None, None, True, 1) for n in problems if problems[n]]

        unavailable = self._unavailable
        failing = {} if unavailable else self.errors
        health = {n: h.reason for n, h in self._courier.health().items() if h.fails}
        events = []
        store = {"clickhouse": unavailable} if unavailable else {}
        fails: tuple[tuple[str, str, Mapping[str, str], str, str], ...] = (
            (RULE_FAILS, "failing_rule", failing, "error", "{failing_rule} can't be evaluated."),
            (RECEIVER_FAILS, "channel", health, "error", "{channel} takes no messages."),
            (STORE_FAILS, "store", store, "critical", "No rule is evaluated: no store."),
        )
        for name, label, problems, severity, summary in fails:
            hold = 30.0 if name == STORE_FAILS else 0.0
            policy = Policy(name, severity=severity, summary=summary, for_s=hold)
            for alert, event in self._alerts.observe(policy, seen(label, problems), now):
                told = alert
                if event == "firing":
                    reason = problems.get(alert.labels.get(label, ""), "")
                    told = alert.with_(evidence={"reason": reason})
                    self._alerts.put(told)
                events.append((told, event))
        return events

    def _add_evidence(self, rules: list[Rule], events: list[Event], now: float) -> None:
        by_name = {rule.name: rule for rule in rules}
        room = _MOST_EVIDENCE
        for i, (alert, event) in enumerate(events):
            rule = by_name.get(alert.rule)
            known = self._alerts.get(alert.fingerprint)
            if event != "firing" or rule is None or known is None or known.id != alert.id:
                continue
            if room <= 0:
                break
            room -= 1
            at = now - self._delay - rule.delay
            found = gather(self._evaluator.store, rule, alert, at, SETTINGS, self._moves)
            told = known.with_(evidence=found)
            self._alerts.put(told)
            events[i] = (alert.with_(evidence=found), event)

    def _held(self, now: float) -> dict[str, str]:
        """Alerts that nobody is to hear of now, with the reason, by fingerprint."""
        firing = [alert for alert in self._alerts if alert.is_active]
        if not firing:
            return {}
        book = self.shelf.book
        silences = [Silence.from_document(d) for d in self._state.documents("silence").values()]
        return held(firing, silences, book.maintenance, book.inhibit, now)

    def _plan(self, quiet: Mapping[str, str], now: float) -> Any:
        book = self.shelf.book
        firing = [alert for alert in self._alerts if alert.is_active]
        if not firing and not self._threads:
            return {}, []
        channels = [each.name for each in book.channels]
        return advance(self._threads, firing, quiet, book.routes, channels, now)
