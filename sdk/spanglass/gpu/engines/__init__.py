"""Inference engines: what they say in Prometheus' text format, in one schema.

_exposition              reads the format, as far as it is needed
_schema, _table          the common metrics; what a table of an engine is
_vllm, _sglang, …        one table an engine
_mapping                 applies the tables
_fetch, _facts           asks an engine; what it is set up as
_engine                  one engine, asked by a thread of its own
"""

from spanglass.gpu.engines._engine import Engine

__all__ = ["Engine"]
