"""OpenLIT: its SDK and `openai`."""

import conversation as c
import openai
import openlit
from opentelemetry import trace

openlit.init(
    otlp_endpoint=c.OTLP_URL,
    application_name="openlit-sender",
    environment="test",
    disable_metrics=True,
)
client = openai.OpenAI(base_url=c.SAMPLE_URL, api_key="any", max_retries=0)


@openlit.trace
def support() -> str:
    return c.with_tool(client)


support()
c.chat(client, user=c.USER)
c.stream(client)
c.embed(client)
c.fail(client)
trace.get_tracer_provider().shutdown()
