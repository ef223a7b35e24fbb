"""Single values: from what a dialect has to what OpenTelemetry's attribute is.

Every function takes whatever came, and returns None where it says nothing: a wrong type is no
error, the original stays beside.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

_LARGEST: Final = (1 << 63) - 1
#: Longest name of a provider, in characters.
_LONGEST_NAME: Final = 200
#: Longest text of which the result is remembered, in characters.
_REMEMBERED: Final = 4096


def text(value: Any) -> str | None:
    """A text that is not empty; a number counts as its digits."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)


def number(value: Any) -> float | None:
    """A finite number, also one that is written as text."""
    if type(value) is float and -1e308 < value < 1e308:
        return value
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def integer(value: Any) -> int | None:
    """A count: a whole number that is not negative, also one that is written as text."""
    if value is None:
        return None
    if type(value) is int:
        return value if 0 <= value <= _LARGEST else None
    found = number(value)
    if found is None or found < 0 or found > 2**53 or found != int(found):
        return None
    return int(found)


def cost(value: Any) -> float | None:
    """US dollars, more than none: 0 is what senders write that know no price."""
    found = number(value)
    return found if found is not None and found > 0 else None


def seconds_of_milliseconds(value: Any) -> float | None:
    """Milliseconds as seconds."""
    found = number(value)
    return None if found is None or found < 0 else found / 1000


def true(value: Any) -> bool | None:
    """True, or nothing: OpenTelemetry's flags are only set when they are true."""
    return True if value is True or value == "true" or value == "True" else None


def texts(value: Any) -> list[str] | None:
    """A list of texts: a list, JSON of one, or a single text."""
    if isinstance(value, str):
        found = loads(value) if value[:1] == "[" else None
        value = found if isinstance(found, list) else [value]
    if not isinstance(value, list):
        return None
    return [each for each in value if isinstance(each, str) and each] or None


def comma_separated(value: Any) -> list[str] | None:
    """A list of texts from one text with commas."""
    if not isinstance(value, str):
        return texts(value)
    return [each.strip() for each in value.split(",") if each.strip()] or None


def one_of(names: Mapping[str, str]) -> Callable[[Any], str | None]:
    """The canonical name by a dialect's, whatever its case; None for those not listed."""

    def convert(value: Any) -> str | None:
        return names.get(value.lower()) if isinstance(value, str) else None

    return convert


def named(kind: str) -> Callable[[Any, Any], str | None]:
    """The name given beside a kind (the span's, or its entity's), for one kind of spans."""
    return lambda value, name: (
        text(name) if isinstance(value, str) and value.lower() == kind else None
    )


def remembered(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A conversion that is not done again for the texts that come in nearly every span.

    What it returns is the same object each time, so nobody may change it.
    """
    cached = lru_cache(1024)(convert)

    def remember(value: Any) -> Any:
        if type(value) is str and len(value) <= _REMEMBERED:
            return cached(value)
        return convert(value)

    return remember


@remembered
def host(value: Any) -> str | None:
    """The host of a URL."""
    try:
        return urlsplit(value).hostname if isinstance(value, str) else None
    except ValueError:
        return None


# -- JSON ---------------------------------------------------------------------------------------


def loads(value: Any) -> Any:
    """What JSON text says; None for what is no JSON, broken off or no text at all."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return None


def dumps(value: Any) -> str | None:
    """JSON text; None for what has none."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):
        return None


def json_object(value: Any) -> dict[str, Any]:
    """What JSON text, or a value, has by names; empty where it is no object."""
    found = loads(value)
    return found if isinstance(found, dict) else {}


def json_text(value: Any) -> str | None:
    """A text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value or None
    return None if value is None else dumps(value)


@remembered
def tool_definitions(value: Any) -> str | None:
    """The tools that a model was offered, as OpenTelemetry's JSON."""
    found = loads(value)
    if not isinstance(found, list):
        return None
    made = [each for each in map(tool_definition, found) if each]
    return dumps(made) if made else None


@remembered
def tool_definition(value: Any) -> dict[str, Any] | None:
    """A tool that was offered: OpenAI's, Anthropic's, Vercel's, or flat ones, also as JSON."""
    value = json_object(value)
    inner = value.get("function")
    about = inner if isinstance(inner, dict) else value
    if not isinstance(about.get("name"), str):
        return tool_definition(about["json_schema"]) if "json_schema" in about else None
    made = {"type": "function", "name": about["name"]}
    if isinstance(about.get("description"), str):
        made["description"] = about["description"]
    for key in ("parameters", "input_schema", "inputSchema", "parameters_json_schema"):
        parameters = loads(about.get(key))
        if isinstance(parameters, dict):
            made["parameters"] = parameters
            break
    return made


# -- names --------------------------------------------------------------------------------------

#: Spellings of `gen_ai.provider.name`, lower-case, as dialects and older generations have them.
_PROVIDERS: Final[Mapping[str, str]] = {
    "aws": "aws.bedrock",
    "amazon": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "az.ai.inference": "azure.ai.inference",
    "azure": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google_genai": "gcp.gen_ai",
    "google.generative-ai": "gcp.gen_ai",
    "google": "gcp.gen_ai",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "ibm.watson.ai": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
    "together": "together_ai",
    "togetherai": "together_ai",
    "huggingface": "hugging_face",
    "vertex.anthropic": "gcp.vertex_ai",
}
#: Providers that have a second part of their own, which is no addition of a dialect.
_DOTTED: Final = ("aws.", "azure.", "gcp.", "ibm.", "az.")
#: Libraries, which stand where a provider should.
_LIBRARIES: Final = frozenset({"langchain", "llama_index", "llamaindex", "crewai", "openai_agents"})


def provider(value: Any, system: Any = None) -> str | None:
    """OpenTelemetry's name of a provider; `openai.chat` and the like are cut to the first part.

    Args:
        value: the dialect's name of it.
        system: whose model it is, where a dialect tells that apart from who runs it.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        return None
    return _provider(value, system if isinstance(system, str) else "")


@lru_cache(1024)
def _provider(value: str, system: str) -> str | None:
    name = value.strip().lower()
    if not name or name in _LIBRARIES:
        return None
    whose = system.lower()
    if name == "azure" and whose == "openai":
        return "azure.ai.openai"
    if name == "google" and whose in ("vertexai", "vertex_ai"):
        return "gcp.vertex_ai"
    if "." in name and name not in _PROVIDERS and not name.startswith(_DOTTED):
        first, second, *_ = name.split(".")
        name = f"{first}.{second}" if f"{first}.{second}" in _PROVIDERS else first
    return _PROVIDERS.get(name, name)


_FINISH: Final[Mapping[str, str]] = {
    "tool_calls": "tool_call",
    "tool-calls": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "eos": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "content-filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}


def finish_reason(value: Any) -> str | None:
    """Why a model stopped, as OpenTelemetry's messages name it."""
    if not isinstance(value, str) or not value:
        return None
    name = value.lower()
    return _FINISH.get(name, name)


def finish_reasons(value: Any) -> list[str] | None:
    """Why a model stopped, one for each choice."""
    found = [finish_reason(each) for each in texts(value) or ()]
    return [each for each in found if each] or None


# -- times --------------------------------------------------------------------------------------


def nanoseconds(value: Any) -> int | None:
    """Nanoseconds since 1970 of a time as ISO 8601 says it, also inside of quotation marks."""
    if not isinstance(value, str) or len(value) > 60:
        return None
    try:
        found = datetime.fromisoformat(value.strip('"'))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


_LEADING_ID: Final = re.compile(r'\{\s*"id"\s*:\s*"([^"\\]{1,200})"')


def leading_id(value: Any) -> str | None:
    """The identity that a response as JSON begins with."""
    found = _LEADING_ID.match(value) if isinstance(value, str) else None
    return found[1] if found else None
