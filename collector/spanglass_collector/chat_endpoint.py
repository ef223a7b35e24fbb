"""Asking models at any OpenAI-compatible endpoint."""

import os
import time
from typing import Any, Final, Self

import httpx

import spanglass
from spanglass.evaluation import Usage
from spanglass.prompts import Definition
from spanglass_store.errors import StoreError

_TIMEOUT_S: Final = 120.0
_LONGEST_WAIT_S: Final = 20.0
#: Answers that pass: the endpoint is busy, or has a fault.
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class ChatEndpoint:
    """An endpoint that speaks OpenAI's chat completions. Threads may share one.

    Args:
        url: up to and without `/chat/completions`.
        model: who answers where a prompt names nobody; empty for nobody.
        api_key_env: the variable of the environment that holds the key; empty for no key.
        retries: further tries where the endpoint is busy.

    Raises:
        StoreError: if there is no such variable, or the address is none.
    """

    def __init__(self, url: str, model: str = "", api_key_env: str = "", retries: int = 3) -> None:
        if not url.startswith(("http://", "https://")):
            raise StoreError(f"{url!r} is no endpoint: it looks like https://host/v1.")
        self._url = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self._model = model
        key = os.environ.get(api_key_env, "") if api_key_env else ""
        if api_key_env and not key:
            raise StoreError(f"There is no variable {api_key_env} in the environment.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT_S)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, definition: Definition, given: Any, about: dict[str, str] | None = None) -> Usage:
        """The answer of a prompt to one example's input.

        Args:
            definition: the prompt.
            given: values of its variables, or what fits the only one.
            about: attributes of the call's span.

        Raises:
            RuntimeError: if the endpoint does not answer.
            PromptError: if the input does not fit the prompt's variables.
            StoreError: if nobody names a model.
        """
        made = definition.render(definition.values(given))
        messages = [{"role": "user", "content": made}] if isinstance(made, str) else made
        settings = dict(definition.model)
        model = self._named(str(settings.pop("name", "")))
        body: dict[str, Any] = {"model": model, "messages": messages, **settings}
        if definition.tools:
            body["tools"] = list(definition.tools)
        return self._answered(body, about or {})

    def write(self, asked: str) -> str:
        """What the model says to one message.

        Raises:
            RuntimeError: if the endpoint does not answer.
            StoreError: if no model was named.
        """
        body = {"model": self._named(""), "messages": [{"role": "user", "content": asked}]}
        return str(self._answered(body, {}).output)

    def _named(self, other: str) -> str:
        if not (self._model or other):
            raise StoreError("The prompt names no model: give --model.")
        return self._model or other

    def _answered(self, body: dict[str, Any], about: dict[str, str]) -> Usage:
        with spanglass.generation(body["model"], messages=body["messages"]) as call:
            call.set(about)
            said = self._asked(body)
            try:
                message = said["choices"][0]["message"]
                used = said.get("usage") or {}
                tokens = used.get("prompt_tokens"), used.get("completion_tokens")
                content = message.get("content")
            except (LookupError, TypeError, AttributeError) as error:
                raise RuntimeError("the endpoint's answer is no chat completion") from error
            output = message if message.get("tool_calls") or content is None else content
            call.output(output)
            call.usage(input_tokens=tokens[0], output_tokens=tokens[1])
        return Usage(output, *tokens, price_of(body["model"], *tokens))

    def _asked(self, body: dict[str, Any]) -> Any:
        reason = ""
        for attempt in range(self._retries + 1):
            if attempt:
                time.sleep(min(_LONGEST_WAIT_S, 0.5 * 2**attempt))
            try:
                answer = self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code == 200:
                try:
                    return answer.json()
                except ValueError as error:
                    raise RuntimeError("the endpoint's answer is no JSON") from error
            reason = f"it answered {answer.status_code}: {answer.text[:300]}"
            if answer.status_code not in _PASSING:
                break
        raise RuntimeError(f"{self._url}: {reason}")


def price_of(model: str, given: Any, made: Any) -> float | None:
    """Dollars of a call by the catalogue's list prices; None where it has none for the model."""
    if not isinstance(given, int) or not isinstance(made, int):
        return None
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    try:
        found = calc_price(Tokens(input_tokens=given, output_tokens=made), model_ref=model)
    except (LookupError, ValueError):
        return None
    return float(found.total_price)
