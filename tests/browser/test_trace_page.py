"""One trace."""

import json
import re

from playwright.sync_api import expect

from browser.conftest import Open, Site, eventually
from support import otlp_signals

LINES = "[role=treeitem]"


def test_tool_calls_documents_and_reasoning_are_shown(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    page.locator(LINES).filter(has_text="chat gpt-4o").first.click()
    answer = page.get_by_role("article", name="Answer")
    expect(answer).to_contain_text("Calls get_order_status")
    expect(answer).to_contain_text('order_id"HO-10482"')
    reasoning = answer.get_by_text("They ask about a repair")
    expect(reasoning).to_be_hidden()
    answer.get_by_text("Reasoning").click()
    expect(reasoning).to_be_visible()
    expect(page.get_by_text("2 tools offered")).to_be_visible()

    page.locator(LINES).filter(has_text="retrieval").click()
    expect(page.get_by_role("region", name="Query")).to_contain_text("The zip on my Fjell pack")
    expect(page.get_by_text("3 documents")).to_be_visible()
    expect(page.get_by_role("article").first).to_contain_text("0.831")

    page.locator(LINES).filter(has_text="POST /v1/ask").click()
    expect(page.get_by_text("These below it do")).to_be_visible()
    page.get_by_role("button", name="invoke_agent support").click()
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("invoke_agent")


def test_an_error_is_shown_where_it_happened(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.failed.id}")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("chat gpt-4o")
    error = page.get_by_role("group", name="Error")
    expect(error).to_contain_text("openai.RateLimitError")
    expect(error).to_contain_text("Rate limit reached for gpt-4o in organization")
    error.get_by_text("Stack").click()
    expect(error).to_contain_text("_make_status_error_from_response")
    page.keyboard.press("e")
    expect(page.locator(LINES).nth(2)).to_have_attribute("aria-selected", "true")


def test_spans_without_their_parent_are_kept(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.loose.id}")
    expect(page.locator(LINES)).to_have_count(6)
    expect(page.locator(LINES).nth(2)).to_contain_text("Missing parent 01020304")
    expect(page.locator(LINES).nth(2)).to_have_attribute("aria-level", "1")
    expect(page.locator(LINES).nth(4)).to_have_attribute("aria-level", "3")


def test_the_keyboard_walks_and_folds_the_tree(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    expect(page.locator(LINES)).to_have_count(9)
    selected = page.get_by_role("treeitem", selected=True)
    for _ in range(20):
        page.keyboard.press("k")
    expect(selected).to_contain_text("POST /v1/ask")
    page.keyboard.press("j")
    expect(selected).to_contain_text("invoke_agent")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(LINES)).to_have_count(2)
    expect(selected).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    expect(page.locator(LINES)).to_have_count(9)
    page.keyboard.press("m")
    expect(selected).to_contain_text("chat gpt-4o")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/traces$"))


def test_a_trace_is_searched_by_name_and_by_what_was_said(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    expect(page.locator(LINES)).to_have_count(9)
    page.keyboard.press("/")
    page.keyboard.type("vector")
    expect(page.get_by_text("1 match")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("vector search")
    search = page.get_by_label("Search this trace")
    search.fill("prepaid label")
    expect(page.get_by_text("2 matches")).to_be_visible()
    search.fill("nothing says this")
    expect(page.get_by_text("None found")).to_be_visible()


def test_ten_thousand_spans_scroll_with_few_elements(site: Site, visit: Open) -> None:
    watched = visit(site.running)
    page = watched.goto(f"/traces/{site.large.id}")
    expect(page.get_by_text("10,000", exact=True)).to_be_visible()
    scroller = page.get_by_role("tree").locator("xpath=..")
    most = 0
    for step in range(21):
        scroller.evaluate(f"list => {{ list.scrollTop = list.scrollHeight * {step / 20} }}")
        watched.painted()
        most = max(most, watched.nodes())
    expect(page.locator(LINES).last).to_be_visible()
    assert most < 2500
    page.get_by_role("button", name="Collapse all").click()
    expect(page.locator(LINES).filter(has_text="embeddings")).to_have_count(0)
    page.get_by_role("button", name="Expand all").click()
    page.keyboard.press("e")
    expect(page.get_by_role("treeitem", selected=True)).to_be_visible()
    expect(page.get_by_role("group", name="Error")).to_contain_text("timed out")
    page.get_by_label("Search this trace").fill("chunk 6")
    eventually(lambda: "matches" in page.get_by_role("region", name="Spans").inner_text())
    assert watched.nodes() < 2500


def test_every_tab_has_something_to_say(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.failed.id}")
    page.get_by_role("tab", name="Attributes").click()
    page.get_by_label("Find an attribute").fill("max_tok")
    expect(page.locator("dl > div").filter(has_text="gen_ai.request.max_tokens")).to_contain_text(
        "400"
    )
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_text("exception.type")).to_be_visible()
    expect(page.get_by_text("+700 ms")).to_be_visible()
    page.get_by_role("tab", name="Resource").click()
    expect(page.get_by_text("deployment.environment.name")).to_be_visible()
    page.get_by_role("tab", name="Raw").click()
    expect(page.get_by_text("parent_span_id")).to_be_visible()


def test_what_was_logged_in_a_trace_leads_to_its_span(site: Site, visit: Open) -> None:
    trace = site.answered
    span = trace.request().resource_spans[0].scope_spans[0].spans[0]
    said = otlp_signals.logs(
        otlp_signals.record(
            "asked the shelf", {"shelf": "4b"}, severity_text="WARN", severity_number=13,
            time_unix_nano=span.start_time_unix_nano + 20_000_000,
            trace_id=trace.trace_id, span_id=span.span_id,
        ),
        otlp_signals.record(
            {"tried": 3}, severity_number=17, time_unix_nano=span.start_time_unix_nano,
            trace_id=trace.trace_id,
        ),
    )  # fmt: skip
    assert site.running.post(said, path="/v1/logs").status_code == 200
    site.running.settle("logs")
    watched = visit(site.running, width=390)
    page = watched.goto(f"/traces/{trace.id}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.keyboard.press("l")
    records = page.get_by_role("region", name="Log records").get_by_role("article")
    expect(records).to_have_count(2)
    expect(records.first).to_contain_text("tried")
    expect(records.last).to_contain_text("WARN")
    expect(records.last).to_contain_text("asked the shelf")
    assert watched.overflow() <= 0
    records.last.get_by_text("1 attribute").click()
    expect(records.last).to_contain_text("4b")
    records.last.get_by_role("button", name=span.name).click()
    expect(page).to_have_url(re.compile(f"span={span.span_id.hex()}"))
    page.reload()
    page.get_by_text("Logs", exact=True).click()
    expect(records).to_have_count(2)
    watched.goto(f"/traces/{site.failed.id}?shape=logs")
    expect(page.get_by_text("No log record of this trace")).to_be_visible()


def test_a_session_leads_to_its_traces(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    page.get_by_title("All traces of this session").click()
    expect(page).to_have_url(re.compile("session=session-4117"))
    expect(page.locator("[role=rowgroup] [role=row]")).to_have_count(1)


def test_what_was_said_of_an_answer_is_shown_beside_it(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    # Above the trace: each name once, the mean where several judged.
    expect(page.get_by_role("button", name="down")).to_be_visible()
    expect(page.get_by_role("button", name="⌀ 4.5")).to_be_visible()
    page.get_by_role("button", name="0.816").click()
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("chat gpt-4o")
    scores = page.get_by_role("list", name="Scores").get_by_role("listitem")
    expect(scores).to_have_count(3)
    expect(scores.filter(has_text="groundedness")).to_contain_text("From a detector · overlap 2")

    page.get_by_role("button", name="down").click()
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("POST /v1/ask")
    expect(scores).to_have_count(1)
    expect(scores).to_contain_text("It never says what I have to pay.")
    expect(scores).to_contain_text("The repair is free")
    expect(scores).to_contain_text("of the whole trace")

    page.locator(LINES).filter(has_text="execute_tool").click()
    expect(page.get_by_role("tab", name="Scores")).to_have_count(0)


def test_a_call_is_copied_to_be_made_again(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    page.get_by_role("treeitem").filter(has_text="chat gpt-4o").last.click()
    page.get_by_role("button", name="Copy as curl").click()
    copied = "navigator.clipboard.readText()"
    eventually(lambda: page.evaluate(copied).startswith("curl "), "the command is copied")
    command = page.evaluate(copied)
    body = json.loads(command.partition("<<'JSON'\n")[2].rpartition("\nJSON\n")[0])
    assert body["model"] == "gpt-4o"
    assert [each["role"] for each in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["max_tokens"] == 400
    page.get_by_role("button", name="Copy as Python").click()
    eventually(lambda: page.evaluate(copied).startswith("from openai"), "the program is copied")
    compile(page.evaluate(copied), "replay", "exec")


def test_what_the_duration_hangs_on_is_marked(site: Site, visit: Open) -> None:
    page = visit(site.running).goto(f"/traces/{site.answered.id}")
    expect(page.get_by_role("treeitem")).to_have_count(9)
    expect(page.locator("[role=treeitem] [data-critical]")).not_to_have_count(0)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Critical path")).to_have_attribute(
        "aria-pressed", "true"
    )
    faded = page.locator("[role=treeitem][data-faded]")
    marked = page.locator("[role=treeitem]:has([data-critical])")
    expect(faded).to_have_count(9 - marked.count())
