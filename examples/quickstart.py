"""A traced call of a model, in ten lines.

    spanglass serve &                                   # or any other OTLP/HTTP receiver
    python examples/quickstart.py "Where is my order HO-10482?"

By default the model is the bundled sample server, started in this process. Set `OPENAI_BASE_URL`
(and `OPENAI_API_KEY`) to ask any OpenAI-compatible server instead, `MODEL` to choose the model,
and `SPANGLASS_ENDPOINT` to send the trace elsewhere than to http://127.0.0.1:4318.
"""

import os
import sys
from contextlib import nullcontext

import openai

import spanglass
from sample_server import BackgroundServer, Settings

MODEL = os.environ.get("MODEL", "gpt-4o-mini")

spanglass.init(service="quickstart")


@spanglass.observe
def answer(question: str, client: openai.OpenAI) -> str:
    """Answer a question, and trace how."""
    said = ""
    with spanglass.generation(MODEL, provider="openai", messages=question, stream=True) as call:
        for chunk in client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": question}],
            stream=True,
            stream_options={"include_usage": True},
        ):
            for choice in chunk.choices:
                said += choice.delta.content or ""
                call.chunk(choice.delta.content)
                call.output(finish_reason=choice.finish_reason)
            if chunk.usage:
                call.usage(
                    input_tokens=chunk.usage.prompt_tokens,
                    output_tokens=chunk.usage.completion_tokens,
                )
    print(f"{said}\n\n{spanglass.trace_url()}")
    return said


if __name__ == "__main__":
    theirs = os.environ.get("OPENAI_BASE_URL")
    with nullcontext() if theirs else BackgroundServer(Settings()) as bundled:
        asked = " ".join(sys.argv[1:]) or "How long do I have to return a jacket?"
        key = os.environ.get("OPENAI_API_KEY", "any")
        answer(asked, openai.OpenAI(base_url=bundled.base_url if bundled else theirs, api_key=key))
