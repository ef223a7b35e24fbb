"""How long a model takes, and the waiting for it."""

from __future__ import annotations

import asyncio
import math
import random

from .models import Model


class Pacer:
    """Times one request of one model.

    Args:
        model: Whose times to draw.
        rng: Source of the draws.
        speed: Factor on every delay; 0 waits for nothing.
    """

    def __init__(self, model: Model, rng: random.Random, speed: float) -> None:
        self._model = model
        self._rng = rng
        self._speed = speed

    def first_token_s(self, prompt_tokens: int, reasoning_tokens: int) -> float:
        """Draw seconds to the first visible token.

        Args:
            prompt_tokens: Prompt tokens that had to be read, cached ones left out.
            reasoning_tokens: Tokens generated before the first visible one.
        """
        queue = self._rng.lognormvariate(
            math.log(self._model.first_token_s), self._model.first_token_sigma
        )
        prefill = prompt_tokens / self._model.prompt_tokens_per_s
        return queue + prefill + reasoning_tokens / self._model.tokens_per_s

    def next_token_s(self) -> float:
        """Draw seconds between two tokens; about one in fifty stalls, as batches do."""
        gap = self._rng.gammavariate(4.0, 0.25 / self._model.tokens_per_s)
        return gap * 6 if self._rng.random() < 0.02 else gap

    async def first_token(self, prompt_tokens: int, reasoning_tokens: int) -> None:
        """Wait until the first token would be there."""
        await self._wait(self.first_token_s(prompt_tokens, reasoning_tokens))

    async def tokens(self, count: int) -> None:
        """Wait for `count` further tokens."""
        await self._wait(sum(self.next_token_s() for _ in range(count)))

    async def _wait(self, seconds: float) -> None:
        # Sleeping for zero still lets other requests run.
        await asyncio.sleep(seconds * self._speed)
