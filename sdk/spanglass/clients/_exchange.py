"""One request to a model and what comes back: what the kinds of requests have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from spanglass import _estimate
from spanglass._generation import Generation, generation

#: Parameters of a request that clients call as `spanglass.generation` does.
_PARAMETERS: Final = (
    "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens",
    "frequency_penalty", "presence_penalty", "seed", "stop", "stop_sequences", "n", "stream",
    "response_format", "reasoning_effort", "previous_response_id", "encoding_format",
    "dimensions",
)  # fmt: skip


class Exchange:
    """One request and its answer, whole or streamed.

    Args:
        body: what is sent.
        limit: characters of one text that are kept.

    Attributes:
        operation: value of `gen_ai.operation.name`.
        prompt: the fields of the request that the model reads.
        generates: whether the answer has tokens of its own.
        finished: whether the provider has said that the answer is complete.
        counted: whether the provider has said how many tokens it took.
        heard: bytes of the answer so far.
    """

    operation: ClassVar[str] = "chat"
    prompt: ClassVar[tuple[str, ...]] = ("messages", "tools")
    generates: ClassVar[bool] = True

    def __init__(self, body: Mapping[str, Any], limit: int) -> None:
        self.body = body
        self.limit = limit
        self.finished = False
        self.counted = False
        self.heard = 0
        self._prompt_size = 0
        self._reasons: list[str] = []

    def begin(self, provider: str, address: str, port: int | None) -> Generation:
        """The span, not started, with all that the request says.

        Everything is read here and now: the caller may change it next.
        """
        body = self.body
        self._prompt_size = _estimate.prompt_size(*(body.get(name) for name in self.prompt))
        model = body.get("model")
        parameters: dict[str, Any] = {name: body[name] for name in _PARAMETERS if name in body}
        call = generation(
            str(model) if model else "",
            provider=provider,
            operation=self.operation,
            server_address=address or None,
            server_port=port,
            **self.content(),
            **parameters,
            **self.more(),
        )
        self.body = {}  # the caller's own objects are not held longer than needed
        return call

    def content(self) -> dict[str, Any]:
        """What the model reads, as arguments of `generation`: `messages`, `system`, `tools`."""
        return {"messages": self.body.get("messages"), "tools": self.body.get("tools")}

    def more(self) -> dict[str, Any]:
        """Further parameters, by OpenTelemetry's names."""
        return {}

    def whole(self, call: Generation, answer: Any) -> None:
        """Records an answer that came in one piece.

        Args:
            call: the span.
            answer: the client's object, or parsed JSON.
        """
        raise NotImplementedError

    def piece(self, call: Generation, piece: Any) -> None:
        """Takes a piece of a streamed answer.

        Args:
            call: the span.
            piece: the client's object for it.
        """
        call._arrive(True)

    def end(self, call: Generation) -> None:
        """Records what the pieces add up to."""

    def estimate(self, call: Generation) -> None:
        """Records estimated tokens, where the provider has not said how many there were."""
        if self.counted or not (self._prompt_size or self.heard):
            return
        call.usage(
            input_tokens=_estimate.tokens_of(self._prompt_size),
            output_tokens=_estimate.tokens_of(self.heard) if self.generates else None,
            estimated=True,
        )

    def _finish_for(self, call: Generation, reasons: list[str]) -> None:
        """Records why the model stopped; one reason for each choice."""
        if reasons:
            self.finished = True
            self._reasons = reasons
            call.output(finish_reason=reasons)

    def _record(self, call: Generation, answer: object) -> None:
        """Records an answer, with the reasons that have been given."""
        call.output(answer, finish_reason=self._reasons or None)
