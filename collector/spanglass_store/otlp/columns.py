"""Which attributes fill which typed column of `spans`: OpenTelemetry's GenAI names, as data.

A column takes the first attribute that a span has, in the order given. Older spellings and
other dialects are brought to these names before they reach the store.

Source: OpenTelemetry semantic conventions for generative AI, v1.37 and later.
"""

from typing import Final

from spanglass_store.otlp.decoder import DATABASE
from spanglass_store.otlp.literal import quoted
from spanglass_store.prices import costs

TEXT: Final[dict[str, tuple[str, ...]]] = {
    "operation": ("gen_ai.operation.name",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "error_type": ("error.type",),
    "session_id": ("gen_ai.conversation.id", "session.id"),
    "user_id": ("user.id", "enduser.id"),
    "feature": ("spanglass.feature",),
    "prompt_name": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version",),
    "agent_name": ("gen_ai.agent.name",),
    "tool_name": ("gen_ai.tool.name",),
}

INTEGER: Final[dict[str, tuple[str, ...]]] = {
    "input_tokens": ("gen_ai.usage.input_tokens",),
    "output_tokens": ("gen_ai.usage.output_tokens",),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
    ),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}

#: Seconds.
FLOAT: Final[dict[str, tuple[str, ...]]] = {
    "time_to_first_token_s": (
        "gen_ai.response.time_to_first_chunk",
        "spanglass.time_to_first_token",
    ),
}

TEXT_LIST: Final[dict[str, str]] = {
    "finish_reasons": "gen_ai.response.finish_reasons",
    "tags": "spanglass.tags",
}

RESOURCE_TEXT: Final[dict[str, tuple[str, ...]]] = {
    "service": ("service.name",),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "release": ("service.version",),
    "instance_id": ("spanglass.instance.id", "service.instance.id"),
}


def typed() -> dict[str, str]:
    """The SQL of every typed column, over the columns `attributes` and `resource`."""
    result = {name: _first(keys, "attributes") for name, keys in TEXT.items()}
    for name, keys in INTEGER.items():
        result[name] = f"toUInt64OrNull({_first(keys, 'attributes')})"
    for name, keys in FLOAT.items():
        result[name] = _number(_first(keys, "attributes"))
    for name, key in TEXT_LIST.items():
        result[name] = _text_list(key)
    for name, keys in RESOURCE_TEXT.items():
        result[name] = _first(keys, "resource")
    return result | {
        # As measured while it streamed, else first token to last, over the tokens after the first.
        "time_per_output_token_s": (
            f"ifNull({_number(_value('attributes', 'spanglass.time_per_output_token'))},"
            " if(output_tokens > 1 AND duration_ns / 1e9 > time_to_first_token_s,"
            " (duration_ns / 1e9 - time_to_first_token_s) / (output_tokens - 1), NULL))"
        ),
        "sequence": "toUInt64OrZero(attributes['spanglass.sequence'])",
        "tokens_estimated": "attributes['spanglass.tokens_estimated'] = 'true'",
        "sample_weight": f"ifNull({_number(_value('attributes', 'spanglass.sample_weight'))}, 1)",
        "sample_data": (
            "attributes['spanglass.sample_data'] = 'true'"
            " OR resource['spanglass.sample_data'] = 'true'"
        ),
    }


def cost_layers() -> tuple[dict[str, str], ...]:
    """Names for what the columns of cost follow from; see `Decoder.layers`."""
    own, others = (_value("attributes", name) for name in costs.REPORTED_COST_KEYS)
    given = {
        "reported_cost": f"ifNull({_number(own)}, nullIf({_number(others)}, 0))",
        "service_tier": _first(costs.SERVICE_TIER_KEYS, "attributes"),
    }
    return given | costs.entry_steps(DATABASE, "reported_cost IS NULL"), costs.charge_steps()


def cost() -> dict[str, str]:
    """The columns of cost, over `cost_layers`: what a span reports goes before the book."""
    book = costs.charged()
    return book | {
        "service_tier": "service_tier",
        "cost_usd": f"ifNull(reported_cost, {book['cost_usd']})",
        "cost_source": f"if(reported_cost IS NULL, {book['cost_source']}, 'reported')",
    }


def _value(source: str, name: str) -> str:
    return f"{source}[{quoted(name)}]"


def _first(names: tuple[str, ...], source: str) -> str:
    """The first of several attributes that is there and not empty, else an empty text."""
    *rest, last = names
    result = _value(source, last)
    for name in reversed(rest):
        value = _value(source, name)
        result = f"if({value} != '', {value}, {result})"
    return result


def _number(text: str) -> str:
    """A finite number that is not negative, else none: JSON and sums know no infinity."""
    number = f"toFloat64OrNull({text})"
    return f"if(isFinite({number}) AND {number} >= 0, {number}, NULL)"


def _text_list(name: str) -> str:
    """An attribute that is a list of texts; a single text counts as a list of one."""
    text = _value("attributes", name)
    return (
        f"multiIf({text} = '', [], startsWith({text}, '['),"
        f" JSONExtract({text}, 'Array(String)'), [{text}])"
    )
