"""`instrument()` with the real instrumentations and the real libraries."""

import asyncio
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import openai
import pytest
from google import genai
from google.genai.types import HttpOptions
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider

import spanglass
from spanglass._tracer_provider import CurrentProvider
from spanglass.testing import CapturedSpans, capture

OPENAI_V2 = "opentelemetry-instrumentation-openai-v2"
LANGCHAIN = "openinference-instrumentation-langchain"
GOOGLE = "openinference-instrumentation-google-genai"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SPANGLASS_RAISE_INTERNAL_ERRORS", "1")
    yield
    spanglass.uninstrument()


def ask(url: str) -> None:
    with openai.OpenAI(base_url=url, api_key="any") as client:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "How much is delivery?"}]
        )


def test_the_openai_client(spans: CapturedSpans, url: str) -> None:
    found = spanglass.instrument(only=["openai"])
    assert found.on == {"openai": OPENAI_V2}
    assert spanglass.instrument(only=["openai"]).on == found.on, "the second time changes nothing"
    with spanglass.context(user_id="u"), spanglass.span("answer"):
        ask(url)
    assert spans.tree() == ["answer", ["chat gpt-4o-mini"]]
    call = spans.one("chat gpt-4o-mini")
    assert call.attributes["gen_ai.usage.output_tokens"] > 0
    assert call.attributes["user.id"] == "u"
    assert "How much is delivery?" in str(call.input)
    assert call.output
    assert spanglass.uninstrument() == ("openai",)
    assert spanglass.uninstrument() == ()
    ask(url)
    assert len(spans) == 2
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT" not in os.environ


@pytest.mark.parametrize("first", ["wrap", "instrument"])
@pytest.mark.parametrize("way", ["sync", "async", "stream"])
def test_a_wrapped_client_that_is_instrumented_is_recorded_once(
    spans: CapturedSpans, url: str, first: str, way: str
) -> None:
    make = openai.AsyncOpenAI if way == "async" else openai.OpenAI
    client: Any = make(base_url=url, api_key="any")
    if first == "wrap":
        spanglass.wrap(client, provider="openai")
    spanglass.instrument(only=["openai"])
    if first == "instrument":
        spanglass.wrap(client, provider="openai")
    messages = [{"role": "user", "content": "How much is delivery?"}]
    create = client.chat.completions.create
    with spanglass.span("answer"):
        if way == "async":

            async def ask_and_close() -> None:
                await create(model="gpt-4o-mini", messages=messages)
                await client.close()

            asyncio.run(ask_and_close())
        else:
            answer = create(model="gpt-4o-mini", messages=messages, stream=way == "stream")
            if way == "stream":
                assert len(list(answer)) > 2
            client.close()
    assert spans.tree() == ["answer", ["chat gpt-4o-mini"]]
    assert "How much is delivery?" in str(spans.one("chat gpt-4o-mini").input)
    spanglass.uninstrument()
    with openai.OpenAI(base_url=url, api_key="any") as alone:
        spanglass.wrap(alone).chat.completions.create(model="gpt-4o-mini", messages=messages)  # type: ignore[call-overload]
    assert len(spans) == 3, "without the instrumentation the wrapped client records"


class _Nosy(openai.OpenAI):
    """Stands for an instrumentation inside the client, as OpenInference's is."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        tracer = CurrentProvider().get_tracer("openinference.instrumentation.openai")
        with tracer.start_as_current_span("ChatCompletion") as span:
            assert not span.is_recording()
            with spanglass.span("inside"):
                return super().request(*args, **kwargs)


def test_what_is_inside_a_wrapped_client_records_nothing(spans: CapturedSpans, url: str) -> None:
    with spanglass.wrap(_Nosy(base_url=url, api_key="any"), provider="openai") as client:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "How much is delivery?"}]
        )
    assert spans.tree() == ["chat gpt-4o-mini", ["inside"]]


def test_an_agents_span_around_a_wrapped_client_is_no_call(spans: CapturedSpans, url: str) -> None:
    tracer = CurrentProvider().get_tracer("openinference.instrumentation.openai_agents")
    with (
        tracer.start_as_current_span("agent"),
        spanglass.wrap(openai.OpenAI(base_url=url, api_key="any"), provider="openai") as client,
    ):
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "How much is delivery?"}]
        )
    assert spans.tree() == ["agent", ["chat gpt-4o-mini"]]


def test_content_is_recorded_where_init_says_so(url: str) -> None:
    with capture(capture_content=False) as spans:
        spanglass.instrument()
        ask(url)
        ChatPromptTemplate.from_template("{q}").invoke({"q": "a secret"})
    assert len(spans) == 2
    assert "delivery" not in str([span.attributes for span in spans])
    assert "a secret" not in str([span.attributes for span in spans])


def test_what_init_sets_up_later_gets_the_spans(url: str) -> None:
    spanglass.instrument(only="openai")
    ask(url)
    for _ in range(2):
        with capture() as spans:
            ask(url)
        assert len(spans) == 1


def test_spans_are_below_ours_beside_the_applications_own_tracing(
    spans: CapturedSpans, url: str
) -> None:
    spanglass.instrument()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    with tracer.start_as_current_span("GET /ask"), spanglass.span("answer"):
        ask(url)
    assert spans.tree() == ["answer", ["chat gpt-4o-mini"]]


def test_langchain(spans: CapturedSpans) -> None:
    assert spanglass.instrument().on["langchain"] == LANGCHAIN
    prompt = ChatPromptTemplate.from_messages([("human", "{q}")])
    chain = prompt | FakeListChatModel(responses=["12.50 EUR"])
    with spanglass.context(session_id="s"), spanglass.span("root"):
        assert chain.invoke({"q": "How much?"}).content == "12.50 EUR"
    assert spans.tree() == [
        "root",
        ["RunnableSequence", ["ChatPromptTemplate", "FakeListChatModel"]],
    ]
    assert {span.attributes["session.id"] for span in spans} == {"s"}
    model = spans.one("FakeListChatModel").attributes
    assert model["llm.input_messages.0.message.content"] == "How much?"


class Gemini(BaseHTTPRequestHandler):
    """Answers as Google's API does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = (
            b'{"candidates": [{"content": {"role": "model", "parts": [{"text": "12.50 EUR"}]},'
            b' "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 4,'
            b' "candidatesTokenCount": 3, "totalTokenCount": 7}}'
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nobody needs to know."""


def test_google_genai(spans: CapturedSpans) -> None:
    assert spanglass.instrument().on["google-genai"] == GOOGLE
    server = HTTPServer(("127.0.0.1", 0), Gemini)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        options = HttpOptions(base_url=f"http://127.0.0.1:{server.server_port}")
        client = genai.Client(api_key="any", http_options=options)
        with spanglass.span("root"):
            answer = client.models.generate_content(model="gemini-2.5-flash", contents="How much?")
        assert answer.text == "12.50 EUR"
        client.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [len(spans), spans.tree()[0]] == [2, "root"]
    call = spans.all()[0].attributes
    assert (call["llm.token_count.prompt"], call["llm.token_count.completion"]) == (4, 3)


def test_what_the_application_has_turned_on_is_left(spans: CapturedSpans) -> None:
    theirs = OpenAIInstrumentor()
    theirs.instrument(tracer_provider=TracerProvider(shutdown_on_exit=False))
    try:
        found = spanglass.instrument(only=["openai"])
        assert found.on == {}
        [left] = [each for each in found.left if each.distribution == OPENAI_V2]
        assert left.reason == "the application has turned it on itself"
        assert spanglass.uninstrument() == ()
        assert theirs.is_instrumented_by_opentelemetry
    finally:
        theirs.uninstrument()


def test_the_report_says_what_and_why(
    spans: CapturedSpans, caplog: pytest.LogCaptureFixture
) -> None:
    found = spanglass.instrument(only=[OPENAI_V2, "crewai", "anthropic", "abacus"])
    assert found.on == {"openai": OPENAI_V2}
    reasons = {each.library: each.reason for each in found.left if not each.distribution}
    assert reasons == {
        "anthropic": "no instrumentation is installed:"
        " pip install opentelemetry-instrumentation-genai-anthropic",
        "crewai": "crewai is not installed",
        "abacus": "not known",
    }
    assert "abacus" in caplog.text
    assert any(e.reason == "not asked for" for e in found.left if e.library == "langchain")
    lines = repr(found).splitlines()
    assert lines[0].split()[:3] == ["on", "openai", OPENAI_V2]
    assert len(lines) == len(found)
    assert all(line.startswith("left") for line in lines[1:])
