"""The store: ClickHouse for facts, a small transactional database for what changes in place.

- `data_directory`: the folder that holds everything, its lock and its format.
- `embedded`: a full ClickHouse server run as a supervised child process.
- `endpoint`: where a ClickHouse is and who may do what there.
- `migrate`, `migrations/`: the schema, as numbered SQL templates.
- `otlp`: how OTLP bytes become rows inside ClickHouse.
- `queries`: what the pages and the command line read.
- `state`: projects and keys.
"""
