"""Answers from documents, and what readers thought of them.

    spanglass serve &
    python examples/rag_with_feedback/app.py

What was found is recorded with its scores, so that Spanglass can say half a minute later whether
the answer is grounded in it. The reader's thumb belongs to the trace, whichever process gives it.
"""

import re
from typing import Any

import openai

import spanglass
from sample_server import BackgroundServer, Settings

DOCUMENTS = {
    "returns": "Boots and jackets can be returned within 60 days, unworn, with the receipt.",
    "delivery": "Express delivery costs 12.50 EUR and arrives on the next working day.",
    "rental": "Snowshoes can be rented in both stores for 15 EUR a day.",
}


@spanglass.observe(kind="retrieval")
def search(question: str, top_k: int = 2) -> list[dict[str, Any]]:
    """The documents that share most words with the question."""
    asked = set(re.findall(r"\w+", question.lower()))
    scored = [
        {"id": name, "text": text, "score": len(asked & set(re.findall(r"\w+", text.lower())))}
        for name, text in DOCUMENTS.items()
    ]
    return sorted(scored, key=lambda each: -int(str(each["score"])))[:top_k]


@spanglass.observe
def answer(question: str, client: openai.OpenAI) -> tuple[str, str]:
    """The answer, and the trace that it belongs to."""
    found = "\n\n".join(each["text"] for each in search(question))
    said = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": f"Answer from these documents.\n\nDocuments:\n\n{found}"},
            {"role": "user", "content": question},
        ],
    )
    return said.choices[0].message.content or "", spanglass.current_trace_id() or ""


if __name__ == "__main__":
    spanglass.init(service="rag-with-feedback")
    with BackgroundServer(Settings()) as server:
        client = spanglass.wrap(
            openai.OpenAI(base_url=server.base_url, api_key="any"), provider="openai"
        )
        for number, question in enumerate(("How long can I return boots?", "What is express?")):
            with spanglass.context(session_id="s-1", user_id="u-1"):
                text, trace_id = answer(question, client)
            print(text)
            # Later, from the page that shows the answer:
            spanglass.feedback(trace_id=trace_id, thumbs="up" if number == 0 else "down")
    spanglass.flush()
