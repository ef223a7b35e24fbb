"""A FastAPI service that streams its answers.

    spanglass serve &
    python examples/streaming_fastapi/app.py
    curl -N 'http://127.0.0.1:8000/ask?question=How+long+can+I+return+boots%3F'

The trace of a request is one tree: the request, the call of the model, and the time until its first
token, although the answer leaves after the function has returned. Callers that send `traceparent`
are continued. The model is the bundled sample server unless `OPENAI_BASE_URL` names another.
`--once` asks one question and ends.
"""

import argparse
import os
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import nullcontext

import openai
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import spanglass
from sample_server import BackgroundServer, Settings
from spanglass.middleware import ASGIMiddleware

app = FastAPI()
app.add_middleware(ASGIMiddleware)


@app.get("/ask")
async def ask(question: str, user: str = "u-1") -> StreamingResponse:
    """Streams an answer as it comes."""
    return StreamingResponse(pieces(question, user), media_type="text/plain")


@spanglass.observe(name="answer")
async def pieces(question: str, user: str) -> AsyncIterator[str]:
    """The answer, piece by piece."""
    with spanglass.context(user_id=user, feature="ask"):
        stream = await app.state.client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": question}], stream=True
        )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def ask_once(port: int) -> None:
    """What `curl` would do."""
    query = urllib.parse.urlencode({"question": "How long can I return boots?"})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ask?{query}") as answer:
        print(answer.read().decode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    spanglass.init(service="streaming-fastapi")
    theirs = os.environ.get("OPENAI_BASE_URL")
    with nullcontext() if theirs else BackgroundServer(Settings()) as bundled:
        plain = openai.AsyncOpenAI(
            base_url=bundled.base_url if bundled else theirs,
            api_key=os.environ.get("OPENAI_API_KEY", "any"),
        )
        app.state.client = spanglass.wrap(plain, provider="openai")
        server = uvicorn.Server(uvicorn.Config(app, port=given.port, log_level="warning"))
        if not given.once:
            server.run()
        else:
            thread = threading.Thread(target=server.run)
            thread.start()
            while not server.started:
                time.sleep(0.01)
            ask_once(server.servers[0].sockets[0].getsockname()[1])
            server.should_exit = True
            thread.join()
    spanglass.flush()
