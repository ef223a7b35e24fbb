"""Who asks what, when: visits of customers, more by day than by night."""

from __future__ import annotations

import math
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from openai import OpenAI

import spanglass
from sample_server.answers import UNGROUNDED

from . import node
from .assistant import MORE_K, TOP_K, Assistant
from .clock import Clock, PastClock, RealClock
from .shop import COMPLAINTS, CUSTOMERS, FEATURES, MODELS, PRAISE, QUESTIONS

_DAY_S: Final = 86_400
_PROMPT: Final = "shop-assistant"
#: One visit of so many is answered by the shop's own engine, since it is there.
_OWN: Final = 3
#: The model that most questions go to, and seconds for which it fails at first: longer than an
#: alert of failing calls waits.
COMMONEST: Final = max(MODELS, key=lambda name: MODELS[name])
OUTAGE_S: Final = 240.0
#: Share of answers that customers rate.
_RATED: Final = 0.3
#: Share of answers that the shop's people look at, of those that customers doubt, and of
#: judgements that they get wrong.
_REVIEWED: Final = 0.12
_DOUBTED: Final = 0.8
_MISTAKEN: Final = 0.07
_REVIEWERS: Final = ("reviewer-1", "reviewer-2")
#: Visits.
_FLUSH_EVERY: Final = 10


@dataclass(frozen=True)
class Visit:
    """A customer's visit.

    Attributes:
        at_s: when it begins, in seconds since 1970.
        release: version of the prompt in use then.
        slowdown: how slow the models were then.
    """

    at_s: float
    customer: str
    session: str
    feature: str
    model: str
    questions: tuple[str, ...]
    release: int
    slowdown: float


def history(now_s: float, days: int, visits_a_day: int, rng: random.Random) -> Iterator[Visit]:
    """Visits of the last days, the latest first, so that a page has something to show at once."""
    times = []
    for _ in range(days * visits_a_day):
        at = now_s - rng.random() * days * _DAY_S
        # Fewest at three in the morning, most at three in the afternoon.
        hour = at % _DAY_S / 3600
        if rng.random() < 0.55 - 0.45 * math.cos((hour - 3) / 24 * 2 * math.pi):
            times.append(at)
    # The first visits of the history's last minutes are always there.
    times += [now_s - 60 * n for n in range(1, 8)]
    # So are some of the hours of which the GPU node tells.
    times += [now_s - 1800 * n for n in range(1, 11)]
    for number, at in enumerate(sorted(times, reverse=True)):
        own = number % _OWN == 0 and now_s - at < node.HISTORY_S - 900
        yield _visit(at, now_s, rng, own)


def _visit(at: float, now_s: float, rng: random.Random, own: bool) -> Visit:
    age_days = (now_s - at) / _DAY_S
    # Two days ago the models were slow for three hours. Three days ago the prompt changed, and a
    # day and a half ago again: since then the model is given more documents, a drift to be found.
    slow = 2.0 < age_days < 2.0 + 3 / 24
    model = rng.choices(list(MODELS), list(MODELS.values()))[0]
    return Visit(
        at,
        rng.choice(CUSTOMERS),
        # Not drawn: a second demo on the same data has the same draws, and other visits.
        f"visit-{secrets.token_hex(4)}",
        rng.choice(FEATURES),
        node.MODEL if own else model,
        tuple(rng.sample(QUESTIONS, rng.choice((1, 1, 2, 3)))),
        3 if age_days < 1.5 else 2 if age_days < 3 else 1,
        3.5 if slow else 1.0,
    )


def send_history(
    client: OpenAI,
    days: int,
    visits_a_day: int,
    rng: random.Random,
    stop: Callable[[], bool],
    begun: Callable[[], object],
) -> int:
    """Runs the assistant through the last days; how many questions it answered.

    Args:
        client: of a model server that does not wait.
        stop: whether to end early.
        begun: called when the first visit is sent, or there is none.
    """
    vectors = Assistant(client, RealClock(), rng).index()
    asked = 0
    for number, visit in enumerate(history(time.time(), days, visits_a_day, rng)):
        if stop():
            break
        clock = PastClock(int(visit.at_s * 1e9))
        asked += _hold(visit, client, clock, vectors, rng)
        # The SDK never blocks, so whoever sends a week in seconds waits for it now and then; and
        # somebody may be waiting for the first one.
        if number % _FLUSH_EVERY == 0:
            spanglass.flush()
        begun()
    begun()
    spanglass.flush()
    return asked


def send_live(
    client: OpenAI,
    failing: OpenAI,
    pause_s: float,
    rng: random.Random,
    stop: Callable[[], bool],
    outage_s: float = OUTAGE_S,
) -> None:
    """Runs the assistant for customers that come about every `pause_s` seconds.

    It begins with an outage of its commonest model, so that there is an incident to look at.

    Args:
        client: of a model server.
        failing: of one whose calls fail.
        pause_s: seconds between two customers, on average.
        rng: who comes, and what they ask.
        stop: whether to end.
        outage_s: seconds from now in which calls of the commonest model fail.
    """
    well_again = time.monotonic() + outage_s
    vectors = Assistant(client, RealClock(), rng).index()
    while not stop():
        now = time.time()
        visit = _visit(now, now, rng, rng.random() < 1 / _OWN)
        fails = visit.model == COMMONEST and time.monotonic() < well_again
        _hold(visit, client, RealClock(), vectors, rng, failing if fails else client)
        until = time.monotonic() + rng.expovariate(1 / pause_s)
        while time.monotonic() < until and not stop():
            time.sleep(0.1)


def _hold(
    visit: Visit,
    client: OpenAI,
    clock: Clock,
    vectors: list[list[float]],
    rng: random.Random,
    chat: OpenAI | None = None,
) -> int:
    documents = MORE_K if visit.release > 2 else TOP_K
    assistant = Assistant(client, clock, rng, visit.slowdown, documents, chat)
    with spanglass.context(
        session_id=visit.session,
        user_id=visit.customer,
        feature=visit.feature,
        tags=["sample"],
        prompt=(_PROMPT, visit.release),
    ):
        for question in visit.questions:
            ids = assistant.answer(question, vectors, visit.model)
            clock.took(rng.uniform(8, 45))
            _rate(ids, visit, clock, rng)
            _review(assistant, clock, rng)
    return len(visit.questions)


def _rate(ids: spanglass.Ids, visit: Visit, clock: Clock, rng: random.Random) -> None:
    """What the customer thinks of the answer, where they say so."""
    if rng.random() > _RATED:
        return
    # The new prompt is better; nobody likes to wait.
    happy = rng.random() < (0.85 if visit.release > 1 else 0.65) - 0.1 * (visit.slowdown - 1)
    comment = rng.choice(PRAISE if happy else COMPLAINTS)
    spanglass.feedback(
        thumbs="up" if happy else "down",
        comment=comment or None,
        trace_id=ids.trace_id,
        span_id=ids.span_id,
        time_ns=clock.now(),
    )


def _review(assistant: Assistant, clock: Clock, rng: random.Random) -> None:
    """What the shop's reviewers think of an answer: whether it says what no document says."""
    if assistant.last_call is None:
        return
    ids, text = assistant.last_call
    is_grounded = not any(made_up.strip() in text for made_up in UNGROUNDED)
    if rng.random() > (_REVIEWED if is_grounded else _DOUBTED):
        return
    for reviewer in _REVIEWERS[: rng.choice((1, 1, 2))]:
        spanglass.score(
            "groundedness",
            float(is_grounded == (rng.random() > _MISTAKEN)),
            source="human",
            evaluator=reviewer,
            trace_id=ids.trace_id,
            span_id=ids.span_id,
            time_ns=clock.now(),
        )
