"""A full ClickHouse server inside a child process, from the wheel `chdb-core`.

`config` writes its configuration, `child` is the process, `supervisor` starts it, watches it,
starts it again when it dies and stops it with us.
"""

from spanglass_store.embedded.supervisor import EmbeddedServer

__all__ = ["EmbeddedServer"]
