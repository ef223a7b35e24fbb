"""An application whose waste is planted: which, and how much, is drawn, and written down.

What it wastes is known exactly, because every call's cost follows from its tokens and the price.
"""

import hashlib
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanglass_detectors.embedding.wordpiece import vocabulary
from spanglass_detectors.savings.monthly import MONTH_DAYS
from support import otlp, otlp_signals
from support.running import RunningService

DAY_S: Final = 86_400
DAYS: Final = 7
#: US dollars a token, as the catalogue has them.
PRICES: Final = {
    "gpt-4o": (2.5e-6, 10e-6),
    "gpt-4o-mini": (0.15e-6, 0.6e-6),
    "claude-sonnet-4-5": (3e-6, 15e-6),
}
GPU_HOUR_USD: Final = 2.5
_WORDS: Final = [
    "order",
    "parcel",
    "refund",
    "boots",
    "size",
    "return",
    "window",
    "invoice",
    "customs",
    "address",
    "courier",
    "delay",
    "voucher",
    "account",
    "password",
    "colour",
    "stock",
    "exchange",
    "receipt",
    "warranty",
    "pickup",
    "store",
    "gift",
    "sleeve",
    "zipper",
]

#: Whole words of English, most of them seldom used.
_RARE: Final = [
    each for each in vocabulary() if each.isascii() and each.isalpha() and 6 <= len(each) <= 10
]
_ASKS: Final = [
    "Where do I find the {}?",
    "Where can I find the {}?",
    "Where would I find the {}, please?",
    "So where do I find the {} now?",
]
_ANSWERS: Final = ["The {} is in the {}.", "You find the {} in the {}."]


@dataclass
class Planted:
    """What was wasted in the range, in US dollars, by the kind of finding and the feature."""

    usd: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def add(self, kind: str, feature: str, usd: float) -> None:
        self.usd[kind, feature] += usd

    def month(self, kind: str, feature: str) -> float:
        return self.usd[kind, feature] / DAYS * MONTH_DAYS


class Simulation:
    """A week of an application.

    Args:
        seed: of everything that is drawn.
        end_s: where the week ends.
        wasteful: whether anything is planted.
    """

    def __init__(self, seed: int, end_s: float, wasteful: bool) -> None:
        self.rng = random.Random(seed)
        self.start_s = end_s - DAYS * DAY_S
        self.wasteful = wasteful
        self.planted = Planted()
        self.spans: list[Span] = []
        self.scores: list[dict[str, Any]] = []
        self._serial = 0

    # -- the parts ------------------------------------------------------------------------------

    def run(self) -> "Simulation":
        """Everything; a part's size is drawn when it is planted."""
        self.faq(self.rng.uniform(0.2, 0.6) if self.wasteful else 0.0)
        self.search(self.rng.uniform(0.3, 1.2) if self.wasteful else 0.0)
        self.extract(self.rng.uniform(0.05, 0.2) if self.wasteful else 0.0)
        self.agent(self.rng.uniform(0.2, 0.6) if self.wasteful else 0.0)
        self.summary(self.rng.uniform(0.3, 0.7), worse=0.0 if self.wasteful else 0.2)
        self.contract(self.rng.randint(5_000, 9_000) if self.wasteful else 0)
        self.report(self.rng.randint(1_500, 4_000) if self.wasteful else 0)
        self.digest(self.rng.randint(30, 60) if self.wasteful else 0)
        self.helpdesk(self.rng.uniform(0.3, 0.7), wrong=not self.wasteful)
        self.chatbot(self.rng.randint(8, 14) if self.wasteful else 2)
        self.rng.shuffle(self.spans)
        return self

    def faq(self, repeated: float) -> None:
        """Questions, of which a part were asked a few minutes before."""
        for day in range(DAYS):
            asked: list[tuple[float, str]] = []
            moment = self.start_s + day * DAY_S + 600
            for _ in range(self.rng.randint(70, 90)):
                moment += self.rng.uniform(400, 900)
                recent = [each for each in asked if moment - each[0] < 2_400]
                if recent and self.rng.random() < repeated:
                    # A repeat does not prolong what is kept: the first one's answer counts.
                    question = self.rng.choice(recent)[1]
                    usd = self.call(moment, "faq", question, f"Answer to {question}", 1_500, 300)
                    self.planted.add("answer_cache", "faq", usd)
                else:
                    question = self.words(30)
                    asked.append((moment, question))
                    self.call(moment, "faq", question, f"Answer to {question}", 1_500, 300)

    def search(self, bulk: float) -> None:
        """Calls with tools, one of which may be long and never called."""
        tools = [self.tool("find_item", 300), self.tool("find_order", 300)]
        dead = self.tool("convert_measure", int(6_000 * bulk)) if bulk else None
        defined = [*tools, dead] if dead else tools
        for day in range(DAYS):
            for _ in range(self.rng.randint(60, 80)):
                prompt = self.words(400)
                name = self.rng.choice(("find_item", "find_order"))
                answer = json.dumps([{
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "name": name, "arguments": {"q": "boots"}}],
                }])  # fmt: skip
                # JSON has fewer characters to a token than prose.
                described = len(json.dumps(defined, separators=(",", ":"))) / 3.4
                tokens = round(len(prompt) / 4 + described)
                self.call(
                    self.moment(day), "search", prompt, answer, tokens, 20,
                    attrs={"gen_ai.tool.definitions": json.dumps(defined)},
                )  # fmt: skip
                if dead:
                    wasted = len(json.dumps(dead, separators=(",", ":"))) / 3.4
                    self.planted.add("unused_tools", "search", wasted * PRICES["gpt-4o"][0])

    def extract(self, storms: float) -> None:
        """A step that is tried again as it was; some of the tries fail after they were paid for."""
        for day in range(DAYS):
            for _ in range(self.rng.randint(55, 65)):
                prompt, trace, moment = self.words(60), otlp.trace_id(), self.moment(day)
                tries = self.rng.randint(2, 6) if self.rng.random() < storms else 1
                for attempt in range(tries):
                    usd = self.call(
                        moment + 20 * attempt, "extract", prompt, self.words(20), 900, 250,
                        trace=trace,
                    )  # fmt: skip
                    if attempt:
                        self.planted.add("repeated_calls", "extract", usd)
                if self.wasteful and self.rng.random() < 0.25:
                    usd = self.call(
                        moment, "extract", self.words(60), "", 900, 400, error="the stream ended"
                    )
                    self.planted.add("failed_calls", "extract", usd)

    def agent(self, loops: float) -> None:
        """An agent that reads a document, and in some requests reads it again and again."""
        for day in range(DAYS):
            for _ in range(self.rng.randint(25, 35)):
                trace, moment, document = otlp.trace_id(), self.moment(day), self.words(2)
                again = self.rng.randint(2, 5) if self.rng.random() < loops else 1
                self.call(moment, "agent", self.words(20), "", 800, 60, trace=trace)
                for turn in range(again):
                    moment += 5
                    self.tool_call(moment, trace, "read_document", {"id": document}, document)
                    moment += 5
                    usd = self.call(moment, "agent", self.words(40), "", 1_600, 60, trace=trace)
                    if turn:
                        self.planted.add("agent_loops", "agent", usd)
                    # Another question to the same tool is no loop.
                    self.tool_call(moment + 1, trace, "read_document", {"id": self.words(3)}, "x")

    def summary(self, share: float, worse: float) -> None:
        """Two models at the same work; the cheaper one may do it worse."""
        for day in range(DAYS):
            for _ in range(self.rng.randint(60, 80)):
                cheap = self.rng.random() < share
                model = "gpt-4o-mini" if cheap else "gpt-4o"
                tokens, trace = self.rng.randint(500, 3_000), otlp.trace_id()
                usd = self.call(
                    self.moment(day), "summary", self.words(50), self.words(20), tokens, 200,
                    model=model, trace=trace,
                )  # fmt: skip
                value = min(1.0, max(0.0, self.rng.gauss(0.8 - worse * cheap, 0.05)))
                self.scores.append({
                    "name": "judge.helpful", "value": value, "trace_id": trace.hex(),
                    "source": "judge",
                })  # fmt: skip
                if not cheap and not worse:
                    ratio = PRICES["gpt-4o-mini"][0] / PRICES["gpt-4o"][0]
                    self.planted.add("model_routing", "summary", usd * (1 - ratio))

    def contract(self, characters: int) -> None:
        """Calls that follow each other, with the same long beginning or another each time."""
        rules = self.words(characters // 7)[:characters]
        for day in range(DAYS):
            moment = self.start_s + day * DAY_S + self.rng.uniform(600, 40_000)
            for number in range(self.rng.randint(40, 60)):
                moment += self.rng.uniform(20, 90)
                own = self.words(150)
                beginning = rules if characters else self.words(900)
                self.call(
                    moment, "contract", own, self.words(20),
                    round((len(own) + len(beginning)) / 4), 50,
                    attrs={"gen_ai.system_instructions": beginning},
                )  # fmt: skip
                if characters and number:
                    half = PRICES["gpt-4o"][0] / 2
                    self.planted.add("prompt_cache", "contract", characters / 4 * half)

    def report(self, written: int) -> None:
        """Calls of a model whose cache costs something to write; nobody reads what is written."""
        for day in range(DAYS):
            for _ in range(self.rng.randint(15, 25)):
                prompt = self.words(40)
                self.call(
                    self.moment(day), "report", prompt, self.words(20), 4_500, 40,
                    model="claude-sonnet-4-5",
                    attrs={
                        "gen_ai.provider.name": "anthropic",
                        "gen_ai.usage.cache_creation.input_tokens": written,
                    },
                )  # fmt: skip
                usd = written * PRICES["claude-sonnet-4-5"][0] * 0.25
                self.planted.add("cache_writes", "report", usd)

    def digest(self, calls: int) -> None:
        """What a timer makes in an hour of each day, for nobody who waits."""
        for day in range(DAYS):
            for _ in range(calls + self.rng.randint(-5, 5) if calls else 0):
                # The same hour of each day, by the clock.
                moment = (self.start_s // DAY_S + day + 1) * DAY_S - 1_800 - DAY_S
                moment += DAY_S if moment < self.start_s + day * DAY_S else 0
                usd = self.call(
                    moment + self.rng.uniform(0, 1_500), "digest", self.words(60), self.words(30),
                    1_200, 300, attrs={"user.id": ""},
                )  # fmt: skip
                self.planted.add("batch_price", "digest", usd / 2)

    def helpdesk(self, again: float, wrong: bool) -> None:
        """Questions that were asked before in other words; with the same answer, or with another."""
        for day in range(DAYS):
            # When a thing was first asked about, and the ways in which it was not asked yet.
            asked: dict[str, tuple[float, list[str]]] = {}
            moment = self.start_s + day * DAY_S + 600
            for _ in range(self.rng.randint(50, 60)):
                moment += self.rng.uniform(400, 900)
                recent = [
                    name for name, (at, left) in asked.items() if left and moment - at < 1_500
                ]
                is_again = bool(recent) and self.rng.random() < again
                about = self.rng.choice(recent) if is_again else self.thing()
                if not is_again:
                    asked[about] = (moment, self.rng.sample(_ASKS, len(_ASKS)))
                where = self.thing() if wrong else "office behind the front desk"
                usd = self.call(
                    moment, "helpdesk", asked[about][1].pop().format(about),
                    self.rng.choice(_ANSWERS).format(about, where), 1_400, 350,
                )  # fmt: skip
                if is_again and not wrong:
                    self.planted.add("near_duplicates", "helpdesk", usd)

    def chatbot(self, longest: int) -> None:
        """Conversations whose turns are all sent again with every question."""
        for day in range(DAYS):
            for _ in range(self.rng.randint(12, 18)):
                moment, said = self.moment(day), list[dict[str, Any]]()
                for _ in range(self.rng.randint(1, longest)):
                    said.append(_said("user", self.words(25)))
                    prompt = json.dumps(said, separators=(",", ":"))
                    old = sum(len(json.dumps(m, separators=(",", ":"))) for m in said[:-5])
                    tokens = round(len(prompt) / 4)
                    self.call(
                        moment, "chatbot", "", self.words(30), tokens, 60,
                        attrs={"gen_ai.input.messages": prompt},
                    )  # fmt: skip
                    said.append(_said("assistant", self.words(60)))
                    moment += 30
                    if old:
                        usd = old / 4 * PRICES["gpt-4o"][0]
                        self.planted.add("long_history", "chatbot", usd)

    def thing(self) -> str:
        """Words that no other question has."""
        return " ".join(self.rng.sample(_RARE, 4))

    # -- what they are made of ------------------------------------------------------------------

    def call(
        self, moment: float, feature: str, prompt: str, answer: str, tokens_in: int,
        tokens_out: int, model: str = "gpt-4o", attrs: Mapping[str, Any] | None = None,
        trace: bytes | None = None, error: str | None = None,
    ) -> float:  # fmt: skip
        """A call of a model; what it costs."""
        self._serial += 1
        messages = [{"role": "user", "parts": [{"type": "text", "content": prompt}]}]
        about = {
            "gen_ai.request.model": model,
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.output.messages": answer,
            "spanglass.feature": feature,
            "user.id": f"user-{self._serial % 50}",
        }
        self.spans.append(
            otlp.chat_span(
                tokens_in, tokens_out, about | dict(attrs or {}), start=int(moment * 1e9),
                duration=2 * otlp.SECOND, trace=trace, error=error,
            )
        )  # fmt: skip
        price_in, price_out = PRICES[model]
        return tokens_in * price_in + tokens_out * price_out

    def tool_call(
        self, moment: float, trace: bytes, name: str, arguments: Any, result: str
    ) -> None:
        self.spans.append(
            otlp.span(
                f"execute_tool {name}", trace=trace, start=int(moment * 1e9), duration=otlp.SECOND,
                attrs={
                    "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name,
                    "gen_ai.tool.call.arguments": json.dumps(arguments),
                    "gen_ai.tool.call.result": result, "spanglass.feature": "agent",
                },
            )
        )  # fmt: skip

    def tool(self, name: str, characters: int) -> dict[str, Any]:
        told = self.words(max(1, characters // 7))[:characters]
        return {"type": "function", "function": {"name": name, "description": told}}

    def words(self, count: int) -> str:
        drawn = " ".join(self.rng.choices(_WORDS, k=count))
        digest = hashlib.blake2b(drawn.encode() + str(self.rng.random()).encode(), digest_size=6)
        return f"{drawn} {digest.hexdigest()}"

    def moment(self, day: int) -> float:
        return self.start_s + day * DAY_S + self.rng.uniform(600, DAY_S - 3_600)

    # -- sending --------------------------------------------------------------------------------

    def send(self, service: RunningService) -> "Simulation":
        """Sends everything by OTLP, and scores by the API."""
        for part in _parts(self.spans, 1_000):
            service.send(otlp.request(*part, service="shop"))
        for part in _parts(self.scores, 5_000):
            assert service.api("POST", "/api/v1/scores", json=part).status_code == 201
        return self

    def send_boards(self, service: RunningService, host: str, idle: float) -> None:
        """A node with a board that idles in a part of its hours."""
        points = []
        for hour in range(DAYS * 24):
            is_idle = self.rng.random() < idle
            if is_idle:
                self.planted.add("idle_gpus", host, GPU_HOUR_USD)
            for quarter in range(4):
                value = 0.0 if is_idle else self.rng.uniform(0.3, 0.9)
                moment = self.start_s + hour * 3_600 + quarter * 900 + 60
                points.append(
                    otlp_signals.point(
                        value, {"hw.id": f"{host}-0", "hw.gpu.task": "general"},
                        time_unix_nano=int(moment * 1e9),
                    )
                )  # fmt: skip
        resource = {"host.name": host, "spanglass.gpu_hour_usd": GPU_HOUR_USD}
        request = otlp_signals.metrics(
            otlp_signals.gauge("hw.gpu.utilization", points, unit="1"),
            service="spanglass-agent", resource=resource,
        )  # fmt: skip
        assert service.post(request, path="/v1/metrics").status_code == 200


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _parts(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for at in range(0, len(values), size):
        yield values[at : at + size]


def hour_s(days_ago: float) -> float:
    """A whole hour, some days ago, in seconds since 1970."""
    return int((time.time() - days_ago * DAY_S) // 3_600 * 3_600)
