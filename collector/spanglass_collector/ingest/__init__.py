"""From the bytes of a request to rows in the store, with every span accounted for.

wire          protobuf's framing, without decoding
check         what is accepted of a request, and why the rest is not
nested        JSON text of values that SQL does not unfold
signals       what tells traces from other signals
tree          requests, counted and divided
spool         the durable queue on disk: segments, and their recovery after a crash
writer        segments of the spool into ClickHouse
dead_letters  what ClickHouse refuses for ever
ledger        the accounts: received = stored + rejected + dead + sampled out + spooled
"""
