"""What is run: a Python function, or a version of a prompt at an endpoint."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

import spanglass
from spanglass.evaluation._run import Usage
from spanglass.prompts import Definition, PromptError
from spanglass_store.errors import StoreError

_TIMEOUT_S: Final = 120.0
#: Answers that pass: the endpoint is busy, or has a fault.
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


def function_of(place: str, what: str = "The target") -> Callable[..., Any]:
    """The function of `module:function`; modules of the present folder are found.

    Raises:
        StoreError: if there is none.
    """
    module, separator, name = place.partition(":")
    if not separator or not module or not name:
        raise StoreError(f"{what} {place!r} should look like module:function.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise StoreError(
            f"{what} {place!r} can't be loaded: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise StoreError(f"{what} {place!r} is no function.")
    return found  # type: ignore[no-any-return]


class PromptTarget:
    """A version of a prompt, asked of an OpenAI-compatible endpoint.

    Args:
        name: of the prompt.
        version: of it.
        definition: what it says.
        url: of the endpoint, up to and without `/chat/completions`.
        model: its name there; by default that of the prompt's settings.
        api_key_env: the variable of the environment that holds the key.
        retries: further tries where the endpoint is busy.

    Raises:
        StoreError: if no model is named, or there is no such variable.
    """

    def __init__(
        self, name: str, version: int, definition: Definition, url: str, model: str,
        api_key_env: str, retries: int = 3,
    ) -> None:  # fmt: skip
        self._definition = definition
        self._name, self._version = name, version
        self._url = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self._settings = {**definition.model}
        self._model = model or str(self._settings.get("name", ""))
        self._settings.pop("name", None)
        if not self._model:
            raise StoreError(f"The prompt {name!r} names no model: give --model.")
        key = os.environ.get(api_key_env, "") if api_key_env else ""
        if api_key_env and not key:
            raise StoreError(f"There is no variable {api_key_env} in the environment.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT_S)
        self._retries = retries

    def __call__(self, given: Any) -> Usage:
        """The answer to one example's input.

        Raises:
            RuntimeError: if the endpoint does not answer.
            PromptError: if the input does not fit the prompt's variables.
        """
        made = self._definition.render(self.values(given))
        messages = [{"role": "user", "content": made}] if isinstance(made, str) else made
        body: dict[str, Any] = {"model": self._model, "messages": messages, **self._settings}
        if self._definition.tools:
            body["tools"] = self._definition.tools
        about = {
            "gen_ai.prompt.name": self._name, "gen_ai.prompt.version": str(self._version),
        }  # fmt: skip
        with spanglass.generation(self._model, messages=messages) as call:
            call.set(about)
            said = self._asked(body)
            try:
                message = said["choices"][0]["message"]
                used = said.get("usage") or {}
            except (LookupError, TypeError, AttributeError) as error:
                raise RuntimeError("the endpoint's answer is no chat completion") from error
            content = message.get("content")
            output = message if message.get("tool_calls") or content is None else content
            tokens = used.get("prompt_tokens"), used.get("completion_tokens")
            call.output(output)
            call.usage(input_tokens=tokens[0], output_tokens=tokens[1])
        return Usage(output, *tokens)

    def values(self, given: Any) -> dict[str, Any]:
        """An example's input as values of the prompt's variables.

        Raises:
            PromptError: if it is a text or messages, and the prompt has several variables.
        """
        if isinstance(given, Mapping):
            return dict(given)
        variables = self._definition.variables
        fitting = [
            name for name, each in variables.items()
            if (each.type == "messages") == isinstance(given, list)
        ]  # fmt: skip
        needed = [name for name in fitting if variables[name].required] or fitting
        if len(needed) != 1:
            raise PromptError(
                f"the input is not named, and the prompt {self._name!r} has the variables"
                f" {', '.join(variables) or 'none'}: give named values"
            )
        return {needed[0]: given}

    def _asked(self, body: dict[str, Any]) -> Any:
        reason = ""
        for attempt in range(self._retries + 1):
            if attempt:
                import time

                time.sleep(min(20.0, 0.5 * 2**attempt))
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
