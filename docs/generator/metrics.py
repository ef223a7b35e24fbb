"""The collector's own metrics, read off the module that renders them."""

import ast
import inspect
from collections.abc import Iterator
from typing import Final

from generator.markdown import code, table
from spanglass_collector import metrics
from spanglass_collector.ingest.signals import SIGNALS

#: How the families of a signal's accounts are called, and what they count.
ACCOUNTS: Final = {
    "received_total": "that arrived",
    "stored_total": "that are in ClickHouse",
    "rejected_total": "that were refused, by `reason`",
    "sampled_out_total": "that sampling left out",
    "dead_lettered": "in dead letters",
    "spooled": "on disk, on their way to ClickHouse",
}


def page() -> str:
    """The page."""
    accounts = [
        (code(f"spanglass_{each.items.replace(' ', '_')}_{name}"), f"{each.items} {about}.")
        for each in SIGNALS
        for name, about in ACCOUNTS.items()
    ]
    return (
        "# The collector's metrics\n\n"
        "`GET /metrics` on the web port, as Prometheus reads it. With keys it takes one that may"
        " read. What people measure of their own applications is in"
        " [alerts](alerts.md#what-rules-can-measure).\n\n"
        "## Accounts\n\n"
        "At every moment `received = stored + rejected + dead-lettered + sampled out + spooled`."
        "\n\n"
        + table(("metric", "counts"), accounts)
        + "## Everything else\n\n"
        + table(("metric", "meaning"), sorted((code(name), about) for name, about in families()))
    )


def families() -> Iterator[tuple[str, str]]:
    """Name as exposed, and help, of every family whose name stands in the source."""
    for node in ast.walk(ast.parse(inspect.getsource(metrics))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if not node.func.id.endswith("MetricFamily") or not isinstance(node.args[0], ast.Constant):
            continue
        name, about = (ast.literal_eval(each) for each in node.args[:2])
        yield name + ("_total" if node.func.id.startswith("Counter") else ""), about
