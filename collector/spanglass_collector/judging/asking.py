"""Asking a model for a verdict: over and over where it is busy or says something else."""

import json
import os
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from spanglass_alerts.delivery.outgoing import Outgoing, Unreachable, networks
from spanglass_collector.judging.prompt import BadVerdict, form, messages, read_verdict
from spanglass_collector.judging.rubric import Rubric

#: Answers that pass: the endpoint is busy, or has a fault.
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S: Final = 20.0


class JudgeFailed(RuntimeError):
    """The judge gave no verdict; the message says why."""


class Asker:
    """A model behind an endpoint. Safe to share between threads.

    Args:
        url: of the endpoint, up to and without `/chat/completions`.
        model: its name there.
        api_key_env: the variable of the environment that holds the key; none unless given.
        retries: further tries where the endpoint is busy or what it says is no verdict.
        input_usd, output_usd: price of a million tokens.
        private_networks: networks with commas that are private and may be reached.
        parameters: further fields of the request.

    Raises:
        ValueError: if an option is wrong.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key_env: str = "",
        retries: int = 2,
        input_usd: float = 0.0,
        output_usd: float = 0.0,
        private_networks: str = "",
        parameters: dict[str, Any] | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address: write https://host/v1")
        if api_key_env and not os.environ.get(api_key_env):
            raise ValueError(f"there is no variable {api_key_env} in the service's environment")
        #: Where it is asked.
        self.url = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self.model = model
        key = os.environ.get(api_key_env, "") if api_key_env else ""
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._retries = max(0, int(retries))
        self._prices = (float(input_usd), float(output_usd))
        self._outgoing = Outgoing(networks(private_networks))
        self._parameters = {"temperature": 0, **(parameters or {})}
        # What tries cost that gave no verdict: the next one carries it, so that no budget is
        # overspent unseen.
        self._unpaid = 0.0
        self._lock = threading.Lock()

    def cost(self) -> float:
        """What was spent since this was last asked, in US dollars."""
        with self._lock:
            spent, self._unpaid = self._unpaid, 0.0
        return spent

    def ask(self, rubric: Rubric, given: Mapping[str, str]) -> tuple[str, str]:
        """The label and the reason that the model gives.

        Args:
            rubric: what it judges by.
            given: what it judges, by name.

        Raises:
            JudgeFailed: if there is none after all tries.
            Refused: if the address may not be reached.
        """
        reason = ""
        for attempt in range(self._retries + 1):
            if attempt:
                wait = 0.5 * 2**attempt * (0.5 + secrets.randbelow(100) / 100)
                time.sleep(min(_LONGEST_WAIT_S, wait))
            body = {
                "model": self.model,
                "messages": messages(rubric, given, f"case-{secrets.token_hex(8)}"),
                "response_format": form(rubric),
                **self._parameters,
            }
            try:
                answer = self._outgoing.post(self.url, json.dumps(body).encode(), self._headers)
            except Unreachable as error:
                reason = str(error)
                continue
            if answer.status in _PASSING:
                reason = f"the endpoint says {answer.status}"
                continue
            if answer.status != 200:
                told = answer.body[:300].decode("utf-8", "replace")
                raise JudgeFailed(f"the endpoint says {answer.status}: {told}")
            try:
                return read_verdict(rubric, self._said(answer.body))
            except BadVerdict as error:
                reason = str(error)
        raise JudgeFailed(f"no verdict after {self._retries + 1} tries: {reason}")

    def _said(self, body: bytes) -> Any:
        """What the model said; what it cost is written down."""
        try:
            found = json.loads(body)
            message = found["choices"][0]["message"]
            usage = found.get("usage") or {}
            given, made = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
            with self._lock:
                self._unpaid += (given * self._prices[0] + made * self._prices[1]) / 1e6
            if message.get("refusal"):
                raise BadVerdict("the judge refused")
            return message.get("content")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, BadVerdict):
                raise
            raise BadVerdict(
                f"the endpoint's answer is no chat completion: {body[:200]!r}"
            ) from error
