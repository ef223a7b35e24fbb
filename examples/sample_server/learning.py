"""A model that learns from its prompt: it sorts into categories as the examples shown do, and
writes other instructions where it is asked to.

What it does depends on the prompt in two ways that are known beforehand, so that a search for
better prompts has an optimum to find: it names a category only if it was shown a similar example
of it, and it leaves words around the name away only if the instructions say "only".
"""

from __future__ import annotations

import random
import re
from itertools import pairwise

from .prompt import Prompt
from .words import stems

_SORTS = re.compile(r"\b(classif(y|ies)|categor(y|ies|ise|ize))\b", re.IGNORECASE)
_ONLY = re.compile(r"\b(only|nothing else)\b", re.IGNORECASE)
_REWRITES = re.compile(r"\brewrite the instructions\b", re.IGNORECASE)
_INSTRUCTIONS = re.compile(r"<instructions>\s*(.*?)\s*</instructions>", re.DOTALL)
_SENTENCES = (
    "Be friendly.",
    "Answer with the category only.",
    "Take a moment to think.",
    "Be brief.",
    "Do not guess.",
    "Use plain words.",
)


def rewritten(prompt: Prompt, rng: random.Random) -> str | None:
    """Other instructions; None where nobody asks for them."""
    last = prompt.messages[-1].text if prompt.messages else ""
    if not _REWRITES.search(last):
        return None
    found = _INSTRUCTIONS.search(last)
    before = found.group(1) if found else ""
    return f"<instructions>\n{before} {rng.choice(_SENTENCES)}\n</instructions>"


def category(prompt: Prompt) -> str | None:
    """The category of what was asked last; None where the instructions ask for none."""
    instructions = " ".join(each.text for each in prompt.messages if each.role == "system")
    if not _SORTS.search(instructions) or not prompt.messages:
        return None
    asked = set(stems(prompt.messages[-1].text))
    turns = prompt.messages[:-1]
    nearest, shared = "", 0
    for question, answer in pairwise(turns):
        if question.role == "user" and answer.role == "assistant":
            common = len(asked & set(stems(question.text)))
            if common > shared:
                nearest, shared = answer.text, common
    said = nearest or "general"
    return said if _ONLY.search(instructions) else f"This looks like {said} to me."
