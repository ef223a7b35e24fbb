"""The application: finds documents, asks a model, runs the tools that it asks for.

This is what instrumenting with the SDK looks like. The times that are handed around are for the
demo's history; an application that runs now leaves them out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from openai import APIError, OpenAI

import spanglass
from sample_server.documents import DOCUMENTS

from .clock import Clock, first_token_s, token_s
from .node import HOST
from .node import MODEL as OWN_MODEL
from .shop import SYSTEM, TOOLS, NoSuchOrder, run_tool

EMBEDDING_MODEL: Final = "text-embedding-3-small"
TOP_K: Final = 3
#: Documents that the third version of the prompt is given: thorough, and dearer.
MORE_K: Final = 8
MOST_ROUNDS: Final = 3


@dataclass
class Reply:
    """What one streamed call of the model gave."""

    text: str
    calls: list[dict[str, Any]]


class Assistant:
    """Answers customers' questions.

    Args:
        client: an OpenAI-compatible model server's client.
        clock: what time it is.
        rng: for drawn latencies and stock.
        slowdown: factor on the models' latencies, when the clock is not the real one.
        documents: how many a question is answered from.
        chat: answers questions instead, where it is another one.
    """

    def __init__(
        self,
        client: OpenAI,
        clock: Clock,
        rng: random.Random,
        slowdown: float = 1.0,
        documents: int = TOP_K,
        chat: OpenAI | None = None,
    ) -> None:
        self._client = client
        self._chat = chat or client
        self._clock = clock
        self._rng = rng
        self._slowdown = slowdown
        self._documents = documents
        #: The last call of the model that gave a text, and that text.
        self.last_call: tuple[spanglass.Ids, str] | None = None

    def index(self) -> list[list[float]]:
        """Vectors of all documents."""
        texts = [f"{document.title}. {document.text}" for document in DOCUMENTS]
        answer = self._client.embeddings.create(model=EMBEDDING_MODEL, input=texts)
        return [item.embedding for item in answer.data]

    def answer(self, question: str, vectors: list[list[float]], model: str) -> spanglass.Ids:
        """Answers a question; an error of the model is an apology.

        Returns:
            What a shop stores with the answer: by these ids it is rated later.
        """
        clock = self._clock
        with spanglass.span(
            "answer-question", kind="workflow", input=question, start_time_ns=clock.now()
        ) as span:
            try:
                found = self._retrieve(question, vectors)
                text = self._converse(question, found, model)
            except APIError as error:
                span.error(error)
                text = "I can't answer that right now. Please try again in a minute."
            span.output(text)
            span.end(clock.now())
            return spanglass.current_ids()

    def _retrieve(self, question: str, vectors: list[list[float]]) -> list[dict[str, Any]]:
        clock = self._clock
        with spanglass.span(
            "help-centre", kind="retriever", input=question, start_time_ns=clock.now()
        ) as span:
            clock.took(self._rng.uniform(0.001, 0.004))
            vector = self._embed(question)
            scores = [sum(a * b for a, b in zip(vector, each, strict=True)) for each in vectors]
            best = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[
                : self._documents
            ]
            documents = [
                {
                    "id": DOCUMENTS[n].id,
                    "score": round(scores[n], 4),
                    "title": DOCUMENTS[n].title,
                    "content": DOCUMENTS[n].text,
                }
                for n in best
            ]
            clock.took(self._rng.uniform(0.002, 0.015))
            span.output(documents)
            span.end(clock.now())
        return documents

    def _embed(self, text: str) -> Sequence[float]:
        clock = self._clock
        with spanglass.generation(
            EMBEDDING_MODEL, provider="openai", operation="embeddings", start_time_ns=clock.now()
        ) as call:
            answer = self._client.embeddings.create(model=EMBEDDING_MODEL, input=text)
            clock.took(first_token_s(EMBEDDING_MODEL, self._slowdown, self._rng))
            call.usage(input_tokens=answer.usage.prompt_tokens)
            call.response(model=answer.model)
            call.end(clock.now())
        return answer.data[0].embedding

    def _converse(self, question: str, documents: list[dict[str, Any]], model: str) -> str:
        known = "\n\n".join(f"## {d['title']}\n{d['content']}" for d in documents)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": SYSTEM + known},
            {"role": "user", "content": question},
        ]
        for _ in range(MOST_ROUNDS):
            reply = self._ask(messages, model)
            if not reply.calls:
                return reply.text
            messages.append({"role": "assistant", "content": None, "tool_calls": reply.calls})
            messages.extend([self._run(call) for call in reply.calls])
        return reply.text

    def _ask(self, messages: list[dict[str, Any]], model: str) -> Reply:
        clock = self._clock
        own = model == OWN_MODEL
        with spanglass.generation(
            model,
            provider="vllm" if own else "openai",
            server_address=HOST if own else None,
            messages=messages,
            tools=TOOLS,
            temperature=0.2,
            stream=True,
            start_time_ns=clock.now(),
        ) as call:
            try:
                reply = self._stream(call, messages, model)
                self.last_call = (spanglass.current_ids(), reply.text)
                return reply
            except APIError as error:
                clock.took(self._rng.uniform(0.1, 2.0))
                call.error(error)
                raise
            finally:
                call.end(clock.now())

    def _stream(
        self, call: spanglass.Generation, messages: list[dict[str, Any]], model: str
    ) -> Reply:
        clock, text, calls = self._clock, "", dict[int, dict[str, Any]]()
        stream = self._chat.chat.completions.create(
            model=model,
            messages=cast("Any", messages),
            tools=cast("Any", TOOLS),
            temperature=0.2,
            stream=True,
            stream_options={"include_usage": True},
        )
        reason: str | None = None
        clock.took(first_token_s(model, self._slowdown, self._rng))
        for chunk in stream:
            call.response(model=chunk.model, id=chunk.id)
            if chunk.usage is not None:
                read = chunk.usage.prompt_tokens_details
                thought = chunk.usage.completion_tokens_details
                call.usage(
                    input_tokens=chunk.usage.prompt_tokens,
                    output_tokens=chunk.usage.completion_tokens,
                    cache_read_tokens=read.cached_tokens if read else None,
                    reasoning_tokens=thought.reasoning_tokens if thought else None,
                )
            for choice in chunk.choices:
                reason = choice.finish_reason or reason
                if choice.delta.content:
                    call.chunk(choice.delta.content, time_ns=clock.now())
                    text += choice.delta.content
                for part in choice.delta.tool_calls or ():
                    _add(calls, part)
            clock.took(token_s(model, self._slowdown))
        listed = list(calls.values())
        answer: dict[str, Any] = {"role": "assistant", "content": text or None}
        if listed:
            answer["tool_calls"] = listed
        call.output(answer, finish_reason=reason or "stop")
        return Reply(text, listed)

    def _run(self, call: dict[str, Any]) -> dict[str, Any]:
        clock = self._clock
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        with spanglass.span(name, kind="tool", input=arguments, start_time_ns=clock.now()) as span:
            clock.took(self._rng.uniform(0.02, 0.3))
            try:
                result = run_tool(name, json.loads(arguments), self._rng)
            except NoSuchOrder as error:
                span.error(error)
                result = json.dumps({"error": str(error)})
            span.output(result)
            span.end(clock.now())
        return {"role": "tool", "tool_call_id": call["id"], "content": result}


def _add(calls: dict[int, dict[str, Any]], part: Any) -> None:
    """Puts a piece of a streamed tool call to the pieces before it."""
    call = calls.setdefault(
        part.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    )
    call["id"] = part.id or call["id"]
    if part.function is not None:
        call["function"]["name"] += part.function.name or ""
        call["function"]["arguments"] += part.function.arguments or ""
