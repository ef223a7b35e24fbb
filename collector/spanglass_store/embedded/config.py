"""Configuration files of the embedded server: `config.xml` and `users.xml`.

The server is made for a small machine that is mostly idle: no system logs, few background
threads, slow timers. Its users are static, because the embedded build has no writable access
storage; who may read which project is decided by a row filter on a header that we set. Merges
are nice to inserts and queries: they wait for the processor, nobody waits for them.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from spanglass_store.endpoint import Role
from spanglass_store.schema import READABLE_COLUMNS, READABLE_TABLES, SHARED_TABLES

#: The header that names the projects a reader may see: names with commas, or `*` for all.
PROJECTS_HEADER: Final = "X-Spanglass-Projects"

USERS: Final = {
    Role.OWNER: "spanglass",
    Role.READER: "spanglass_reader",
    Role.PAYLOAD_READER: "spanglass_payload_reader",
}


@dataclass(frozen=True)
class Limits:
    """What the server may use.

    Attributes:
        memory_bytes: cap on what ClickHouse accounts for. The process's resident size can
            exceed it for moments by about as much again.
        query_memory_bytes: cap on one query of a reader.
        query_seconds: cap on the running time of one query of a reader.
    """

    memory_bytes: int = 1 << 30
    query_memory_bytes: int = 512 << 20
    query_seconds: int = 30


def config_xml(
    http_port: int,
    tcp_port: int,
    limits: Limits,
    log_level: str = "warning",
    reserved: bool = False,
    passwords: Mapping[Role, str] | None = None,
    backups: Path | None = None,
) -> str:
    """The server's configuration.

    Args:
        http_port: port of the HTTP interface, on 127.0.0.1.
        tcp_port: port of the native interface, on 127.0.0.1.
        limits: what it may use.
        log_level: ClickHouse's name of the lowest severity that is logged.
        reserved: whether a process of the same user holds the ports for it (`SO_REUSEPORT`).
        passwords: of each role, by role: nobody gets to ask anything without one of them.
        backups: the folder in which it may write and read them.
    """
    allowed = f"<allowed_path>{escape(str(backups))}</allowed_path>" if backups else ""
    return f"""<clickhouse>
  <logger>
    <level>{log_level}</level><console>0</console>
    <log>server.log</log><errorlog>server.err.log</errorlog>
    <size>10M</size><count>2</count>
  </logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http_port}</http_port>
  <tcp_port>{tcp_port}</tcp_port>
  <listen_reuse_port>{int(reserved)}</listen_reuse_port>
  <users_config>users.xml</users_config>
  <backups>{allowed}</backups>
  <max_server_memory_usage>{limits.memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{limits.memory_bytes // 16}</mark_cache_size>
  <index_mark_cache_size>0</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>0</mmap_cache_size>
  <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
  <query_cache><max_size_in_bytes>0</max_size_in_bytes></query_cache>
  <max_concurrent_queries>64</max_concurrent_queries>
  <keep_alive_timeout>30</keep_alive_timeout>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <os_threads_nice_value_merge_mutate>15</os_threads_nice_value_merge_mutate>
  <tables_loader_background_pool_size>1</tables_loader_background_pool_size>
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <asynchronous_heavy_metrics_update_period_s>600</asynchronous_heavy_metrics_update_period_s>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <merge_selecting_sleep_ms>5000</merge_selecting_sleep_ms>
    <max_merge_selecting_sleep_ms>60000</max_merge_selecting_sleep_ms>
  </merge_tree>
  {_doors(passwords) if passwords else ""}
</clickhouse>
"""


def _doors(passwords: Mapping[Role, str]) -> str:
    """Lets requests in only with a password of ours, before anybody is logged in.

    The session's own user has none and can log in from any process of this machine. Its grants
    do not keep it from the function `file`, which reads whatever we may read.
    """
    basic = (b64encode(f"{USERS[role]}:{passwords[role]}".encode()).decode() for role in passwords)
    headers = {
        "Authorization": "Basic (" + "|".join(map(re.escape, basic)) + ")",
        "X-ClickHouse-Key": "|".join(map(re.escape, passwords.values())),
    }
    rules = "".join(
        f"<rule><headers><{name}>regex:^({escape(value)})$</{name}></headers><handler>"
        "<type>dynamic_query_handler</type><query_param_name>query</query_param_name>"
        "</handler></rule>"
        for name, value in headers.items()
    )
    ping = "<rule><url>/ping</url><handler><type>ping</type></handler></rule>"
    return f"<http_handlers>{ping}{rules}</http_handlers>"


def _grants(statements: Iterable[str]) -> str:
    return "<grants>" + "".join(f"<query>{escape(s)}</query>" for s in statements) + "</grants>"


def _reader_grants(database: str, payload: bool) -> list[str]:
    grants = []
    for table in READABLE_TABLES:
        listed = () if payload else READABLE_COLUMNS.get(table, ())
        columns = "(" + ", ".join(f"`{name}`" for name in listed) + ")" if listed else ""
        grants.append(f"GRANT SELECT{columns} ON {database}.{table}")
    # What clients ask for before a first query, and what a person needs to find their way.
    grants += [
        f"GRANT SELECT ON system.{table}"
        for table in ("settings", "one", "numbers", "functions", "time_zones", "build_options")
    ]
    grants.append(f"GRANT SHOW COLUMNS, SHOW TABLES ON {database}.*")
    return grants


def users_xml(passwords: dict[Role, str], database: str, limits: Limits) -> str:
    """The server's users: the session's own, locked in; the collector; and two kinds of readers.

    Args:
        passwords: of each role, by role.
        database: the one the collector owns.
        limits: what one query of a reader may use.
    """
    projects = f"getClientHTTPHeader('{PROJECTS_HEADER}')"
    visible = f"{projects} = '*' OR has(splitByChar(',', {projects}), project)"
    shared = f"{visible} OR project = ''"
    filters = "".join(
        f"<{table}><filter>{escape(condition)}</filter></{table}>"
        for table in READABLE_TABLES
        for condition in [shared if table in SHARED_TABLES else visible]
    )
    local = "<networks><ip>127.0.0.1</ip></networks><quota>default</quota>"

    def reader(role: Role) -> str:
        grants = _grants(_reader_grants(database, role is Role.PAYLOAD_READER))
        return (
            f"<{USERS[role]}><password>{passwords[role]}</password>{local}"
            f"<profile>reader</profile><databases><{database}>{filters}</{database}></databases>"
            f"{grants}</{USERS[role]}>"
        )

    # The embedded session logs in as `default` without a password: it may do what holds the
    # session open and nothing else, and nobody else gets as far as logging in (see `_doors`).
    session = _grants(["GRANT SYSTEM LISTEN ON *.*", "GRANT SELECT ON system.numbers"])
    spill = limits.query_memory_bytes // 2
    return f"""<clickhouse>
  <profiles>
    <default></default>
    <owner></owner>
    <reader>
      <readonly>1</readonly>
      <allow_get_client_http_header>1</allow_get_client_http_header>
      <allow_introspection_functions>0</allow_introspection_functions>
      <allow_python_table_function>0</allow_python_table_function>
      <final>1</final>
      <output_format_json_quote_64bit_integers>0</output_format_json_quote_64bit_integers>
      <output_format_json_escape_forward_slashes>0</output_format_json_escape_forward_slashes>
      <output_format_json_quote_denormals>1</output_format_json_quote_denormals>
      <date_time_output_format>iso</date_time_output_format>
      <max_memory_usage>{limits.query_memory_bytes}</max_memory_usage>
      <max_memory_usage_for_user>{limits.query_memory_bytes}</max_memory_usage_for_user>
      <max_bytes_before_external_group_by>{spill}</max_bytes_before_external_group_by>
      <max_bytes_before_external_sort>{spill}</max_bytes_before_external_sort>
      <max_execution_time>{limits.query_seconds}</max_execution_time>
      <timeout_before_checking_execution_speed>0</timeout_before_checking_execution_speed>
      <max_result_rows>100001</max_result_rows>
      <result_overflow_mode>break</result_overflow_mode>
      <max_concurrent_queries_for_user>8</max_concurrent_queries_for_user>
    </reader>
  </profiles>
  <quotas><default></default></quotas>
  <users>
    <default><no_password/>{local}<profile>default</profile>{session}</default>
    <{USERS[Role.OWNER]}><password>{passwords[Role.OWNER]}</password>{local}
      <profile>owner</profile></{USERS[Role.OWNER]}>
    {reader(Role.READER)}
    {reader(Role.PAYLOAD_READER)}
  </users>
</clickhouse>
"""
