"""A model as a detector: it judges answers by a rubric."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from spanglass_collector.judging.asking import Asker
from spanglass_collector.judging.prompt import given_of
from spanglass_collector.judging.rubric import read_rubric
from spanglass_detectors.detector import Detector
from spanglass_detectors.results import Score
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS, Exchange, exchange_of

#: Verdicts that are remembered.
_KEPT: Final = 2_000


class ModelJudge(Detector):
    """Has a model judge answers. The score is `judge.` with the rubric's name.

    Args:
        url: of the endpoint, up to and without `/chat/completions`.
        model: its name there.
        rubric: a file, or the name of one that comes with Spanglass.
        api_key_env: the variable of the environment that holds the key; none unless given.
        retries: further tries where the endpoint is busy or what it says is no verdict.
        input_usd, output_usd: price of a million tokens, for the job's budget.
        private_networks: networks with commas that are private and may be reached.
        parameters: further fields of the request.

    Raises:
        ValueError: if an option is wrong.
    """

    operations: Sequence[str] = ANSWERS
    columns: Sequence[str] = ("input", "output", "payload_attributes")
    description: ClassVar[str] = "a model that judges by a rubric: judge.<rubric>"

    def __init__(
        self,
        url: str,
        model: str,
        rubric: str,
        api_key_env: str = "",
        retries: int = 2,
        input_usd: float = 0.0,
        output_usd: float = 0.0,
        private_networks: str = "",
        parameters: dict[str, Any] | None = None,
    ) -> None:
        self._rubric = read_rubric(rubric)
        self._asker = Asker(
            url, model, api_key_env, retries, input_usd, output_usd, private_networks, parameters
        )
        self._kept: OrderedDict[bytes, tuple[str, str]] = OrderedDict()
        self.version = f"{self._rubric.version}-{model}"[:100]

    @property
    def url(self) -> str:
        """Where the model is asked."""
        return self._asker.url

    def judge(self, span: Span) -> Iterable[Score]:
        exchange = exchange_of(span)
        if not exchange.answer.strip() or (self._rubric.needs_context and not exchange.has_context):
            return []
        label, reason = self._verdict(exchange)
        return [
            Score(
                f"judge.{self._rubric.name}", self._rubric.labels[label].value, label, reason,
                {"model": self._asker.model, "rubric_version": self._rubric.version},
                self._asker.cost(),
            )
        ]  # fmt: skip

    def _verdict(self, exchange: Exchange) -> tuple[str, str]:
        said = [exchange.question, exchange.answer, *(each.text for each in exchange.context)]
        key = hashlib.blake2b("\0".join(said).encode("utf-8", "replace"), digest_size=16).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        verdict = self._asker.ask(self._rubric, given_of(exchange))
        self._kept[key] = verdict
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return verdict
