"""The rules that ship, and what rules can measure."""

from importlib import resources
from typing import Any

import yaml

from generator.markdown import code, table
from spanglass_alerts.rules.vocabulary import METRICS, QUANTITIES


def page() -> str:
    """The page."""
    text = resources.files("spanglass_alerts").joinpath("shipped/rules.yaml").read_text()
    rules: list[dict[str, Any]] = yaml.safe_load(text)["rules"]
    return (
        "# Rules of alerts\n\nHow rules are written is in [alerts](../alerts.md).\n\n"
        "## Rules that ship\n\n`spanglass serve --alerts shipped` runs them;"
        " `spanglass alerts init FILE` copies them to be changed.\n\n"
        + table(
            ("rule", "kind", "measures", "fires when", "severity", "playbook"),
            [
                (
                    code(rule["name"]),
                    rule.get("kind", "threshold"),
                    code(str(rule.get("metric", ""))),
                    _condition(rule),
                    str(rule.get("severity", "warning")),
                    code(rule.get("playbook", "")),
                )
                for rule in rules
            ],
        )
        + "## What rules can measure\n\n"
        + table(
            ("metric", "unit", "of", "meaning"),
            [
                (code(name), metric.unit, metric.source, metric.description)
                for name, metric in METRICS.items()
            ],
        )
        + "Percentiles are written `NAME_pNN` (`latency_p95`) of: "
        + ", ".join(f"`{name}` ({unit})" for name, (_, _, unit) in QUANTITIES.items())
        + ".\n"
    )


def _condition(rule: dict[str, Any]) -> str:
    if "condition" in rule:
        return f"`{rule['condition']}`" + (f" for {rule['for']}" if "for" in rule else "")
    if "deviations" in rule:
        return f"{rule['deviations']} deviations {rule.get('direction', '')}".rstrip()
    if "objective" in rule:
        return f"objective {rule['objective']} burns"
    return ""
