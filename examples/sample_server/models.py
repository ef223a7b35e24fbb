"""The models that the server pretends to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Model:
    """One model and how it behaves.

    Attributes:
        id: The name a client asks for.
        snapshot: The dated name that responses carry, as real services answer an alias.
        kind: What the model does.
        first_token_s: Median seconds from request to first token, without reading the prompt.
        first_token_sigma: Spread of that time: sigma of its logarithm.
        tokens_per_s: Tokens generated a second.
        prompt_tokens_per_s: Prompt tokens read a second; cached ones cost nothing.
        context_tokens: Largest prompt accepted, tokens.
        dimensions: Length of an embedding; 0 for chat models.
        ungrounded_rate: Share of answers, 0 to 1, that add a claim no document supports, so
            that whoever watches the quality of answers has something to find.
    """

    id: str
    snapshot: str
    kind: Literal["chat", "embedding"] = "chat"
    first_token_s: float = 0.4
    first_token_sigma: float = 0.35
    tokens_per_s: float = 80.0
    prompt_tokens_per_s: float = 8000.0
    context_tokens: int = 128_000
    dimensions: int = 0
    ungrounded_rate: float = 0.03

    @property
    def reasons(self) -> bool:
        """Whether the model spends reasoning tokens before it answers."""
        return self.kind == "chat" and (self.id.startswith("o") or "reason" in self.id)


def _chat(
    name: str, date: str, first: float, sigma: float, rate: float, ungrounded: float
) -> Model:
    return Model(
        id=name,
        snapshot=f"{name}-{date}",
        first_token_s=first,
        first_token_sigma=sigma,
        tokens_per_s=rate,
        ungrounded_rate=ungrounded,
    )


def _embedding(name: str, dimensions: int, first: float) -> Model:
    return Model(
        id=name,
        snapshot=name,
        kind="embedding",
        first_token_s=first,
        first_token_sigma=0.3,
        context_tokens=8192,
        dimensions=dimensions,
    )


# Names that price tables know are here so that a demonstration shows real prices.
_ALL = (
    _chat("gpt-4o", "2024-08-06", 0.45, 0.35, 90.0, 0.02),
    _chat("gpt-4o-mini", "2024-07-18", 0.35, 0.40, 110.0, 0.08),
    _chat("gpt-4.1", "2025-04-14", 0.50, 0.35, 75.0, 0.02),
    _chat("gpt-4.1-mini", "2025-04-14", 0.38, 0.35, 120.0, 0.06),
    _chat("o3-mini", "2025-01-31", 0.80, 0.45, 150.0, 0.02),
    _chat("o4-mini", "2025-04-16", 0.90, 0.45, 140.0, 0.01),
    _chat("claude-opus-4-5", "20251101", 0.70, 0.40, 80.0, 0.02),
    _chat("claude-haiku-4-5", "20251001", 0.40, 0.35, 140.0, 0.05),
    _chat("sample-chat", "2026-01-01", 0.30, 0.30, 100.0, 0.05),
    _chat("sample-slow", "2026-01-01", 1.60, 0.60, 25.0, 0.05),
    _chat("sample-reason", "2026-01-01", 0.70, 0.45, 120.0, 0.01),
    # An engine of one's own answers by the name that it is asked by.
    Model("sample/shop-8b", "sample/shop-8b", first_token_s=0.25, tokens_per_s=45.0),
    _embedding("text-embedding-3-small", 1536, 0.08),
    _embedding("text-embedding-3-large", 3072, 0.14),
    _embedding("text-embedding-ada-002", 1536, 0.10),
    _embedding("sample-embedding", 256, 0.05),
)

MODELS: dict[str, Model] = {model.id: model for model in _ALL}
"""Models by the name a client asks for."""

_BY_NAME = MODELS | {model.snapshot: model for model in _ALL}


def find_model(name: str) -> Model | None:
    """Return the model of that name or dated name, or None where there is none."""
    return _BY_NAME.get(name)
