"""Retrieval, reranking, a guardrail and an evaluator: what each kind of span records.

    spanglass serve &
    python examples/rag_agent.py "Can I rent snowshoes?"

The model is the bundled sample server, started in this process.
"""

import sys
from typing import Any

import openai

import spanglass
from sample_server import BackgroundServer, Settings

SHELF = {
    "returns": "Jackets and tents can be returned within 60 days if they were not used outdoors.",
    "rental": "Snowshoes and ski poles can be rented in both stores, for 15 EUR a day.",
    "shipping": "Express delivery costs 12.50 EUR and arrives on the next working day.",
}


@spanglass.observe(kind="guardrail")
def on_topic(question: str) -> dict[str, Any]:
    """Lets through what is about the shop."""
    return {"passed": "password" not in question.lower(), "rule": "no credentials"}


@spanglass.observe(kind="embedding")
def embed(client: openai.OpenAI, texts: list[str]) -> list[list[float]]:
    """Turns texts into vectors."""
    answer = client.embeddings.create(model="text-embedding-3-small", input=texts)
    return [each.embedding for each in answer.data]


@spanglass.observe(kind="retrieval")
def search(query: str, client: openai.OpenAI, top_k: int = 2) -> list[dict[str, Any]]:
    """Finds the passages that are closest to a question."""
    wanted, *known = embed(client, [query, *SHELF.values()])
    scores = [sum(a * b for a, b in zip(wanted, each, strict=True)) for each in known]
    found = [
        {"id": name, "score": score, "text": text}
        for (name, text), score in zip(SHELF.items(), scores, strict=True)
    ]
    return sorted(found, key=lambda each: -float(str(each["score"])))[:top_k]


@spanglass.observe(kind="rerank")
def rerank(query: str, documents: list[dict[str, Any]], top_k: int = 1) -> list[dict[str, Any]]:
    """Puts first what shares most words with the question."""
    words = set(query.lower().strip("?").split())
    scored = [{**d, "score": len(words & set(d["text"].lower().split()))} for d in documents]
    return sorted(scored, key=lambda each: -each["score"])[:top_k]


@spanglass.observe(kind="evaluator")
def groundedness(answer: str, passage: str) -> dict[str, Any]:
    """Says how much of an answer the passage holds."""
    words = answer.lower().split()
    share = sum(word in passage.lower() for word in words) / max(1, len(words))
    return {"score": share, "label": "grounded" if share > 0.5 else "invented"}


@spanglass.observe(kind="agent")
def answer(question: str, client: openai.OpenAI) -> str:
    """Answers from the shelf, or not at all."""
    if not on_topic(question)["passed"]:
        return "I cannot help with that."
    [best] = rerank(question, search(question, client))
    said = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": f"Documents:\n\n{best['text']}"},
            {"role": "user", "content": question},
        ],
    )
    text = said.choices[0].message.content or ""
    groundedness(text, best["text"])
    return text


if __name__ == "__main__":
    spanglass.init(service="rag-agent")
    asked = " ".join(sys.argv[1:]) or "Can I rent snowshoes?"
    with BackgroundServer(Settings()) as server:
        plain = openai.OpenAI(base_url=server.base_url, api_key="any")
        print(answer(asked, spanglass.wrap(plain, provider="openai")))
