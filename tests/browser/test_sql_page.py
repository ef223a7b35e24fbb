"""SQL: a statement, its answer, and what is wrong with it."""

import re
from pathlib import Path
from urllib.parse import quote

import pyarrow
from playwright.sync_api import expect
from pyarrow import parquet

from browser.conftest import Open, Site


def test_a_statement_is_written_with_the_keyboard_and_answered(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/sql")
    expect(page.get_by_role("textbox", name="Statement")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(
        "SELECT trace_id, count() AS n FROM spans"
        f" WHERE trace_id = '{site.answered.id}' GROUP BY trace_id"
    )
    page.keyboard.press("Control+Enter")
    table = page.get_by_role("table", name="Answer")
    expect(table.get_by_role("columnheader")).to_have_text(["trace_id", "n"])
    expect(table.get_by_role("cell")).to_have_text([site.answered.id, "9"])
    expect(page.get_by_role("status")).to_contain_text("1 row in")
    table.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/traces/{site.answered.id}"))
    page.go_back()
    expect(table.get_by_role("cell").nth(1)).to_have_text("9")
    page.go_back()
    expect(page.get_by_role("heading", name="To begin with")).to_be_visible()


def test_names_are_completed_from_the_schema(site: Site, visit: Open) -> None:
    watched = visit(site.running, width=390)
    page = watched.goto("/sql")
    field = page.get_by_role("textbox", name="Statement")
    expect(field).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("SELECT cou")
    offered = page.get_by_role("listbox", name="What it may become")
    expect(offered.get_by_role("option").first).to_contain_text("count")
    assert watched.overflow() <= 0
    page.keyboard.press("Tab")
    page.keyboard.type(") FROM sp")
    expect(offered.get_by_role("option").first).to_contain_text("spans")
    page.keyboard.press("Tab")
    page.keyboard.type(" WHERE trace_i")
    expect(offered.get_by_role("option").first).to_contain_text("trace_id")
    offered.get_by_role("option").first.click()
    page.keyboard.type(" = 'cou")
    expect(offered).to_have_count(0)
    page.keyboard.type("'")
    expect(field).to_have_value("SELECT count() FROM spans WHERE trace_id = 'cou'")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("cell")).to_have_text(["0"])


def test_an_answer_can_be_long_and_wide(site: Site, visit: Open, tmp_path: Path) -> None:
    query = "SELECT number, repeat('<b>x</b> ', 60) AS long, NULL AS nothing FROM numbers(50000)"
    watched = visit(site.running)
    page = watched.goto(f"/sql?query={quote(query)}")
    table = page.get_by_role("table", name="Answer")
    expect(page.get_by_role("status")).to_contain_text("50,000 rows")
    assert watched.nodes() < 3_000
    assert watched.overflow() <= 0
    table.get_by_role("cell").nth(1).get_by_role("button").click()
    expect(page.get_by_role("region", name="Value of long")).to_contain_text("<b>x</b> <b>x</b>")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert (lines[0], len(lines)) == ("number,long,nothing", 50_001)


def test_an_answer_is_saved_as_parquet(site: Site, visit: Open, tmp_path: Path) -> None:
    watched = visit(site.running)
    watched.tolerated.append("Failed to load resource")
    page = watched.goto(f"/sql?query={quote('SELECT NULL AS nothing')}")
    page.get_by_role("button", name="Parquet").click()
    expect(page.get_by_role("alert")).to_contain_text("No Parquet: ")
    page.get_by_role("textbox", name="Statement").fill(
        "SELECT number, toNullable('ß') AS text, now64(3) AS at, map('a', 1) AS map FROM numbers(5000)"
    )
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("5,000 rows")
    with page.expect_download() as download:
        page.get_by_role("button", name="Parquet").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    download.value.save_as(tmp_path / "rows.parquet")
    rows = parquet.read_table(tmp_path / "rows.parquet")
    assert (rows.num_rows, rows.column_names) == (5_000, ["number", "text", "at", "map"])
    assert rows.schema.field("number").type == pyarrow.uint64()


def test_a_mistake_is_explained(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    watched.tolerated.append("Failed to load resource")
    page = watched.goto(f"/sql?query={quote('SELECT nme FROM spans')}")
    expect(page.get_by_role("alert")).to_contain_text("nme")
    page.get_by_role("textbox", name="Statement").fill("SELECT 1 AS one")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("columnheader")).to_have_text(["one"])


def test_tables_and_columns_are_at_hand(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/sql")
    tables = page.get_by_role("complementary", name="Tables")
    page.get_by_role("textbox", name="Statement").fill("SELECT ")
    tables.get_by_role("button", name="response_model").click()
    expect(page.get_by_role("textbox", name="Statement")).to_have_value("SELECT response_model")
    for name in ("traces", "scores", "metrics", "logs", "prices", "sdk_reports"):
        table = tables.locator("details").filter(has=page.get_by_text(name, exact=True))
        table.first.locator("summary").click()
        expect(table.first.get_by_role("button").first).to_be_visible()
    expect(tables.get_by_role("alert")).to_have_count(0)


def test_every_example_is_right(site: Site, visit: Open) -> None:
    page = visit(site.running).goto("/sql")
    examples = page.locator("button:has(pre)")
    expect(examples).to_have_count(4)
    for number in range(4):
        page.goto(site.running.web + "/sql")
        examples.nth(number).click()
        expect(page.get_by_role("status")).to_contain_text("row")
        expect(page.get_by_role("alert")).to_have_count(0)
