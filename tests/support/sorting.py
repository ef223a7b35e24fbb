"""A task whose best prompt is known: sort what customers write into four categories.

The sample server's model names a category only if the prompt shows an example of it, and names it
alone only if the instructions say so. So the best prompt shows one example of each category, and
says "only"; it gets everything right. The prompt as it is gets nothing right.
"""

from typing import Any, Final

WORDS: Final = {
    "returns": "refund",
    "repairs": "broken",
    "delivery": "parcel",
    "fitting": "size",
}
PROMPT: Final[dict[str, Any]] = {
    "template": [
        {"role": "system", "content": "Classify what the customer writes."},
        {"role": "user", "content": "{{message}}"},
    ],
    "model": {"name": "sample-chat"},
}


def examples(count: int = 72) -> list[dict[str, Any]]:
    """Examples, by turns of each category."""
    found = []
    for number in range(count):
        label = list(WORDS)[number % len(WORDS)]
        # No two share an article: only the word of the category makes them alike.
        found.append({"input": {"message": f"{WORDS[label]} X{number:03}"}, "expected": label})
    return found


def is_right(example: Any, output: Any) -> bool:
    """Whether the category was named, and nothing else."""
    return bool(output == example.expected)
