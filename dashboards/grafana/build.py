"""Writes Grafana's dashboards from `panels.yaml`: `python dashboards/grafana/build.py`.

What SQL shows comes through Spanglass's API by the data source Infinity, so that a key's projects
and rights hold, and that it works over the embedded ClickHouse as over another. What the collector
says of itself comes from Prometheus. The dashboards are Grafana's JSON model, schema version 39.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).resolve().parent
_INFINITY: Final = {"type": "yesoreyeram-infinity-datasource", "uid": "spanglass"}
_PROMETHEUS: Final = {"type": "prometheus", "uid": "spanglass-metrics"}
#: An interval is a 120th of the range, and ten seconds at least; in milliseconds.
_STEP: Final = "greatest(10000, intDiv({to:Int64} - {from:Int64}, 120))"
_RANGE: Final = (
    r"\1 >= fromUnixTimestamp64Milli({from:Int64})"
    r" AND \1 < fromUnixTimestamp64Milli({to:Int64})"
)
_INSTANCE: Final = "resource['service.instance.id']"
_MACROS: Final = (
    (r"\$range\(([\w.]+)\)", _RANGE),
    (
        r"\$step\((\w+)\)",
        rf"intDiv(toUnixTimestamp64Milli(toDateTime64(\1, 3)), {_STEP}) * {_STEP}",
    ),
    (r"\$ms\((\w+\([\w.]+\))\)", r"toUnixTimestamp64Milli(toDateTime64(\1, 3))"),
    (r"\$step_s\b", f"{_STEP} / 1000"),
    (r"\$root_service\b", "{service:String} IN ('*', root_service)"),
    (r"\$service\b", "{service:String} IN ('*', service)"),
    (r"\$engine\b", f"if({_INSTANCE} = '', service, {_INSTANCE})"),
    (r"\$board\b", "concat(resource['host.name'], ' ', attributes['hw.id'])"),
)
#: Filled in by Grafana; `:json` writes quotes and escapes, so a service's name stays a value.
_PARAMS: Final = '{"from": ${__from}, "to": ${__to}, "service": ${service:json}}'
_HEIGHT: Final = {"stat": 4, "timeseries": 8, "table": 9}
_PAGE: Final = 24


def main() -> int:
    """Writes the files; with `--check`, says which are not what `panels.yaml` says."""
    stale = 0
    for name, text in dashboards().items():
        path = FOLDER / "dashboards" / name
        if path.is_file() and path.read_text() == text:
            continue
        print(path.relative_to(FOLDER))
        stale += 1
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
    return 1 if stale and "--check" in sys.argv[1:] else 0


def dashboards() -> dict[str, str]:
    """The JSON of each dashboard by its file's name."""
    described = yaml.safe_load((FOLDER / "panels.yaml").read_text(encoding="utf-8"))
    return {
        f"{each['uid']}.json": json.dumps(_dashboard(each), indent=1, ensure_ascii=False) + "\n"
        for each in described
    }


def _dashboard(described: dict[str, Any]) -> dict[str, Any]:
    is_sql = described.get("source") != "prometheus"
    return {
        "uid": described["uid"],
        "title": f"Spanglass: {described['title']}",
        "tags": ["spanglass"],
        "schemaVersion": 39,
        "editable": True,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "browser",
        "links": [
            {"type": "dashboards", "tags": ["spanglass"], "title": "Spanglass", "asDropdown": True}
        ],
        "templating": {"list": [_services()] if is_sql else []},
        "panels": _laid_out([_panel(each, is_sql) for each in described["panels"]]),
    }


def _services() -> dict[str, Any]:
    """The choice at the top."""
    sql = (
        "SELECT DISTINCT service FROM spans WHERE start_time > now() - INTERVAL 7 DAY"
        " ORDER BY service LIMIT 1000"
    )
    query = _asked(sql, ["service"], "{}", "variable")
    return {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": _INFINITY,
        "query": {"queryType": "infinity", "query": "", "infinityQuery": query},
        "refresh": 1,
        "includeAll": True,
        "allValue": "*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(described: dict[str, Any], is_sql: bool) -> dict[str, Any]:
    kind = described["kind"]
    panel: dict[str, Any] = {
        "title": described["title"],
        "type": kind,
        "datasource": _INFINITY if is_sql else _PROMETHEUS,
        "fieldConfig": {"defaults": {"unit": described.get("unit", "none")}, "overrides": []},
        "gridPos": {"w": described["width"], "h": _HEIGHT[kind]},
        "targets": _sql_targets(described) if is_sql else _promql_targets(described["lines"]),
        "options": {},
    }
    if kind == "timeseries":
        panel["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}}
        stacking = {"mode": "normal" if described.get("stack") else "none"}
        custom = {"stacking": stacking, "fillOpacity": 10, "showPoints": "auto"}
        panel["fieldConfig"]["defaults"]["custom"] = custom
        if is_sql:
            # Rows of (time, series, value) become a line for each series.
            panel["fieldConfig"]["defaults"]["displayName"] = "${__field.labels.series}"
            panel["transformations"] = [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]
    if kind == "stat":
        panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/"}}
    return panel


def _sql_targets(described: dict[str, Any]) -> list[dict[str, Any]]:
    sql = described["sql"]
    for pattern, text in _MACROS:
        sql = re.sub(pattern, text, sql)
    return [_asked(sql, columns_of(described["sql"]), _PARAMS, "A")]


def columns_of(sql: str) -> list[str]:
    """Names of the columns of a statement's outermost `SELECT`."""
    depth, names, word = 0, [], ""
    for part in re.split(
        r"([(),]|\bFROM\b)", sql.removeprefix("SELECT ").removeprefix("DISTINCT ")
    ):
        if part == "(":
            depth += 1
        elif part == ")":
            depth -= 1
        elif part in (",", "FROM") and depth == 0:
            names.append(word.split()[-1])
            word = ""
            if part == "FROM":
                break
            continue
        word += part
    return names


def _asked(sql: str, columns: list[str], params: str, ref: str) -> dict[str, Any]:
    body = f'{{"query": {json.dumps(sql)}, "params": {params}}}'
    return {
        "refId": ref,
        "datasource": _INFINITY,
        "type": "json",
        "source": "url",
        "parser": "backend",
        "format": "table",
        "url": "/api/v1/sql/rows",
        "url_options": {
            "method": "POST",
            "body_type": "raw",
            "body_content_type": "application/json",
            "data": body,
        },
        "root_selector": "",
        "columns": [{"selector": name, "text": name, "type": _kind(name)} for name in columns],
        "filters": [],
    }


#: Columns of words, and those of times; the others are numbers.
_WORDS: Final = frozenset(
    [
        "series",
        "service",
        "name",
        "error_type",
        "provider",
        "model",
        "user",
        "source",
        "entity",
        "role",
        "field",
        "finding",
        "metrics",
        "explanation",
        "engine",
        "reason",
        "board",
        "driver",
        "state",
    ]
)


def _kind(name: str) -> str:
    if name in ("time", "latest", "last"):
        return "timestamp_epoch"
    return "string" if name in _WORDS else "number"


def _promql_targets(lines: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": _PROMETHEUS,
            "expr": expression,
            "legendFormat": legend,
        }
        for number, (legend, expression) in enumerate(lines.items())
    ]


def _laid_out(panels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gives each its place, from left to right and then below."""
    x = y = row = 0
    for number, panel in enumerate(panels, 1):
        place = panel["gridPos"]
        if x + place["w"] > _PAGE:
            x, y, row = 0, y + row, 0
        panel["id"] = number
        panel["gridPos"] = {**place, "x": x, "y": y}
        x, row = x + place["w"], max(row, place["h"])
    return panels


if __name__ == "__main__":
    sys.exit(main())
