"""llama.cpp's server, started with `--metrics`. It has no histograms and no labels.

Its prompt tokens leave out those that were in the cache.

Source: tools/server/README.md.
"""

from __future__ import annotations

from typing import Final

from spanglass.gpu.engines import _schema as s
from spanglass.gpu.engines._table import Page, Rule, Table

LLAMACPP: Final = Table(
    name="llama.cpp",
    prefixes=("llamacpp:", "llamacpp_"),
    rules=(
        Rule("prompt_tokens", s.PROMPT_TOKENS),
        Rule("prompt_seconds", s.PREFILL_SECONDS),
        Rule("tokens_predicted", s.GENERATED_TOKENS),
        Rule("tokens_predicted_seconds", s.DECODE_SECONDS),
        Rule("prompt_tokens_cached", s.PREFIX_HITS),
        Rule("predicted_tokens_seconds", s.THROUGHPUT),
        Rule("requests_processing", s.RUNNING),
        Rule("requests_deferred", s.WAITING),
        Rule("n_busy_slots_per_decode", s.BATCH_SIZE),
        Rule("n_decode", s.STEPS),
        Rule("kv_cache_usage_ratio", s.KV_USAGE),
        Rule("kv_cache_tokens", s.KV_TOKENS),
        Rule("spec_decode_num_draft_tokens", s.SPEC_DRAFTED),
        Rule("spec_decode_num_accepted_tokens", s.SPEC_ACCEPTED),
        Rule("spec_decode_num_drafts", s.SPEC_STEPS),
    ),
    pages=(
        Page("/props", {
            "model_path": "engine.model", "model_alias": "gen_ai.request.model",
            "total_slots": "engine.max_sequences", "build_info": "engine.version",
            "default_generation_settings.n_ctx": "engine.max_model_length",
        }),
    ),
)  # fmt: skip
