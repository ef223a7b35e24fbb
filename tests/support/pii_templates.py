"""Labelled texts from templates whose author had not seen the rules that they test.

The templates stand in `pii_templates.json`: `{EMAIL_ADDRESS}` and the like are places for values,
`<<…>>` what looks like one and is none (`#` a digit, `@` and `%` letters, `~` a hexadecimal digit).
"""

import json
import random
import re
import string
from pathlib import Path
from typing import Final

from support.pii_texts import VALUES, Labelled

_PLACE: Final = re.compile(rf"\{{({'|'.join(VALUES)})\}}|<<(.*?)>>")
_DRAWN: Final = {
    "#": string.digits,
    "@": string.ascii_uppercase,
    "%": string.ascii_lowercase,
    "~": "0123456789abcdef",
}


def unseen(seed: int, times: int) -> list[Labelled]:
    """Every template several times, each time with other values.

    Args:
        seed: of what is drawn.
        times: how often.
    """
    chance = random.Random(seed)
    templates = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return [_filled(each, chance) for each in templates for _ in range(times)]


def _filled(template: dict[str, str], chance: random.Random) -> Labelled:
    made, labels, at = "", [], 0
    text = template["text"]
    for place in _PLACE.finditer(text):
        entity, pattern = place.groups()
        made += text[at : place.start()]
        value = VALUES[entity](chance) if entity else _decoy(pattern, chance)
        if entity:
            labels.append((len(made), len(made) + len(value), entity))
        made += value
        at = place.end()
    return Labelled(made + text[at:], tuple(labels), template["style"])


def _decoy(pattern: str, chance: random.Random) -> str:
    return "".join(chance.choice(_DRAWN[each]) if each in _DRAWN else each for each in pattern)
