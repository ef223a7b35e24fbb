"""OTLP as ClickHouse reads it: the protobuf schema, the row structure and the decoding SQL.

The collector hands ClickHouse the bytes of `ExportTraceServiceRequest` messages as they came.
`schema` says how to read them, `structure` what they become, and `insert` turns that into rows
of `spans` in one statement, so that no Python runs per span.
"""
