"""How many tokens a text has, where the provider does not say.

Four bytes of UTF-8 are about one token of today's tokenizers: four letters of English, three
characters of Chinese in more than two tokens. That is OpenAI's rule of thumb, in bytes so that it
does not fail where a character is worth a token. Prose is met within about a fifth; code, tables
and rare languages have more tokens than this says. What is estimated is marked as estimated.

Source: OpenAI, "What are tokens and how to count them?".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanglass._pieces import size_of

_BYTES_PER_TOKEN: Final = 4
#: Tokens that the frame of each message takes in a chat format.
_TOKENS_PER_MESSAGE: Final = 4
_MAX_DEPTH: Final = 12

#: Fields that hold no text a model reads as such: pictures and sounds, identities, settings.
_NOT_READ: Final = frozenset(
    {
        "audio", "cache_control", "data", "encrypted_content", "file", "file_data", "file_id",
        "id", "image", "image_url", "input_audio", "role", "signature", "source", "tool_call_id",
        "tool_use_id", "type",
    }
)  # fmt: skip


def tokens_of(size: int) -> int:
    """About how many tokens a text has.

    Args:
        size: its bytes in UTF-8.
    """
    return -(-size // _BYTES_PER_TOKEN)


def prompt_size(*parts: object) -> int:
    """Bytes of everything that a model is to read: messages, instructions, tools.

    Args:
        parts: texts, or what requests are made of: lists and mappings of texts, to any depth.
            Frames of messages count, media do not.
    """
    return sum(_size(part, 0) for part in parts)


def _size(value: Any, depth: int) -> int:
    if type(value) is str:
        return size_of(value)
    if depth > _MAX_DEPTH:
        return 0
    if isinstance(value, Mapping):
        frame = _TOKENS_PER_MESSAGE * _BYTES_PER_TOKEN if "role" in value else 0
        read = (_size(item, depth + 1) for key, item in value.items() if key not in _NOT_READ)
        return frame + sum(read)
    if isinstance(value, list | tuple):
        return sum(_size(item, depth + 1) for item in value)
    if hasattr(type(value), "__pydantic_fields__"):
        return _size(value.__dict__, depth)
    return 0
