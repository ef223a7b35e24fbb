"""Pictures of the application for the README and the documentation.

    python tests/browser/screenshots.py --out docs/images

Starts a service of its own with sample traces, unless `--url` names a running one.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(_ROOT / name)
    for name in ("sdk", "detectors", "collector", "alerts", "dashboards", "examples", "tests")
]

from browser import sample_traces  # noqa: E402
from browser.chromium import MISSING, find_chromium, launch  # noqa: E402
from browser.conftest import load_build  # noqa: E402
from browser.otlp import request_of  # noqa: E402
from support.running import ALL_ROLES, RunningService  # noqa: E402
from support.waiting import wait_until  # noqa: E402

SIZE = {"width": 1440, "height": 1000}
_PRICED = (
    "SELECT count() AS calls FROM spans WHERE operation = 'chat' AND cost_usd > 0"
    " AND trace_id IN (SELECT trace_id FROM spans WHERE operation = 'retrieval')"
)


def main() -> int:
    """Takes the pictures; the exit status."""
    parser = argparse.ArgumentParser(description="Takes pictures of the application.")
    parser.add_argument(
        "--out", type=Path, default=_ROOT / "docs" / "images", help="folder to write to"
    )
    parser.add_argument(
        "--url", default="", help="a running service with traces, http://127.0.0.1:8400"
    )
    parser.add_argument("--key", default="", help="a key that may read, if the service wants one")
    given = parser.parse_args()
    chromium = find_chromium()
    if not chromium:
        print(MISSING, file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    with _service(given.url) as url, sync_playwright() as playwright:
        browser = launch(playwright, chromium)
        for scheme, suffix in (("light", ""), ("dark", "-dark")):
            context = browser.new_context(
                viewport=SIZE, color_scheme=scheme, reduced_motion="reduce"
            )
            if given.key:
                context.add_init_script(f"sessionStorage.setItem('spanglass-key', {given.key!r})")
            path = given.out / f"trace{suffix}.png"
            _shoot(context.new_page(), url, path)
            print(f"{path} {path.stat().st_size / 1000:.0f} kB")
            context.close()
        browser.close()
    return 0


@contextmanager
def _service(url: str) -> Iterator[str]:
    if url:
        yield url.rstrip("/")
        return
    load_build().build()
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningService(Path(folder) / "data", env={"SPANGLASS_ROLES": ALL_ROLES}) as running,
    ):
        traces = [sample_traces.failed(), sample_traces.answered(), *sample_traces.many(200)]
        running.send(request_of(traces))
        running.settle()
        # Names of models that it has not met have their price a moment later.
        wait_until(lambda: running.sql(_PRICED)[0]["calls"] > 0, "the answer has its cost")
        yield running.web


def _shoot(page: Any, url: str, path: Path) -> None:
    # A question that took a search in documents shows most of what there is.
    page.goto(f"{url}/traces?operation=retrieval&status=ok&range=7d")
    page.locator("[role=rowgroup] [role=row]").first.click()
    page.get_by_role("tabpanel").get_by_text(re.compile(r"\S")).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled", caret="hide")


if __name__ == "__main__":
    sys.exit(main())
