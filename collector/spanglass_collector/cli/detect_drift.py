"""`spanglass detect drift`: compares two windows of a metric."""

import json
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.here import api_of
from spanglass_collector.cli.output import Format, console, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url
from spanglass_store.errors import StoreError

_PATH: Final = "/api/v1/drift/compare"
_COLUMNS: Final = ("verdict", "then", "now", "effect", "p", "n", "what")


def drift(
    metric: Annotated[
        str, typer.Option(help="As docs/drift.md lists them; attributes.NAME, score.NAME.")
    ],
    reference: Annotated[
        str,
        typer.Option(
            help="To compare with: a window (8d..1d, two moments with .. between), a version"
            " (release:2.3.0, prompt:greeting 3 in 8d..1d) or a golden set (dataset:NAME@3)."
        ),
    ] = "8d..1d",
    current: Annotated[
        str, typer.Option(help="That is asked about: a window (24h, 2h..1h) or a version.")
    ] = "24h",
    by: Annotated[
        list[str] | None,
        typer.Option(help="Told apart by service, model, release, feature, prompt, user, tool."),
    ] = None,
    service: Annotated[str, typer.Option(help="Of this service alone.")] = "",
    model: Annotated[str, typer.Option(help="Of this model alone.")] = "",
    environment: Annotated[str, typer.Option(help="Of this environment alone.")] = "",
    project: Annotated[str, typer.Option(help="Of this project alone.")] = "",
    test: Annotated[str, typer.Option(help="By name: ks, psi, …; the default unless given.")] = "",
    alpha: Annotated[float, typer.Option(help="Share of false ones among what is found.")] = 0.05,
    fmt: Annotated[Format, typer.Option("--format", help="table or json.")] = Format.TABLE,
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Compares windows, versions or a golden set: whether a metric drifted, by how much, where.

    spanglass detect drift --metric output_tokens --by model
    spanglass detect drift --metric attributes.tenant --reference 15d..8d --current 7d
    spanglass detect drift --metric output_format --reference release:2.3.0 --current release:2.4.0
    spanglass detect drift --metric input_bytes --reference dataset:golden
    """
    if fmt not in (Format.TABLE, Format.JSON):
        raise StoreError("Choose table or json.")
    query: dict[str, Any] = {
        "metric": metric, "by": by or [], "test": test, "alpha": alpha, "reference": reference,
        "current": current, "project": project, "service": service, "environment": environment,
        "model": model,
    }  # fmt: skip
    with api_of(data_dir, url, key) as api:
        results = api.request("GET", _PATH, params=query).json()["results"]
    if fmt is Format.JSON:
        print(json.dumps(results, ensure_ascii=False, indent=1))
        return
    if not by:
        for each in results:
            console.print(each["text"], highlight=False, markup=False)
        return
    print_table([*by, *_COLUMNS], [_row(each, by) for each in results])


def _row(result: dict[str, Any], by: list[str]) -> list[Any]:
    p = result["p"] if result["p_corrected"] is None else result["p_corrected"]
    return [
        *(result["group"].get(name, "") for name in by), result["verdict"],
        *(_number(result[name]) for name in ("reference_value", "current_value", "effect")),
        _number(p), f"{result['n_reference']} / {result['n_current']}",
        result["explanation"] or result["reason"],
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
