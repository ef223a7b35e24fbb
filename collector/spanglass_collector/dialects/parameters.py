"""JSON objects that dialects have: parameters of a request, and counts of tokens."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from spanglass_collector.dialects import convert, names

_PARAMETERS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "temperature": ("gen_ai.request.temperature", convert.number),
    "top_p": ("gen_ai.request.top_p", convert.number),
    "top_k": ("gen_ai.request.top_k", convert.number),
    "max_tokens": ("gen_ai.request.max_tokens", convert.integer),
    "max_completion_tokens": ("gen_ai.request.max_tokens", convert.integer),
    "max_output_tokens": ("gen_ai.request.max_tokens", convert.integer),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", convert.number),
    "presence_penalty": ("gen_ai.request.presence_penalty", convert.number),
    "seed": ("gen_ai.request.seed", convert.integer),
    "stream": ("gen_ai.request.stream", convert.true),
    "stop": ("gen_ai.request.stop_sequences", convert.texts),
    "stop_sequences": ("gen_ai.request.stop_sequences", convert.texts),
    "encoding_format": ("gen_ai.request.encoding_formats", convert.texts),
    "dimensions": ("gen_ai.embeddings.dimension.count", convert.integer),
    "service_tier": ("openai.request.service_tier", convert.text),
    "reasoning_effort": ("gen_ai.request.reasoning.level", convert.text),
}
_CHOICES: Final = ("n", "choice_count", "candidate_count")


@convert.remembered
def request_parameters(value: Any) -> dict[str, Any]:
    """What a model was asked for, from the JSON of its parameters."""
    given = convert.json_object(value)
    made: dict[str, Any] = {}
    for key in given.keys() & _PARAMETERS.keys():
        target, as_type = _PARAMETERS[key]
        found = as_type(given[key])
        if found is not None:
            made[target] = found
    for key in _CHOICES:
        count = convert.integer(given.get(key))
        if count is not None and count != 1:
            made["gen_ai.request.choice.count"] = count
    return made


#: Most variables of a prompt that are told apart, and the longest name of one, in characters.
_MOST_VARIABLES: Final = 100
_LONGEST_NAME: Final = 200


def prompt_variables(value: Any) -> dict[str, Any]:
    """What a prompt's variables were, from the JSON of them by their names."""
    made: dict[str, Any] = {}
    for name, given in islice(convert.json_object(value).items(), _MOST_VARIABLES):
        found = convert.json_text(given)
        if found is not None and 0 < len(name) <= _LONGEST_NAME:
            made[names.PROMPT_VARIABLE + name] = found
    return made


#: Where counts are that are part of the input: as paths into the JSON of the usage.
_CACHE_READ: Final = (
    ("prompt_tokens_details", "cached_tokens"), ("input_tokens_details", "cached_tokens"),
    ("input_token_details", "cache_read"), ("cache_read_input_tokens",), ("cache_read_tokens",),
    ("input_cached_tokens",), ("input_cache_read",), ("input_cache_read_tokens",),
)  # fmt: skip
_CACHE_WRITE: Final = (
    ("input_token_details", "cache_creation"), ("cache_creation_input_tokens",),
    ("cache_write_tokens",), ("input_cache_creation",), ("input_cache_write",),
    ("cache_creation_tokens",),
)  # fmt: skip
_REASONING: Final = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("output_token_details", "reasoning"), ("output_reasoning_tokens",), ("output_reasoning",),
    ("reasoning_tokens",),
)  # fmt: skip
_INPUT: Final = (("prompt_tokens",), ("input_tokens",), ("input",), ("promptTokens",))
_OUTPUT: Final = (("completion_tokens",), ("output_tokens",), ("output",), ("completionTokens",))
_TOTAL: Final = (("total_tokens",), ("total",), ("totalTokens",))


def inclusive_usage(value: Any) -> dict[str, Any]:
    """Counts of tokens where the input has the cached ones in it, as OpenAI counts."""
    return _usage(convert.json_object(value), False)


def details_of_usage(value: Any) -> dict[str, Any]:
    """Of a provider's own counts, those of cached and of reasoning tokens: the sums are beside."""
    found = inclusive_usage(value)
    return {
        key: found[key] for key in found if key not in (names.INPUT_TOKENS, names.OUTPUT_TOKENS)
    }


def exclusive_usage(value: Any) -> dict[str, Any]:
    """Counts of tokens in buckets that have nothing in common, as Langfuse and Anthropic count.

    OpenAI's own object is known by its details, and a total that is no more than input and
    output says that the buckets are parts of them.
    """
    usage = convert.json_object(value)
    has_details = any(
        isinstance(usage.get(key), dict)
        for key in ("prompt_tokens_details", "input_tokens_details", "input_token_details")
    )
    return _usage(usage, not has_details)


def _usage(usage: Mapping[str, Any], is_exclusive: bool) -> dict[str, Any]:
    if not usage:
        return {}
    read, write, reasoning = (_count(usage, p) for p in (_CACHE_READ, _CACHE_WRITE, _REASONING))
    given, made = _count(usage, _INPUT), _count(usage, _OUTPUT)
    if is_exclusive and _count(usage, _TOTAL) != (given or 0) + (made or 0):
        if given is not None:
            given += sum(_bucket(usage, "input_")) + _plain(usage, read, write)
        if made is not None:
            made += sum(_bucket(usage, "output_"))
    found = {
        names.INPUT_TOKENS: given, names.OUTPUT_TOKENS: made, names.CACHE_READ: read,
        names.CACHE_WRITE: write, names.REASONING: reasoning,
    }  # fmt: skip
    return {key: count for key, count in found.items() if count is not None}


def _bucket(usage: Mapping[str, Any], prefix: str) -> list[int]:
    """Langfuse's buckets beside `input` and `output`: `input_cached_tokens`, `input_audio`, …"""
    return [
        convert.integer(count) or 0
        for key, count in usage.items()
        if key.startswith(prefix) and key != prefix + "tokens"
    ]


def _plain(usage: Mapping[str, Any], read: int | None, write: int | None) -> int:
    """Cached tokens under names that are no bucket's (Anthropic's)."""
    has_buckets = any(key.startswith("input_ca") for key in usage)
    return 0 if has_buckets else (read or 0) + (write or 0)


def _count(usage: Mapping[str, Any], paths: tuple[tuple[str, ...], ...]) -> int | None:
    for first, *rest in paths:
        inner = usage.get(first)
        for step in rest:
            inner = inner.get(step) if isinstance(inner, dict) else None
        found = convert.integer(inner)
        if found is not None:
            return found
    return None
