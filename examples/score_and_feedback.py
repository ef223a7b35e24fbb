"""Scores of an answer: by code at once, by its reader later, and by a link.

    spanglass serve &
    python examples/score_and_feedback.py

The ids are stored with the answer. Whoever knows them can score it in another process, a week
later.
"""

import os

import spanglass

# A database, for this example.
ANSWERS: dict[str, spanglass.Ids] = {}


@spanglass.observe(kind="agent")
def answer(question: str) -> str:
    """Answers, scores the answer, and remembers whose it was."""
    text = "Within 60 days, if it was not used outdoors."
    spanglass.score("exact_match", "60 days" in text)
    spanglass.score("relevance", 0.8, evaluator="overlap-v1", comment="names no shop")
    spanglass.score("language", "en")
    ANSWERS[question] = spanglass.current_ids()
    link = spanglass.feedback_link(expires_in_s=7 * 86_400)
    print("link:", link and link.partition("/feedback/")[0] + "/feedback/…")
    return text


def rate(question: str, stars: int, correction: str = "") -> str | None:
    """What the web application calls when somebody clicks."""
    ids = ANSWERS[question]
    return spanglass.feedback(
        rating=stars,
        rating_scale=(1, 5),
        correction=correction or None,
        trace_id=ids.trace_id,
        span_id=ids.span_id,
    )


if __name__ == "__main__":
    spanglass.init(
        service="score-and-feedback",
        # From a vault, and the same one at the collector.
        feedback_secret=os.environ.get("SPANGLASS_FEEDBACK_SECRET", "only-for-this-example"),
    )
    with spanglass.context(session_id="s-17"):
        answer("How long can I return a jacket?")
    rate("How long can I return a jacket?", 4, "60 days, with the receipt.")
    spanglass.score("task_success", True, session_id="s-17", source="human", evaluator="support")
    spanglass.flush()
    print(f"{spanglass.stats().scores.accepted} scores given")
