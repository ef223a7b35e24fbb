"""The web application in Chromium over the demo's data: how long until a page is complete, and how a long trace scrolls."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from bench.load import percentile
from bench.processes import CpuMeter, cpu_seconds, precede
from bench.report import Report
from bench.server import Service
from browser import sample_traces
from browser.chromium import MISSING, find_chromium, launch

#: What a page holds when it is complete; the last one is Chromium's own work: an answer without a page.
PAGES: Final = {
    "/overview": "figure canvas",
    "/traces": "[role=row]",
    "/traces/{trace}": "[role=treeitem]",
    "/healthz": "body",
}
NOTHING: Final = "/healthz"
#: Spans of the trace that is scrolled, pixels that each frame moves, and frames.
LARGE: Final = 10_000
SPEEDS: Final = (60, 300, 1_500)
FRAMES: Final = 180
#: How long the demo may take to send its week, and what it is given to store it, in seconds.
HISTORY_S: Final = 240.0
SETTLE_S: Final = 20.0
#: Milliseconds without a change after which nothing more is expected, and at most until then.
QUIET_MS: Final = 1_200
PATIENCE_MS: Final = 60_000

#: Notes when something on the page last changed and was painted. What is fetched for other pages
#: adds elements to the head, which nobody sees.
_WATCH: Final = """
window.changed = 0;
window.painted = 0;
new MutationObserver(records => {
  if (records.every(each => document.head?.contains(each.target))) return;
  window.changed = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); }));
}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""
_IS_COMPLETE: Final = """([shown, quiet]) =>
  document.querySelector(shown) !== null
  && document.querySelector('[role=status][aria-label^=Loading], [aria-busy=true], [data-loading]') === null
  && window.painted >= window.changed && performance.now() - window.changed > quiet"""
_HAS_LIST: Final = "() => document.querySelectorAll('[role=treeitem]').length > 5"
#: Scrolls the first long list, frame by frame; how long each frame took, and how many showed nothing.
_SCROLL: Final = """async ([pixels, frames]) => {
  const long = [...document.querySelectorAll('*')].find(each =>
    each.scrollHeight > each.clientHeight + 2000 && /auto|scroll/.test(getComputedStyle(each).overflowY));
  const box = long.getBoundingClientRect();
  const took = []; let blank = 0, last = await new Promise(requestAnimationFrame);
  for (let n = 0; n < frames; n++) {
    long.scrollTop += pixels;
    const now = await new Promise(requestAnimationFrame);
    took.push(now - last); last = now;
    const shown = document.elementFromPoint(box.left + box.width / 3, box.top + box.height / 2);
    if (!shown.closest('[role=treeitem]')) blank++;
  }
  return { took, blank };
}"""
_FIGURES: Final = """() => {
  const first = performance.getEntriesByName('first-contentful-paint')[0];
  const fetched = performance.getEntriesByType('resource').filter(each => each.startTime < window.painted);
  const size = each => each.encodedBodySize;
  const sum = values => values.reduce((all, value) => all + value, 0);
  return {
    first: first ? first.startTime : window.painted,
    complete: window.painted,
    requests: fetched.length + 1,
    scripts: sum(fetched.filter(each => new URL(each.name).pathname.endsWith('.js')).map(size)),
  };
}"""


@dataclass
class Visits:
    """Visits of one page by one kind of visitor."""

    first: list[float] = field(default_factory=list)
    complete: list[float] = field(default_factory=list)
    thread: list[float] = field(default_factory=list)
    chromium: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    requests: int = 0
    scripts: int = 0

    def add(self, figures: dict[str, float]) -> None:
        """One more visit."""
        self.first.append(figures["first"])
        self.complete.append(figures["complete"])
        self.thread.append(figures["thread"])
        self.chromium.append(figures["chromium"])
        self.served.append(figures["served"])
        self.requests = int(figures["requests"])
        self.scripts = int(figures["scripts"])


def run(report: Report, work: Path, *, visits: int, address: str = "") -> None:
    """Open each page `visits` times with an empty cache, and each time once more.

    Without `address`, those of a demo of its own.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise RuntimeError("Playwright is missing: pip install playwright") from error
    chromium = find_chromium()
    if not chromium:
        raise RuntimeError(MISSING)
    service: Service | None = None
    with ExitStack() as stack:
        if not address:
            service = Service(work / "page" / "data", command="demo")
            stack.callback(service.stop)
            service.wait_for_line("history sent", HISTORY_S)
            time.sleep(SETTLE_S)
            address = service.web
        playwright = stack.enter_context(sync_playwright())
        browser = launch(playwright, chromium)
        stack.callback(browser.close)
        _measure(report, browser, address, visits, service)
        if service is not None:
            _scroll(report, browser, service)


def _measure(
    report: Report, browser: Any, address: str, visits: int, service: Service | None
) -> None:
    with urllib.request.urlopen(f"{address}/api/v1/traces?limit=100", timeout=60) as answer:
        listed = json.load(answer)["items"]
    trace = max(listed, key=lambda each: int(each["spans"]))["trace_id"]
    rows: list[tuple[str, ...]] = []
    precedes = False
    for path, shown in PAGES.items():
        new, again = Visits(), Visits()
        meter = CpuMeter({})
        for _ in range(visits):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            precedes = precede(psutil.Process())
            for seen in (new, again):
                seen.add(_visit(context, address + path.format(trace=trace), shown, service))
            context.close()
        usage = meter.read()
        for name, seen in (("new", new), ("again", again)):
            rows.append(
                (
                    f"{path}, {name}",
                    f"{percentile(seen.first, 0.5):.0f}",
                    f"{percentile(seen.complete, 0.5):.0f}",
                    f"{percentile(seen.complete, 0.95):.0f}",
                    f"{max(seen.complete):.0f}",
                    f"{percentile(seen.thread, 0.5):.0f}",
                    f"{percentile(seen.chromium, 0.5):.0f}",
                    f"{percentile(seen.served, 0.5):.0f}" if service is not None else "",
                    str(seen.requests),
                    f"{seen.scripts / 1e3:.0f}",
                    f"{usage.others / usage.seconds:.1f}",
                )
            )
            report.keep(**{f"page_{path}_{name}": vars(seen)})
    report.table(
        f"Pages in Chromium, {visits} visits, in ms",
        ("page, visitor", "first p50", "complete p50", "p95", "most", "thread", "Chromium", "service",
         "requests", "JS kB", "busy cores"),
        rows,
        caption="Complete: nothing is loading, and nothing changes any more. First: first content."
        " New: with an empty cache. Thread, Chromium, service: CPU of the page's main thread, of all"
        f" of Chromium, of collector and ClickHouse, until {QUIET_MS / 1e3:g} s behind that, in which"
        " the other pages' code comes. JS: compressed, until complete. Busy: the whole machine."
        f" {NOTHING} has no page: what any visit takes. What is measured"
        f" {'went' if precedes else 'could not go'} before other work of this machine.",
    )  # fmt: skip


def _scroll(report: Report, browser: Any, service: Service) -> None:
    trace = sample_traces.large(LARGE)
    sent = urllib.request.Request(
        f"http://127.0.0.1:{service.port}/v1/traces",
        data=trace.request().SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(sent, timeout=60):
        pass
    until = time.monotonic() + HISTORY_S
    while trace.id not in service.seen([trace.id]):
        if time.monotonic() > until:
            raise RuntimeError(f"the trace of {LARGE:,} spans was not stored in {HISTORY_S:g} s")
        time.sleep(0.2)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{service.web}/traces/{trace.id}", wait_until="commit")
    page.wait_for_function(_HAS_LIST, timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
    precede(psutil.Process())
    rows = []
    for pixels in SPEEDS:
        before = _thread_ms(session)
        seen = page.evaluate(_SCROLL, [pixels, FRAMES])
        thread = (_thread_ms(session) - before) / FRAMES
        took = seen["took"]
        rows.append(
            (
                f"{pixels:,}",
                f"{percentile(took, 0.5):.1f}",
                f"{percentile(took, 0.95):.1f}",
                f"{max(took):.1f}",
                f"{thread:.1f}",
                str(seen["blank"]),
            )
        )
        report.keep(**{f"page_scroll_{pixels}": {**seen, "thread": thread}})
    page.close()
    report.table(
        f"A trace of {LARGE:,} spans, scrolled for {FRAMES} frames, in ms",
        ("pixels a frame", "frame p50", "p95", "most", "thread", "blank"),
        rows,
        caption="60 frames a second are 16.7 ms each. Thread: CPU of the page's main thread, a frame."
        " Blank: frames in which there was no row in the middle.",
    )


def _thread_ms(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


def _visit(context: Any, address: str, shown: str, service: Service | None) -> dict[str, float]:
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(_WATCH)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = [cpu_seconds(each) for each in _browser_and_service(service)]
    page.goto(address, wait_until="commit")
    page.wait_for_function(_IS_COMPLETE, arg=[shown, QUIET_MS], polling=100)
    figures: dict[str, float] = page.evaluate(_FIGURES)
    figures["thread"] = _thread_ms(session)
    used = [cpu_seconds(each) for each in _browser_and_service(service)]
    figures["chromium"], figures["served"] = (
        1e3 * (now - then) for now, then in zip(used, before, strict=True)
    )
    page.close()
    return figures


def _browser_and_service(service: Service | None) -> list[list[psutil.Process]]:
    """Both are children of the bench; the service's jobs are neither, and come and go."""
    parts = service.processes() if service is not None else {}
    theirs = {each.pid for part in parts.values() for each in part}
    others = psutil.Process().children(recursive=True)
    return [
        [each for each in others if each.pid not in theirs],
        [each for part in parts.values() for each in part if each.nice() <= 0],
    ]
