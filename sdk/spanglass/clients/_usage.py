"""How many tokens a call took, from what each provider calls it."""

from __future__ import annotations

from typing import Any, Final

from spanglass._generation import Generation
from spanglass.clients._values import get

#: Where OpenAI's APIs and those like them say it, in order. The first two include the others.
_OPENAI: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "input_tokens": (("prompt_tokens",), ("input_tokens",)),
    "output_tokens": (("completion_tokens",), ("output_tokens",)),
    "cache_read_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("prompt_cache_hit_tokens",),  # DeepSeek
        ("cached_tokens",),  # Moonshot
        ("cache_read_input_tokens",),  # LiteLLM
    ),
    "cache_write_tokens": (
        ("prompt_tokens_details", "cache_write_tokens"),
        ("input_tokens_details", "cache_write_tokens"),
        ("cache_creation_input_tokens",),  # LiteLLM
    ),
    "reasoning_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
    ),
}

#: Shares of the input and output that are no text.
_MODALITIES: Final = {
    "gen_ai.usage.audio.input_tokens": (
        ("prompt_tokens_details", "audio_tokens"),
        ("input_token_details", "audio_tokens"),
    ),
    "gen_ai.usage.audio.output_tokens": (("completion_tokens_details", "audio_tokens"),),
    "gen_ai.usage.image.input_tokens": (("input_tokens_details", "image_tokens"),),
}


def record_openai(call: Generation, usage: Any) -> bool:
    """Records the token counts of OpenAI's APIs; whether there were any."""
    found = {name: _count(usage, paths) for name, paths in _OPENAI.items()}
    if found["input_tokens"] is None and found["output_tokens"] is None:
        return False
    if found["output_tokens"] is None and get(usage, "total_tokens") == found["input_tokens"]:
        found.pop("output_tokens")  # embeddings have no output
    worth: dict[str, Any] = {name: count for name, count in found.items() if _worth(name, count)}
    call.usage(**worth)
    more = {name: _count(usage, paths) for name, paths in _MODALITIES.items()}
    call.set({name: count for name, count in more.items() if count})
    return True


def record_anthropic(call: Generation, usage: Any) -> bool:
    """Records Anthropic's token counts; whether there were any. Its input leaves the cache out."""
    read = _count(usage, (("cache_read_input_tokens",),))
    written = _count(usage, (("cache_creation_input_tokens",),))
    fresh = _count(usage, (("input_tokens",),))
    said = _count(usage, (("output_tokens",),))
    if fresh is None and said is None:
        return False
    call.usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=said,
        cache_read_tokens=read or None,
        cache_write_tokens=written or None,
        reasoning_tokens=_count(usage, (("output_tokens_details", "thinking_tokens"),)) or None,
    )
    return True


def _count(usage: Any, paths: tuple[tuple[str, ...], ...]) -> int | None:
    for path in paths:
        found = get(usage, *path)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _worth(name: str, count: int | None) -> bool:
    """Whether a count says anything: none of a kind is what everybody expects."""
    return count is not None and (count > 0 or name in ("input_tokens", "output_tokens"))
