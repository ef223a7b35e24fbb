"""Brings a ClickHouse database to the schema of this version.

Migrations are numbered SQL templates, run in order and recorded in `schema_migrations`. Every
statement can be run twice, so one that was cut off half-way is simply run again. What decodes
requests, and the views, hold no data and are made anew.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from spanglass_store import views
from spanglass_store.client import Store
from spanglass_store.errors import StoreError
from spanglass_store.otlp.decoder import Decoder
from spanglass_store.otlp.logs import LOGS
from spanglass_store.otlp.metrics import METRICS
from spanglass_store.otlp.schema import KIND_ENUM
from spanglass_store.otlp.spans import SPANS
from spanglass_store.prices import costs

log = logging.getLogger(__name__)

_ENGINE: Final = re.compile(r"\$\{engine:(\w+):([\w, ]*)\}")
_NAME: Final = re.compile(r"\$\{(\w+)\}")
#: What turns requests into rows, beside the tables that the migrations make.
DECODERS: Final = (SPANS, LOGS, METRICS)

#: Settings of every MergeTree table. New parts are compact, since a part of many columns costs a
#: file each and a sync each; they are synced, since "stored" means on disk.
_MERGETREE_SETTINGS: Final = (
    "min_bytes_for_wide_part = 134217728, fsync_after_insert = 1, fsync_part_directory = 1,"
    " ttl_only_drop_parts = 1, merge_with_ttl_timeout = 14400"
)


def message_text(column: str) -> str:
    """The plain text of a list of messages: OpenTelemetry's parts, or OpenAI's content."""
    part = (
        "if(JSONExtractString(p, 'type') = 'text',"
        " JSONExtractString(p, if(JSONHas(p, 'content'), 'content', 'text')), '')"
    )
    listed = "JSONExtractArrayRaw(m, if(JSONHas(m, 'parts'), 'parts', 'content'))"
    parts = f"arrayStringConcat(arrayFilter(t -> t != '', arrayMap(p -> {part}, {listed})), '\\n')"
    message = f"if(JSONType(m, 'content') = 'String', JSONExtractString(m, 'content'), {parts})"
    return (
        f"if(startsWith({column}, '[') AND isValidJSON({column}),"
        f" arrayStringConcat(arrayFilter(t -> t != '', arrayMap(m -> {message},"
        f" JSONExtractArrayRaw({column}))), '\\n'), {column})"
    )


@dataclass(frozen=True)
class Migration:
    """One numbered template.

    Attributes:
        number: its place in the order.
        name: the file's name without its ending.
        template: its text.
    """

    number: int
    name: str
    template: str

    def statements(self, database: str) -> list[str]:
        """The template's statements for a database on one server."""
        values = {
            "database": database,
            "local": "",
            "kind_enum": KIND_ENUM,
            "entry_type": costs.ENTRY_TYPE,
            "cost_columns": ", ".join(f"{n} {kind}" for n, kind in costs.COST_COLUMNS.items()),
            "is_inference": costs.IS_INFERENCE,
            "input_text": message_text("input"),
            "output_text": message_text("output"),
            "mergetree_settings": _MERGETREE_SETTINGS,
        }
        text = _ENGINE.sub(lambda m: f"{m[1]}({m[2]})", self.template)
        text = _NAME.sub(lambda m: values[m[1]], text)
        text = text.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ")
        text = text.replace("CREATE MATERIALIZED VIEW ", "CREATE MATERIALIZED VIEW IF NOT EXISTS ")
        return [each for each in text.split(";\n") if each.strip()]


def migrations() -> list[Migration]:
    """Every migration of this version, in order."""
    found = []
    for file in files("spanglass_store").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            name = file.name.removesuffix(".sql")
            found.append(Migration(int(name.partition("_")[0]), name, file.read_text("utf-8")))
    return sorted(found, key=lambda m: m.number)


def applied(store: Store) -> dict[int, str]:
    """Numbers and names of the migrations that the database has."""
    rows = store.query(
        f"SELECT number, name FROM {store.database}.schema_migrations FINAL ORDER BY number"
    ).rows
    return {int(number): str(name) for number, name in rows}


def migrate(store: Store, before: Callable[[str], None] | None = None) -> list[Migration]:
    """Runs what is missing and returns it.

    Args:
        store: where, as the owner.
        before: for tests: called with each statement of a migration before it is run.

    Raises:
        StoreError: if the database was made by a newer version, or a statement fails.
    """
    database = store.database
    store.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    store.command(
        f"CREATE TABLE IF NOT EXISTS {database}.schema_migrations"
        " (number UInt32, name String, applied_at DateTime64(6, 'UTC') DEFAULT now64(6))"
        " ENGINE = ReplacingMergeTree(applied_at) ORDER BY number"
        " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )
    have, known = applied(store), migrations()
    newest = max((m.number for m in known), default=0)
    if have and max(have) > newest:
        raise StoreError(
            f"The database {database} has schema {max(have)}, this version knows {newest}."
            " Install the newer Spanglass that made it, or choose another database."
        )
    done = []
    for migration in known:
        if migration.number in have:
            continue
        log.info("migration %s", migration.name)
        for statement in migration.statements(database):
            if before is not None:
                before(statement)
            store.command(statement)
        store.insert("schema_migrations", ("number", "name"), [(migration.number, migration.name)])
        done.append(migration)
    for decoder in DECODERS:
        _create(store, decoder)
    for statement in views.create(database):
        store.command(statement)
    return done


def _create(store: Store, decoder: Decoder) -> None:
    """Makes what decodes requests for a table; that of other versions may be in use, and stays."""
    database = store.database
    columns = store.query(
        "SELECT name, type FROM system.columns WHERE database = {database:String}"
        " AND table = {table:String} AND default_kind != 'ALIAS'",
        {"database": database, "table": decoder.target},
    )
    for statement in decoder.create(database, {str(n): str(kind) for n, kind in columns.rows}):
        store.command(statement)
