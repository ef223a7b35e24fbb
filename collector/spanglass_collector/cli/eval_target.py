"""What is run, and what scores it: Python functions, prompts at an endpoint, detectors, judges."""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spanglass
from spanglass import _state
from spanglass.evaluation import Usage
from spanglass.prompts import Definition
from spanglass_collector.chat_endpoint import ChatEndpoint
from spanglass_collector.cli.remote import Service
from spanglass_collector.jobs.registry import DetectorError, load
from spanglass_detectors.evaluation import scorer
from spanglass_store.errors import StoreError


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
        endpoint: who answers; its model goes before the one that the prompt names.
    """

    def __init__(
        self, name: str, version: int, definition: Definition, endpoint: ChatEndpoint
    ) -> None:
        self._definition = definition
        self._endpoint = endpoint
        self._about = {"gen_ai.prompt.name": name, "gen_ai.prompt.version": str(version)}

    def __call__(self, given: Any) -> Usage:
        """The answer to one example's input.

        Raises:
            RuntimeError: if the endpoint does not answer.
            PromptError: if the input does not fit the prompt's variables.
        """
        return self._endpoint.ask(self._definition, given, self._about)


def scorers_of(
    functions: list[str], detectors: list[str], judges: list[str], url: str, model: str,
    api_key_env: str,
) -> list[Callable[..., Any]]:  # fmt: skip
    """Scorers as they are typed: functions, detectors, and rubrics for a model that judges.

    Raises:
        StoreError: if one of them can't be loaded.
    """
    found = [function_of(each, "The scorer") for each in functions]
    if judges and not (url and model):
        raise StoreError("--judge needs --judge-url and --judge-model.")
    asked: list[tuple[str, dict[str, Any]]] = [(each, {}) for each in detectors]
    for rubric in judges:
        # Who types the address may reach it, wherever it is.
        options = {"url": url, "model": model, "rubric": rubric, "private_networks": "0.0.0.0/0"}
        asked.append(("judge", options | {"api_key_env": api_key_env}))
    try:
        return found + [scorer(load(name, options)) for name, options in asked]
    except DetectorError as error:
        raise StoreError(str(error)) from error


def trace_to(service: Service, data_dir: Path | None) -> None:
    """Calls are traced by the service, unless the application has set that up otherwise."""
    if _state.runtime is not None:
        return
    endpoint = os.environ.get("SPANGLASS_ENDPOINT", "")
    if not endpoint:
        from spanglass_collector.settings import load as settings_of

        path = settings_of({"data_dir": data_dir}).data_dir / "service.json"
        try:
            document = json.loads(path.read_text())
            addresses = document["addresses"]
        except (OSError, ValueError, KeyError):
            return
        if addresses.get("web") and service.url.endswith(addresses["web"]):
            # With TLS, the exporter has to be told whom to trust: by its own variables.
            is_plain = not document.get("certificate") and addresses.get("otlp_http")
            endpoint = f"http://{addresses['otlp_http']}" if is_plain else ""
    if endpoint:
        spanglass.init(
            endpoint=endpoint, api_key=service.token, service="spanglass-eval",
            web_url=service.url,
        )  # fmt: skip
