"""What the model says: from the documents in the prompt, else from those it knows."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass

from .knowledge import Finding, Knowledge
from .prompt import Message, Prompt
from .structured import Facts, fill
from .words import stems

# From this share of a question's weight on, a sentence counts as an answer to it.
_ENOUGH = 0.22

_ASKED = re.compile(r"(?:^|\n)\s*(?:user )?question\s*:\s*", re.IGNORECASE)
_CONTEXT = re.compile(r"\b(context|documents?|passages?|sources?|excerpts?)\b", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"\n\s*\n")
_NOT_ALLOWED = re.compile(
    r"\b(card|account) numbers? of|\bhome address of|\banother customer'?s?\b|"
    r"\b(ignore|disregard) (all |any |the |your )*(previous|earlier|above) (instructions|rules)|"
    r"\bsystem prompt\b|\b(build|make) a (bomb|weapon)\b|\bpasswords? (of|for)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W*(hi|hello|hey|good (morning|afternoon|evening)|thanks?|thank you)\b", re.IGNORECASE
)

_OPENERS = ("", "", "Thanks for asking. ", "Good question. ", "Gladly. ", "Here is how it works. ")
_CLOSERS = (
    "",
    "",
    " Let me know if anything is unclear.",
    " Is there anything else I can help you with?",
    " You can find more in our help centre.",
)
_GREETINGS = (
    "Hello, and welcome to Halden Outdoor. What can I help you with?",
    "Hi there! Ask me about returns, shipping, sizing, repairs or our stores.",
)
_UNKNOWN = (
    "I am sorry, I have no information about that. I can help with orders and our stores.",
    "I could not find an answer to that. Our customer service may know more.",
)
_NOT_IN_CONTEXT = (
    "The documents I was given do not say anything about that.",
    "I could not find this in the documents provided, so I would rather not guess.",
)
_REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I can't share or look up information about other people, and I can't change my rules.",
)
#: What it makes up now and then: no document says any of it.
UNGROUNDED = (
    " This also applies to items bought from other retailers.",
    " Customers over 60 get a further discount of 15 percent on this.",
    " You can also arrange it by telephone until midnight.",
    " Since last spring there is no limit on how often you can use it.",
    " We guarantee an answer within one hour.",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole text a model would give without a limit.

    Attributes:
        text: Plain text or JSON, as the prompt asked.
        refused: Whether the text belongs into the refusal field.
    """

    text: str
    refused: bool = False


def question_of(prompt: Prompt) -> str:
    """Return what the user asked last, without the documents around it."""
    for message in reversed(prompt.messages):
        if message.role == "user":
            return _split(message.text)[0]
    return ""


def answer(
    prompt: Prompt, knowledge: Knowledge, ungrounded_rate: float, rng: random.Random
) -> Answer:
    """Return the answer to a prompt.

    Args:
        prompt: The conversation.
        knowledge: What the model knows by itself.
        ungrounded_rate: Share of answers, 0 to 1, that add an unsupported claim.
        rng: Source of wording.
    """
    question = question_of(prompt)
    if "refusal" in prompt.faults or _NOT_ALLOWED.search(question):
        # Hosted models use the refusal field where a schema leaves no room for an apology; in
        # plain text they apologise.
        return Answer(
            rng.choice(_REFUSALS),
            refused=prompt.output.kind == "json_schema" or "refusal" in prompt.faults,
        )
    results = _tool_results(prompt)
    if results:
        text, finding = _from_results(results, rng), Finding(score=1.0)
    elif _GREETING.search(question) and len(stems(question)) < 3:
        text, finding = rng.choice(_GREETINGS), Finding(score=1.0)
    else:
        finding, given = _search(prompt, question, knowledge)
        if finding.score < _ENOUGH:
            finding = Finding()
            text = rng.choice(_NOT_IN_CONTEXT if given else _UNKNOWN)
        else:
            text = rng.choice(_OPENERS) + " ".join(finding.sentences)
            if rng.random() < ungrounded_rate:
                text += rng.choice(UNGROUNDED)
            text += rng.choice(_CLOSERS)
    return Answer(_formed(prompt, text, finding, rng))


def _formed(prompt: Prompt, text: str, finding: Finding, rng: random.Random) -> str:
    if prompt.output.kind == "text":
        return text
    facts = Facts(
        answer=text,
        title=finding.title,
        source=finding.source,
        confidence=round(min(0.99, finding.score), 2),
    )
    if prompt.output.kind == "json_schema":
        return json.dumps(fill(prompt.output.schema or {}, facts, rng), ensure_ascii=False)
    body = {"answer": text, "source": facts.source or None, "confidence": facts.confidence}
    return json.dumps(body, ensure_ascii=False)


def _search(prompt: Prompt, question: str, knowledge: Knowledge) -> tuple[Finding, bool]:
    """Search the prompt's own documents, else the model's; say whether the prompt had any."""
    texts = _documents(prompt.messages)
    if texts:
        return knowledge.find_in(question, texts), True
    finding = knowledge.find(question)
    if finding.score < _ENOUGH:
        # "And how long does that take?" means what was asked before.
        earlier = [_split(m.text)[0] for m in prompt.messages if m.role == "user"][-2:-1]
        finding = max(
            [finding, *(knowledge.find(f"{asked} {question}") for asked in earlier)],
            key=lambda found: found.score,
        )
    return finding, False


def _documents(messages: tuple[Message, ...]) -> list[str]:
    """Return the passages that came with the question, if it came with any."""
    texts = [m.text for m in messages if m.role == "system"]
    users = [m.text for m in messages if m.role == "user"]
    if users:
        texts.append(_split(users[-1])[1])
    passages = [p for text in texts for p in _PARAGRAPHS.split(text) if len(p) > 120]
    marked = any(_CONTEXT.search(text) for text in texts)
    return passages if marked else []


def _split(text: str) -> tuple[str, str]:
    """Split a user's message into the question and the text around it."""
    parts = _ASKED.split(text)
    if len(parts) > 1:
        question = _PARAGRAPHS.split(parts[-1].strip(), maxsplit=1)
        around = "\n\n".join([*parts[:-1], *question[1:]])
        return question[0].strip(), around
    paragraphs = [p for p in _PARAGRAPHS.split(text) if p.strip()]
    if len(paragraphs) > 1:
        return paragraphs[-1].strip(), "\n\n".join(paragraphs[:-1])
    return text.strip(), ""


def _tool_results(prompt: Prompt) -> list[Message]:
    """Return the tool messages that answer calls made since the user last spoke."""
    results: list[Message] = []
    for message in reversed(prompt.messages):
        if message.role == "tool":
            results.append(message)
        elif message.role == "user":
            break
    return results[::-1]


def _from_results(results: list[Message], rng: random.Random) -> str:
    said = [_in_words(result.text) for result in results]
    opener = rng.choice(("I looked that up. ", "Here is what I found. ", "I have checked. "))
    return opener + " ".join(said) + rng.choice(_CLOSERS)


def _in_words(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return _ended(text.strip() or "The tool gave no result")
    if isinstance(value, dict):
        if value.get("error"):
            return _ended(f"Unfortunately that did not work: {value['error']}")
        named = [
            f"{str(key).replace('_', ' ')} is {_plain(item)}"
            for key, item in value.items()
            if item is not None
        ]
        sentence = ", ".join(named) if named else "there is nothing on record"
        return _ended(f"The {sentence}")
    return _ended(f"The result is {_plain(value)}")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return str(value)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
