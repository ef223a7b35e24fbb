"""`spanglass detect drift`: compares two windows of a metric."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.output import Format, console, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url, find_service, opened_store
from spanglass_store.errors import StoreError

_PATH: Final = "/api/v1/drift/compare"
_COLUMNS: Final = ("verdict", "then", "now", "effect", "p", "n", "what")


def drift(
    metric: Annotated[
        str, typer.Option(help="As docs/drift.md lists them; attributes.NAME, score.NAME.")
    ],
    reference: Annotated[
        str, typer.Option(help="Window to compare with: 8d..1d, or two moments with .. between.")
    ] = "8d..1d",
    current: Annotated[str, typer.Option(help="Window that is asked about: 24h, 2h..1h.")] = "24h",
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
    """Compares two windows of a metric: whether it drifted, by how much, and where.

    spanglass detect drift --metric output_tokens --by model
    spanglass detect drift --metric attributes.tenant --reference 15d..8d --current 7d
    """
    from spanglass_detectors.drift.windows import parse_window

    if fmt not in (Format.TABLE, Format.JSON):
        raise StoreError("Choose table or json.")
    now = datetime.now(UTC)
    try:
        windows = parse_window(reference, now), parse_window(current, now)
    except ValueError as error:
        raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
    filters = {"project": project, "service": service, "environment": environment, "model": model}
    found, settings = find_service(data_dir, url, key)
    if found is not None:
        names = ("reference_start", "reference_end", "current_start", "current_end")
        moments = (moment.isoformat() for window in windows for moment in window)
        query: dict[str, Any] = {
            "metric": metric, "by": by or [], "test": test, "alpha": alpha,
            **dict(zip(names, moments, strict=True)), **filters,
        }  # fmt: skip
        results = found.request("GET", _PATH, params=query).json()["results"]
    else:
        from spanglass_store.drift.ad_hoc import Asked, compare_windows

        asked = Asked(
            metric, windows[0], windows[1], tuple(by or ()), project, service, environment, model,
            test, alpha,
        )  # fmt: skip
        with opened_store(settings) as store:
            results = [
                {**each.as_dict(), "text": each.render()} for each in compare_windows(store, asked)
            ]
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
