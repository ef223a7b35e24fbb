"""What the handlers share: settings, engine, caches, draws."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import random
from collections import OrderedDict

from starlette.requests import Request

from . import faults
from .engine import Engine
from .errors import ApiError, invalid, no_key, unknown_model, wrong_key
from .fields import parse_body
from .knowledge import Knowledge
from .latency import Pacer
from .models import MODELS, Model, find_model
from .prompt import Json, Message, Prompt
from .prompt_cache import PromptCache
from .seeding import derived_random
from .settings import Settings

_MAX_BODY_BYTES = 16 * 1024 * 1024
_MAX_CONVERSATIONS = 1024


class Service:
    """The state of one server; used from its event loop alone.

    Args:
        settings: What the server was told.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = Engine(settings.seed, Knowledge())
        self._cache = PromptCache()
        # Requests take from these in turn, so that a retry is not bound to fail again.
        self._fault_draws = derived_random(settings.seed, "faults")
        self._latency_draws = derived_random(settings.seed, "latency")
        self._conversations: OrderedDict[str, tuple[Message, ...]] = OrderedDict()

    @property
    def fingerprint(self) -> str:
        """The system fingerprint: it changes with the seed, as answers do."""
        return f"fp_{random.Random(self.settings.seed).getrandbits(40):010x}"

    def check_key(self, request: Request) -> None:
        """Refuse a request without the right key, where the server has one.

        Raises:
            ApiError: The key is missing or wrong.
        """
        expected = self.settings.api_key
        if expected is None:
            return
        # Anthropic's clients have a header of their own.
        key = request.headers.get("x-api-key", "")
        if not key:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                raise no_key()
        if not hmac.compare_digest(key.strip().encode(), expected.encode()):
            raise wrong_key(key.strip())

    async def read(self, request: Request) -> Json:
        """Return the JSON object of a request's body.

        Raises:
            ApiError: It is too large or not a JSON object.
        """
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _MAX_BODY_BYTES:
                raise ApiError(413, "The request body is too large.")
        return parse_body(bytes(body))

    async def fault(self, request: Request, model: str) -> faults.Fault:
        """Return the fault in force for a request, after those that end it here.

        Raises:
            ApiError: The fault is a status, or a hanging request came to its limit.
        """
        fault = faults.requested(request.headers, model)
        if not fault.kind:
            fault = faults.drawn(self._fault_draws, self.settings.error_rate)
        fault.raise_status(model)
        if fault.kind == "hang":
            await self.hang(request)
        return fault

    async def hang(self, request: Request) -> None:
        """Say nothing until the client leaves or the limit passes.

        Raises:
            ApiError: Always, at the end.
        """

        async def client_left() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client_left(), self.settings.hang_s)
        raise ApiError(504, "The server did not answer in time.", kind="server_error")

    def model(self, name: str, kind: str, fault: faults.Fault) -> Model:
        """Return the model of a name.

        A model name that asked for a fault is answered by the sample model of its kind.

        Raises:
            ApiError: There is no such model, or it does something else.
        """
        if fault.model_named:
            return MODELS["sample-chat" if kind == "chat" else "sample-embedding"]
        model = find_model(name)
        if model is None:
            raise unknown_model(name)
        if model.kind != kind:
            raise invalid(f"The model `{name}` cannot be used with this endpoint.", "model")
        return model

    def read_prompt(self, prompt: Prompt, model: Model) -> tuple[int, int]:
        """Let a model read a prompt.

        Returns:
            Tokens of the prompt, and how many of them it had read before.

        Raises:
            ApiError: The prompt is longer than the model can read.
        """
        read = prompt.prompt_tokens()
        if len(read) > model.context_tokens:
            raise invalid(
                f"This model's maximum context length is {model.context_tokens} tokens. However, "
                f"your messages resulted in {len(read)} tokens. Please reduce the length of the "
                "messages.",
                "messages",
                code="context_length_exceeded",
            )
        return len(read), self._cache.read(model.snapshot, read)

    def pacer(self, model: Model) -> Pacer:
        """Return the pacer of one request."""
        return Pacer(model, self._latency_draws, self.settings.speed)

    def conversation(self, response_id: object) -> tuple[Message, ...]:
        """Return the conversation up to and with a stored response.

        Raises:
            ApiError: It is not stored, or no longer.
        """
        if response_id is None:
            return ()
        turns = self._conversations.get(str(response_id))
        if turns is None:
            raise invalid(
                f"Previous response with id '{response_id}' not found.",
                "previous_response_id",
                code="previous_response_not_found",
            )
        return turns

    def store(self, response_id: str, turns: tuple[Message, ...]) -> None:
        """Keep a conversation for later requests; the oldest are dropped."""
        self._conversations[response_id] = turns
        while len(self._conversations) > _MAX_CONVERSATIONS:
            self._conversations.popitem(last=False)
