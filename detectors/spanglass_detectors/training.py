"""Examples as rows for fine-tuning: without personal data, without duplicates, with consent.

Formats: `openai`, chats as OpenAI's fine-tuning takes them; `hf-chat`, the same with ids, as
Hugging Face's TRL takes conversations; `dpo`, a prompt with a better and a worse answer (TRL's
preference format).

Source: R. Rafailov et al., "Direct Preference Optimization" (2023), for pairs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from spanglass.evaluation import Example
from spanglass.redaction import Redactor
from spanglass_detectors.duplicates import near_duplicates

Format = Literal["openai", "hf-chat", "dpo"]
FORMATS: Final[tuple[Format, ...]] = ("openai", "hf-chat", "dpo")
#: Where the metadata of an item has the answer that was given, when a better one is expected.
REJECTED: Final = "answered"
#: Flags in an item's metadata that keep it out where they are false.
CONSENT: Final = ("consent", "training_allowed")
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass
class Exported:
    """Rows, and what was left out or changed.

    Attributes:
        rows: by split; items without one are in `train`.
        left_out: how many items, by the reason.
        redacted: how many entities were replaced, by name.
        licences: of the items that name one in their metadata (`license` or `licence`).
    """

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Rows of all splits."""
        return sum(map(len, self.rows.values()))


def exported(
    examples: Sequence[Example],
    form: Format,
    redact: bool = True,
    threshold: float | None = 0.8,
    licences: Sequence[str] = (),
) -> Exported:
    """Rows of examples, in their order.

    Args:
        examples: with expected outputs; for `dpo` with a worse answer in their metadata.
        form: of the rows.
        redact: whether personal data and secrets are replaced by their names.
        threshold: share of common runs of three words from which of two rows the later is left
            out; None for none.
        licences: items that name another one are left out; empty for all.
    """
    found = Exported()
    redactor = Redactor()
    made: list[tuple[Example, dict[str, Any]]] = []
    for each in examples:
        reason, row = _row(each, form, licences)
        if row is None:
            found.left_out[reason] += 1
            continue
        if redact:
            row = redactor.redact_value(row, found.redacted)
        made.append((each, row))
    copies: set[int] = set()
    if threshold is not None:
        texts = [json.dumps(list(row.values()), ensure_ascii=False) for _, row in made]
        copies = {pair.second for pair in near_duplicates(texts, threshold)}
        found.left_out["nearly the same as another"] += len(copies)
    for place, (each, row) in enumerate(made):
        if place in copies:
            continue
        if form == "hf-chat":
            row = {"id": each.key, **row}
        found.rows.setdefault(each.split or "train", []).append(row)
        if licence := _licence(each.metadata):
            found.licences[licence] += 1
    found.left_out = +found.left_out
    return found


def card(name: str, version: int, form: Format, found: Exported, redact: bool) -> str:
    """A data card: what the rows are, where they come from, and what was done to them."""
    splits = [f"| `{split}.jsonl` | {len(rows):,} |" for split, rows in sorted(found.rows.items())]
    left = [f"- {count:,}: {why}" for why, count in found.left_out.most_common()]
    replaced = [f"- {count:,} {entity}" for entity, count in sorted(found.redacted.items())]
    licences = [f"- {count:,}: {each}" for each, count in found.licences.most_common()]
    how = (
        "Addresses, numbers, keys and other data with a form were replaced by their names. Names of"
        " people and what has no form pass: read the rows before they leave."
        if redact
        else "Nothing was replaced: the rows hold what people and models wrote."
    )
    parts = [
        f"# {name}", f"Version {version} of the dataset `{name}`, in the format `{form}`.",
        "| file | rows |\n| --- | --- |\n" + "\n".join(splits),
        "## Personal data", how, *(["\n".join(replaced)] if replaced else []),
        "## Left out", "\n".join(left) or "Nothing.",
        "## Licences", "\n".join(licences) or "No item names a licence.",
        "## Consent", f"Items whose metadata has {' or '.join(CONSENT)} as false were left out.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _row(
    example: Example, form: Format, licences: Sequence[str]
) -> tuple[str, dict[str, Any] | None]:
    """A row, or why there is none."""
    if any(example.metadata.get(name) is False for name in CONSENT):
        return "no consent", None
    if licences and _licence(example.metadata) not in ("", *licences):
        return "another licence", None
    if example.expected is None:
        return "no expected output", None
    prompt = chat(example.input)
    right = _answer(example.expected)
    if prompt is None or right is None:
        return "no chat", None
    if form != "dpo":
        return "", {"messages": [*prompt, right]}
    worse = _answer(example.metadata.get(REJECTED))
    if worse is None or worse == right:
        return "no worse answer", None
    return "", {"prompt": prompt, "chosen": [right], "rejected": [worse]}


def chat(given: Any) -> list[dict[str, Any]] | None:
    """An input as messages of a chat; None where it can't be one."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if isinstance(given, Mapping) and isinstance(given.get("messages"), list):
        return chat(given["messages"])
    if isinstance(given, Mapping) and "role" in given:
        return chat([given])
    if isinstance(given, Mapping):
        if len(given) == 1:
            return chat(next(iter(given.values())))
        return chat("\n".join(f"{key}: {_text(value)}" for key, value in given.items()))
    if not isinstance(given, list) or not given:
        return None
    messages = [_message(each) for each in given]
    return None if None in messages else [each for each in messages if each is not None]


def _message(given: Any) -> dict[str, Any] | None:
    if not isinstance(given, Mapping) or given.get("role") not in _ROLES:
        return None
    content = given.get("content", given.get("parts"))
    if isinstance(content, list):
        texts = [
            each if isinstance(each, str) else each.get("text", each.get("content"))
            for each in content
            if isinstance(each, str | Mapping)
        ]
        content = "\n".join(each for each in texts if isinstance(each, str))
    made: dict[str, Any] = {"role": given["role"], "content": content}
    made |= {key: given[key] for key in ("tool_calls", "tool_call_id", "name") if given.get(key)}
    if not isinstance(content, str) and "tool_calls" not in made:
        return None
    return made


def _answer(given: Any) -> dict[str, Any] | None:
    if given is None or given == "":
        return None
    if isinstance(given, list) and given:
        given = given[-1]
    if isinstance(given, Mapping) and "role" in given:
        found = _message(given)
        return found if found is not None and found["role"] == "assistant" else None
    return {"role": "assistant", "content": _text(given)}


def _licence(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("license") or metadata.get("licence") or "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
