"""Langfuse: its SDK's decorators and its wrapper of `openai`."""

import conversation as c
from langfuse import Langfuse, observe, propagate_attributes
from langfuse.openai import OpenAI

langfuse = Langfuse(public_key="pk-any", secret_key="sk-any", base_url=c.OTLP_URL, release="1.2.0")
client = OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)


@observe(as_type="tool")
def get_order_status(order_id: str) -> dict[str, str]:
    return c.order_status(order_id)


@observe(as_type="retriever")
def search(query: str) -> list[dict[str, object]]:
    return [{"id": "shipping", "content": "Express delivery costs 12.50 EUR.", "score": 0.9}]


@observe(as_type="agent")
def shop_agent(question: str) -> str:
    return c.with_tool(client, get_order_status)


@observe
def support(question: str) -> str:
    with propagate_attributes(
        session_id=c.SESSION, user_id=c.USER, tags=["shop", "test"], metadata={"plan": "free"}
    ):
        search(c.QUESTION)
        c.chat(client)
        c.stream(client)
        return shop_agent(question)


support(c.ORDER_QUESTION)
c.embed(client)
c.fail(client)
with langfuse.start_as_current_observation(
    as_type="generation",
    name="by-hand",
    model="claude-sonnet-4-5",
    input=[{"role": "user", "content": c.QUESTION}],
    output="12.50 EUR.",
    model_parameters={"temperature": 0.2, "max_tokens": 30},
    usage_details={
        "input": 20,
        "output": 8,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 5,
    },
    cost_details={"input": 0.0002, "output": 0.0003, "total": 0.0005},
):
    pass
langfuse.shutdown()
