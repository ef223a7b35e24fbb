"""OpenInference: the instrumentations of `openai` and of LangChain, and its decorators' spans."""

import conversation as c
import openai
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation import TracerProvider, using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "openinference-sender"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(c.OTLP_URL + "/v1/traces")))
tracer = provider.get_tracer("shop")


@tracer.tool
def get_order_status(order_id: str) -> dict[str, str]:
    """Look up where an order is, by its number."""
    return c.order_status(order_id)


class Shelf(BaseRetriever):
    """Finds the same two passages whatever is asked."""

    def _get_relevant_documents(self, query: str, *, run_manager: object) -> list[Document]:
        return [
            Document("Express delivery costs 12.50 EUR.", id="shipping", metadata={"score": 0.9}),
            Document("Jackets can be returned within 60 days.", id="returns"),
        ]


@tool
def opening_hours(day: str) -> str:
    """When the shop is open."""
    return "9 to 18"


@tracer.agent(name="shop-agent")
def agent(client: openai.OpenAI) -> str:
    return c.with_tool(client, get_order_status)


OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)
with using_attributes(
    session_id=c.SESSION,
    user_id=c.USER,
    tags=["shop", "test"],
    metadata={"plan": "free"},
    prompt_template="{question}",
    prompt_template_version="v3",
    prompt_template_variables={"question": c.QUESTION},
):
    agent(client)
    c.chat(client)
    c.stream(client)
    c.embed(client)
    c.fail(client)
OpenAIInstrumentor().uninstrument()
LangChainInstrumentor().instrument(tracer_provider=provider)
shelf = Shelf()
model = ChatOpenAI(base_url=c.SAMPLE_URL, api_key="any", model=c.MODEL)
prompt = ChatPromptTemplate.from_messages(
    [("system", c.SYSTEM + " {documents}"), ("user", "{question}")]
)
with using_attributes(session_id=c.SESSION):
    found = shelf.invoke(c.QUESTION)
    (prompt | model).invoke({"documents": found[0].page_content, "question": c.QUESTION})
    opening_hours.invoke({"day": "Monday"})
provider.shutdown()
