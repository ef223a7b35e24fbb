"""LiteLLM as the one door to models: every call, whichever provider it goes to, in one place.

    pip install litellm openinference-instrumentation-litellm
    spanglass serve &
    python examples/litellm_gateway/app.py

The first call goes to the bundled sample server as if it were OpenAI, the second to a model that it
does not have, and falls back. LiteLLM's proxy does the same with `callbacks: ["otel"]` in its
configuration and `OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318` in its environment.
"""

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # asks nobody for prices

import litellm
import openai

import spanglass
from sample_server import BackgroundServer, Settings


@spanglass.observe
def ask(question: str, base_url: str, models: list[str]) -> str:
    """The answer of the first model that gives one."""
    for model in models:
        try:
            answer = litellm.completion(
                model=f"openai/{model}",
                messages=[{"role": "user", "content": question}],
                api_base=base_url,
                api_key="any",
                num_retries=0,
            )
        except openai.OpenAIError as error:
            print(f"{model}: {type(error).__name__}")
        else:
            return str(answer.choices[0].message.content)
    return "No model answered."


if __name__ == "__main__":
    spanglass.init(service="litellm-gateway")
    spanglass.instrument(only=["litellm"])
    with BackgroundServer(Settings()) as server:
        for models in (["gpt-4o-mini"], ["no-such-model", "gpt-4o-mini"]):
            with spanglass.context(feature="gateway", user_id="u-1"):
                print(ask("How long can I return boots?", server.base_url, models))
    spanglass.flush()
