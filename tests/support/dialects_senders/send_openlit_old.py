"""OpenLIT as of 2024: content in span events of one text each."""

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
c.chat(client, user=c.USER)
c.embed(client)
c.fail(client)
trace.get_tracer_provider().shutdown()
