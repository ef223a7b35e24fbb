"""Scores, feedback and completeness: from the SDK and from browsers, through the real collector."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from openinference.instrumentation import (
    Annotation,
    get_annotation_attributes,
    get_evaluation_attributes,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import spanglass
from spanglass.feedback_token import FeedbackTarget, sign
from support import otlp
from support.running import FEEDBACK_SECRET, FEEDBACK_SECRET_BEFORE, ROOT, RunningService
from support.waiting import wait_until

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


Rows = list[dict[str, Any]]


def eventually(get: Callable[[], Rows], are_right: Callable[[Rows], bool]) -> Rows:
    """The rows, as soon as they are right."""

    def look() -> Rows | None:
        rows = get()
        return rows if are_right(rows) else None

    return wait_until(look, "the rows are right") or []


def send_event(
    service: RunningService, name: str, attributes: Mapping[str, Any], of: str = "app"
) -> None:
    """One log record that is an event."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(otlp.attributes({"service.name": of}))
    record = resource_logs.scope_logs.add().log_records.add(
        time_unix_nano=time.time_ns(), event_name=name
    )
    record.attributes.extend(otlp.attributes(attributes))
    response = service.post(request.SerializeToString(), path="/v1/logs")
    assert (response.status_code, response.content) == (200, b"")


@pytest.fixture
def sdk(service: RunningService, monkeypatch: pytest.MonkeyPatch, unique: str) -> Iterator[str]:
    """The SDK, sending as a service of this name."""
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    service.dirty = True
    spanglass.init(
        service.otlp, service=unique, web_url=service.web, feedback_secret=FEEDBACK_SECRET
    )
    yield unique
    spanglass.shutdown()


def found(service: RunningService, **which: Any) -> Rows:
    """The scores that the list shows, without what differs each time."""
    items = service.get("/api/v1/scores", **which)["items"]
    return [{k: v for k, v in item.items() if k not in ("created_at", "id")} for item in items]


def test_scores_inside_of_spans_are_scores(service: RunningService, unique: str) -> None:
    """OpenInference's feedback as its own helpers write it, and an evaluation event of a span."""
    feedback = [
        Annotation(name="correct", score=0.5, label="partly", explanation="one is missing",
                   annotator_kind="HUMAN", identifier="queue-1", metadata={"rounds": 2})
    ]  # fmt: skip
    whole = [Annotation(name="solved", score=1.0, annotator_kind="LLM")]
    patient = [Annotation(name="patient", label="yes", annotator_kind="CODE")]
    event = Span.Event(
        name="gen_ai.evaluation.result",
        time_unix_nano=time.time_ns(),
        attributes=otlp.attributes(
            {"gen_ai.evaluation.name": "fluent", "gen_ai.evaluation.score.value": 3.0}
        ),
    )
    span = otlp.span(
        attrs={
            **get_annotation_attributes(annotations=feedback),
            **get_evaluation_attributes(evaluations=whole, scope="trace"),
            **get_annotation_attributes(annotations=patient, scope="session"),
            "session.id": unique,
        },
        events=[event],
    )
    trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
    request = otlp.request(span).SerializeToString()
    # Sent twice, as after a connection that broke: the scores are the same.
    for _ in range(2):
        assert service.post(request, path="/v1/traces").status_code == 200
    items = eventually(lambda: found(service, session_id=unique), lambda rows: len(rows) >= 4)
    assert len(items) == 4
    by_name = {item["name"]: item for item in items}
    assert by_name["correct"] == {
        "project": "default", "name": "correct", "value": 0.5, "label": "partly", "source": "human",
        "evaluator": "queue-1", "trace_id": trace_id, "span_id": span_id, "response_id": "",
        "session_id": unique, "metadata": {"rounds": "2"},
        "explanation": "one is missing", "correction": "",
    }  # fmt: skip
    told = {
        name: (item["value"], item["label"], item["source"], item["trace_id"], item["span_id"])
        for name, item in by_name.items()
    }
    assert told["solved"] == (1.0, "", "judge", trace_id, "")
    assert told["patient"] == (None, "yes", "code", "", "")
    assert told["fluent"] == (3.0, "", "code", trace_id, span_id)
    # What the span came with stays.
    kept = f"SELECT attributes FROM spans WHERE trace_id = '{trace_id}'"
    assert "annotations.0.annotation.score" in str(eventually(lambda: service.sql(kept), bool))


def test_a_score_of_a_span_is_stored_with_it(service: RunningService, sdk: str) -> None:
    with spanglass.context(session_id="s-9"), spanglass.span("answer") as span:
        spanglass.score("groundedness", 0.9, evaluator="overlap-v2", comment="one is missing",
                        metadata={"rounds": 2, "by": "cron"})  # fmt: skip
        spanglass.score("language", "en")
        trace_id, span_id = span.trace_id, span.span_id
    assert spanglass.flush(20) is True
    items = eventually(lambda: found(service, trace_id=trace_id), lambda rows: len(rows) == 2)
    by_name = {item["name"]: item for item in items}
    assert by_name["groundedness"] == {
        "project": "default", "name": "groundedness", "value": 0.9, "label": "", "source": "code",
        "evaluator": "overlap-v2", "trace_id": trace_id, "span_id": span_id, "response_id": "",
        "session_id": "s-9", "metadata": {"rounds": "2", "by": "cron"},
        "explanation": "one is missing", "correction": "",
    }  # fmt: skip
    assert (by_name["language"]["value"], by_name["language"]["label"]) == (None, "en")


def test_a_score_may_come_before_its_span(service: RunningService, sdk: str) -> None:
    """In SQL, too, they meet whichever was first."""
    trace_id = f"{time.time_ns():032x}"
    spanglass.feedback(thumbs="up", trace_id=trace_id, span_id=SPAN)
    assert spanglass.flush(20) is True
    eventually(lambda: found(service, trace_id=trace_id), lambda rows: len(rows) == 1)
    span = otlp.span("late", trace=bytes.fromhex(trace_id), id=bytes.fromhex(SPAN))
    service.send(otlp.request(span))
    joined = (
        "SELECT s.name, c.name AS score, c.value FROM spans AS s JOIN scores AS c"
        " USING (project, trace_id, span_id) WHERE trace_id = {trace:String}"
    )
    rows = eventually(lambda: service.sql(joined, trace=trace_id), bool)
    assert rows == [{"name": "late", "score": "user_feedback", "value": 1.0}]


def test_a_score_that_names_only_the_answer_is_its_spans(
    service: RunningService, sdk: str, unique: str
) -> None:
    with spanglass.generation("gpt-4o-mini", provider="openai") as call:
        call.response(id=f"chatcmpl-{unique}")
        trace_id = call.trace_id
    assert spanglass.flush(20) is True
    send_event(
        service,
        "gen_ai.evaluation.result",
        {
            "gen_ai.evaluation.name": "relevance",
            "gen_ai.evaluation.score.value": 0.5,
            "gen_ai.response.id": f"chatcmpl-{unique}",
        },
    )
    items = eventually(lambda: found(service, trace_id=trace_id), bool)
    assert [(each["name"], each["value"]) for each in items] == [("relevance", 0.5)]


def test_the_same_id_replaces_a_score(service: RunningService, sdk: str) -> None:
    trace_id = f"{time.time_ns():032x}"
    first = spanglass.feedback(thumbs="up", trace_id=trace_id)
    assert spanglass.flush(20) is True
    eventually(lambda: found(service, trace_id=trace_id), bool)
    spanglass.feedback(thumbs="down", correction="60 days", trace_id=trace_id, score_id=first)
    assert spanglass.flush(20) is True
    (item,) = eventually(
        lambda: found(service, trace_id=trace_id), lambda rows: rows[0]["label"] == "down"
    )
    assert (item["value"], item["correction"]) == (0.0, "60 days")


def test_scores_are_listed_by_page(service: RunningService, unique: str) -> None:
    scores = [
        {"name": unique, "value": n, "session_id": "s", "metadata": {"n": str(n)}} for n in range(7)
    ]
    assert service.api("POST", "/api/v1/scores", json=scores).status_code == 201
    seen: list[str] = []
    cursor = ""
    while True:
        page = service.get("/api/v1/scores", name=unique, limit=3, cursor=cursor)
        seen += [item["metadata"]["n"] for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(seen) == [str(n) for n in range(7)]
    for bad in ("x", "bnVsbA", page["items"][0]["id"]):
        answer = service.api("GET", "/api/v1/scores", params={"cursor": bad})
        assert answer.status_code == 400
        assert "Leave it out" in answer.json()["detail"]
    answer = service.api("GET", "/api/v1/scores", params={"span_id": SPAN})
    assert "needs its trace_id" in answer.json()["detail"]


# -- feedback by a link ------------------------------------------------------------------------


def link(service: RunningService, seconds: float = 60, secret: str = FEEDBACK_SECRET) -> str:
    target = FeedbackTarget("shop", TRACE, SPAN, "user_feedback", int(time.time() + seconds))
    return f"{service.web}/feedback/{sign(target, secret)}"


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """Somebody without a key, on another origin."""
    with httpx.Client(headers={"origin": "https://shop.example"}) as client:
        yield client


def test_links_of_the_secret_before_still_count(
    service: RunningService, browser: httpx.Client
) -> None:
    secrets = {
        FEEDBACK_SECRET: 201,
        FEEDBACK_SECRET_BEFORE: 201,
        "never one of ours, and long": 403,
    }
    answers = {
        secret: browser.post(link(service, secret=secret), json={"thumbs": "up"}).status_code
        for secret in secrets
    }
    assert answers == secrets


def test_a_browser_gives_feedback_without_a_key(
    service: RunningService, sdk: str, browser: httpx.Client
) -> None:
    with spanglass.span("answer") as span:
        url = spanglass.feedback_link()
    assert url is not None
    assert url.startswith(service.web)
    may = browser.options(url, headers={"access-control-request-method": "POST"})
    assert may.headers["access-control-allow-origin"] == "*"
    answer = browser.post(url, json={"rating": 4, "comment": "a bit long"})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "*"
    (item,) = found(service, trace_id=span.trace_id)
    assert item["value"] == 0.75
    assert (item["source"], item["span_id"]) == ("user", span.span_id)
    assert item["explanation"] == "a bit long"
    # A change of mind is no second judgement.
    browser.post(url, json={"thumbs": "down"})
    (item,) = found(service, trace_id=span.trace_id)
    assert (item["value"], item["label"]) == (0.0, "down")


def test_feedback_may_come_before_its_trace(service: RunningService) -> None:
    trace, span = secrets.token_bytes(16), secrets.token_bytes(8)
    target = FeedbackTarget(
        "default", trace.hex(), span.hex(), "user_feedback", int(time.time()) + 60
    )
    link = f"{service.web}/feedback/{sign(target, FEEDBACK_SECRET)}"
    assert httpx.post(link, json={"thumbs": "down", "comment": "late"}).status_code == 201
    assert service.api("GET", f"/api/v1/traces/{trace.hex()}").status_code == 404
    service.send(otlp.request(otlp.span("answer", trace=trace, id=span)))
    service.settle()
    row = service.one(
        "SELECT spans.name AS name, s.value AS value, s.explanation AS said FROM spans"
        " JOIN scores AS s ON s.trace_id = spans.trace_id AND s.span_id = spans.span_id"
        " WHERE spans.trace_id = {id:String}", id=trace.hex(),
    )  # fmt: skip
    assert row == {"name": "answer", "value": 0.0, "said": "late"}
    listed = service.get("/api/v1/traces", query="score.user_feedback:<0.5", limit=500)["items"]
    assert trace.hex() in [each["trace_id"] for each in listed]


def test_any_page_may_load_the_script_for_feedback(service: RunningService) -> None:
    served = httpx.get(f"{service.web}/feedback/widget.js", headers={"Origin": "https://shop.test"})
    assert served.status_code == 200
    assert served.headers["content-type"].startswith("text/javascript")
    assert served.headers["access-control-allow-origin"] == "*"
    assert served.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(served.content) < 4_500
    # The example has what its policy allows, and nothing inline.
    page = (ROOT / "examples/feedback/page.html").read_text()
    assert "<script>" not in page
    assert "style=" not in page
    assert 'src="COLLECTOR/feedback/widget.js"' in page


def test_the_link_opens_a_page_with_a_form(service: RunningService) -> None:
    page = httpx.get(link(service))
    assert page.status_code == 200
    assert "Was this answer helpful?" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    thanks = httpx.post(link(service), data={"thumbs": "up", "comment": "<b>fine</b>"})
    assert thanks.status_code == 201
    assert "Thank you" in thanks.text


def test_the_form_takes_a_correction_with_a_no(service: RunningService) -> None:
    url = link(service, seconds=90)
    for thumbs, stored in (("down", "60 days"), ("up", "")):
        form = {"thumbs": thumbs, "comment": "", "correction": "60 days"}
        assert httpx.post(url, data=form).status_code == 201
        items = found(service, trace_id=TRACE, name="user_feedback")
        mine = next(each for each in items if each["label"] == thumbs)
        assert mine["correction"] == stored


def test_what_is_wrong_is_said_plainly(service: RunningService, browser: httpx.Client) -> None:
    said = browser.post(link(service), json={"rating": 9}).json()["detail"]
    assert said == "the rating has to lie between 1 and 5"
    page = httpx.post(link(service), data={"rating": "9"})
    assert "<p>The rating has to lie between 1 and 5.</p>" in page.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url[:-3] + "abc", "altered"),
        (lambda url: url.rpartition("/")[0] + "/nonsense", "no feedback link"),
        (lambda url: url.rpartition("/")[0] + "/" + "v1." * 5000, "no feedback link"),
    ],
)
def test_a_link_that_was_changed_is_refused(
    service: RunningService, browser: httpx.Client, change: Any, said: str
) -> None:
    for answer in (browser.post(change(link(service)), json={"thumbs": "up"}),
                   browser.get(change(link(service)))):  # fmt: skip
        assert answer.status_code == 403
        assert said in answer.text


def test_a_link_that_is_over_or_of_another_secret_is_refused(
    service: RunningService, browser: httpx.Client
) -> None:
    over = browser.post(link(service, seconds=-1), json={"thumbs": "up"})
    assert (over.status_code, "no longer valid" in over.text) == (403, True)
    other = browser.post(link(service, secret="x" * 20), json={"thumbs": "up"})
    assert (other.status_code, "not known here" in other.text) == (403, True)


@pytest.mark.parametrize(
    "body",
    [
        "{}", '{"rating": 9}', '{"thumbs": "sideways"}', "[", '{"rating": 1e999}', "",
        '{"rating": 3, "rating_scale": [-Infinity, Infinity]}',
        '{"rating": 3, "rating_scale": [NaN, 5]}',
        '{"rating": 1.7e308, "rating_scale": [-1.7e308, 1.7e308]}',
    ],
)  # fmt: skip
def test_feedback_that_says_nothing_is_refused(
    service: RunningService, browser: httpx.Client, body: str
) -> None:
    answer = browser.post(link(service), content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_of_very_many_fields_is_refused(service: RunningService) -> None:
    answer = httpx.post(link(service), data={f"field{n}": "x" for n in range(30)})
    assert answer.status_code == 422
    assert "thumbs, a rating" in answer.text


def test_a_large_body_is_refused_before_it_is_read(
    service: RunningService, browser: httpx.Client
) -> None:
    answer = browser.post(link(service), json={"comment": "x" * 300_000})
    assert answer.status_code == 413


# -- completeness ------------------------------------------------------------------------------


def test_spans_that_say_they_began_long_ago_are_not_missing(
    service: RunningService, sdk: str
) -> None:
    """Work that ran for days, or that is sent from a record."""
    with spanglass.span("long", start_time_ns=time.time_ns() - 3 * 86_400 * 10**9):
        pass
    assert spanglass.flush(20) is True
    spanglass.shutdown()

    def hours() -> Rows:
        items: Rows = service.get("/api/v1/completeness", service=sdk)["items"]
        return items

    items = eventually(hours, lambda rows: bool(rows) and rows[0]["received"] == 1)
    assert [(each["expected"], each["missing"]) for each in items] == [(1, 0)]


def test_what_was_lost_is_known(service: RunningService, sdk: str) -> None:
    """Spans that the SDK dropped, and one that was sent and never came."""
    for _ in range(20):
        with spanglass.span("work"):
            pass
    assert spanglass.flush(20) is True
    spanglass.shutdown()

    def hours() -> Rows:
        items: Rows = service.get("/api/v1/completeness", service=sdk)["items"]
        return items

    items = eventually(hours, lambda rows: bool(rows) and rows[0]["received"] == 20)
    assert [(each["expected"], each["missing"], each["complete"]) for each in items] == [(20, 0, 1)]
    assert items[0]["instances"] == 1
    # The same process says that it made five more; the collector has none of them.
    (instance,) = service.sql(
        "SELECT any(instance_id) AS id FROM spans WHERE service = {service:String}", service=sdk
    )
    (number,) = service.sql(
        "SELECT max(number) + 1 AS next FROM sdk_reports WHERE service = {service:String}",
        service=sdk,
    )
    send_event(
        service,
        "spanglass.ledger",
        {
            "spanglass.instance.id": instance["id"],
            "spanglass.ledger.number": number["next"],
            "spanglass.ledger.start_time_unix_nano": time.time_ns(),
            "spanglass.ledger.sequence.first": 21,
            "spanglass.ledger.sequence.last": 25,
            "spanglass.ledger.accepted": 3,
            "spanglass.ledger.dropped.queue_full": 2,
        },
        of=sdk,
    )
    items = eventually(hours, lambda rows: sum(each["expected"] for each in rows) == 25)
    assert sum(each["missing"] for each in items) == 5
    dropped = [each["dropped"] for each in items if each["dropped"]]
    assert dropped == [{"queue_full": 2}]
    assert sum(each["reports_missing"] for each in items) == 0
