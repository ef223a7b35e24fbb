"""The SQL that charges a span: used where spans arrive and where stored ones are charged anew.

Token counts are OpenTelemetry's: input includes what was read from and written to a cache, output
includes reasoning. What is not priced apart has the price of the whole it is a part of, so a
schedule's entry has a price for every kind.
"""

from collections.abc import Mapping
from typing import Final

from spanglass_store.otlp.expressions import at
from spanglass_store.otlp.literal import quoted

#: Operations that are calls of a model. Other spans can repeat a call's tokens (an agent's are the
#: sum of its calls'), so they have no price of their own.
INFERENCE: Final = ("chat", "text_completion", "generate_content", "embeddings", "rerank")
IS_INFERENCE: Final = f"operation IN ({', '.join(map(quoted, INFERENCE))})"


def is_unpriced(table: str = "") -> str:
    """The condition that makes a call one whose price is missing.

    A call that failed before any token was counted is none: nobody charges for it.

    Args:
        table: the name that stands for `spans`, where its columns need one.
    """
    of = f"{table}." if table else ""
    return (
        f"({of}cost_source = 'unknown' AND ({of}status != 'error'"
        f" OR {of}input_tokens IS NOT NULL OR {of}output_tokens IS NOT NULL))"
    )


#: The name of a model that a span is priced by.
PRICED_MODEL: Final = "if(response_model != '', response_model, request_model)"
#: Attributes that say which tier of service answered, the first that a span has.
SERVICE_TIER_KEYS: Final = (
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "openai.request.service_tier",
    "gen_ai.openai.request.service_tier",
    "spanglass.service_tier",
)
#: Attributes that say what a call has cost, in US dollars: ours, and what others send. They write 0
#: where they know no price, so their 0 says nothing.
REPORTED_COST_KEYS: Final = ("spanglass.reported_cost_usd", "gen_ai.usage.cost")

#: Fields of a schedule's entry that are prices: US dollars per million tokens, per request, and per
#: hour that a call takes.
RATES: Final = ("input", "cache_read", "cache_write", "output", "reasoning", "request", "hour")
#: From which day on (UTC), between which minutes of the day, and above how many input tokens an
#: entry counts; of several the last does.
ENTRY_FIELDS: Final[Mapping[str, str]] = {
    "start": "Date",
    "since": "UInt16",
    "until": "UInt16",
    "above": "Int64",
    "revision": "UInt32",
    "is_priced": "Bool",
    **dict.fromkeys(RATES, "Float64"),
}
ENTRY_TYPE: Final = f"Tuple({', '.join(f'{name} {kind}' for name, kind in ENTRY_FIELDS.items())})"

#: Columns that an entry decides, with their types.
COST_COLUMNS: Final[Mapping[str, str]] = {
    "cost_usd": "Nullable(Float64)",
    "input_cost_usd": "Nullable(Float64)",
    "output_cost_usd": "Nullable(Float64)",
    "cost_source": "Enum8('unknown' = 0, 'priced' = 1, 'reported' = 2, 'estimated' = 3)",
    "price_revision": "UInt32",
}
#: More tokens than any call has: sums of two stay within 64 bits.
_MOST_TOKENS: Final = 1 << 60


def lookup(database: str) -> str:
    """The name of the table of schedules, as a function's argument."""
    return quoted(f"{database}.price_lookup")


def entry_steps(database: str, is_charged: str) -> dict[str, str]:
    """Named expressions over columns of a span, up to the `entry` that it is charged by.

    Args:
        database: where the schedules are.
        is_charged: SQL that is true for spans that are to be charged by the book. Others look
            nothing up.
    """
    table = lookup(database)

    def look_up(project: str) -> str:
        return f"joinGet({table}, 'entries', {project}, provider, priced_model, service_tier)"

    return {
        "priced_model": PRICED_MODEL,
        "is_charged": f"{is_charged} AND priced_model != '' AND {IS_INFERENCE}",
        # A project's own prices go before everybody's.
        "own_entries": f"if(is_charged, {look_up('project')}, [])",
        "entries": f"if(is_charged AND empty(own_entries), {look_up(quoted(''))}, own_entries)",
        "tokens_in": _tokens("input_tokens"),
        "tokens_out": _tokens("output_tokens"),
        "minute": "toHour(start_time) * 60 + toMinute(start_time)",
        "entry": (
            f"arrayLast(e -> {at('e', 'start')} <= toDate(start_time)"
            f" AND {at('e', 'since')} <= minute AND {at('e', 'until')} > minute"
            f" AND {at('e', 'above')} < toInt64(tokens_in), entries)"
        ),
    }


def charge_steps() -> dict[str, str]:
    """Named expressions over those of `entry_steps`, up to what is charged."""
    return {
        # By the request and by the hour, which belong to neither input nor output.
        "charge_whole": f"{at('entry', 'request')} + {at('entry', 'hour')} * duration_ns / 3.6e12",
        # Without counts there is nothing to charge, except for the call as a whole.
        "is_priced": (
            f"{at('entry', 'is_priced')} AND (input_tokens IS NOT NULL"
            f" OR output_tokens IS NOT NULL OR {at('entry', 'request')} > 0"
            f" OR {at('entry', 'hour')} > 0)"
        ),
        "tokens_read": f"least({_tokens('cache_read_tokens')}, tokens_in)",
        "tokens_written": f"least({_tokens('cache_write_tokens')}, tokens_in - tokens_read)",
        "tokens_reasoned": f"least({_tokens('reasoning_tokens')}, tokens_out)",
        "charge_in": (
            f"((tokens_in - tokens_read - tokens_written) * {at('entry', 'input')}"
            f" + tokens_read * {at('entry', 'cache_read')}"
            f" + tokens_written * {at('entry', 'cache_write')}) / 1e6"
        ),
        "charge_out": (
            f"((tokens_out - tokens_reasoned) * {at('entry', 'output')}"
            f" + tokens_reasoned * {at('entry', 'reasoning')}) / 1e6"
        ),
    }


def charged() -> dict[str, str]:
    """The columns of cost of a span that is charged by the book, over `steps`."""
    return {
        "cost_usd": "if(is_priced, charge_in + charge_out + charge_whole, NULL)",
        "input_cost_usd": "if(is_priced, charge_in, NULL)",
        "output_cost_usd": "if(is_priced, charge_out, NULL)",
        "cost_source": (
            "multiIf(NOT is_priced, 'unknown',"
            f" tokens_estimated OR {at('entry', 'hour')} > 0, 'estimated', 'priced')"
        ),
        "price_revision": at("entry", "revision"),
    }


def _tokens(column: str) -> str:
    return f"least(ifNull({column}, 0), {_MOST_TOKENS})"
