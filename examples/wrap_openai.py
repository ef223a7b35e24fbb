"""Every call through an OpenAI client is a span: one line, and the application stays as it is.

    spanglass serve &
    python examples/wrap_openai.py

Asks for a streamed answer, for structured output and for embeddings, and lets the client get
around a rate limit. The model is the bundled sample server unless `OPENAI_BASE_URL` names
another.
"""

import os
from contextlib import nullcontext

import openai
from pydantic import BaseModel

import spanglass
from sample_server import BackgroundServer, Settings

MODEL = os.environ.get("MODEL", "gpt-4o-mini")


class Answer(BaseModel):
    """What the model is to fill in."""

    answer: str
    confidence: float


@spanglass.observe(kind="workflow")
def help_desk(client: openai.OpenAI) -> None:
    """Uses the client as if nobody looked."""
    for chunk in client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "How long do I have to return a jacket?"}],
        stream=True,
    ):
        print(chunk.choices[0].delta.content or "", end="", flush=True)

    parsed = client.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": "How much is express delivery?"}],
        response_format=Answer,
        # The sample server refuses the first attempt.
        extra_headers={"x-sample-fault": "429; retry-after=0.01; times=1"},
    )
    print(f"\n{parsed.choices[0].message.parsed}")

    texts = ["Can I rent snowshoes?", "What is a gift card good for?"]
    vectors = client.embeddings.create(model="text-embedding-3-small", input=texts)
    print(f"{len(vectors.data)} vectors, {spanglass.trace_url()}")


if __name__ == "__main__":
    spanglass.init(service="wrap-openai")
    theirs = os.environ.get("OPENAI_BASE_URL")
    with nullcontext() if theirs else BackgroundServer(Settings()) as bundled:
        key = os.environ.get("OPENAI_API_KEY", "any")
        plain = openai.OpenAI(base_url=bundled.base_url if bundled else theirs, api_key=key)
        # The sample server's address does not tell who it is.
        help_desk(spanglass.wrap(plain, provider=None if theirs else "openai"))
