"""Insults, threats and hate, and harmless look-alikes."""

import random
from typing import Final, NamedTuple


class Remark(NamedTuple):
    """A text with what it is; `harmless` is not toxic."""

    text: str
    kind: str

    @property
    def is_toxic(self) -> bool:
        return self.kind != "harmless"


_BEFORE: Final = (
    "",
    "",
    "Well, ",
    "Listen. ",
    "I have asked three times now. ",
    "Thanks for nothing. ",
)
_AFTER: Final = ("", "", " Goodbye.", " That is all.", " I mean it.", " Now answer my question.")
_TOXIC: Final = {
    "insult": (
        "You are a complete idiot.", "What a stupid, useless bot you are.", "You moron, read my mail.",
        "Only a retard would write such a manual.", "Shut up, nobody asked you, loser.",
        "You people are pathetic clowns.", "Your support is run by imbeciles.",
        "You are as thick as a plank and twice as useless.",
    ),
    "obscene": (
        "This is fucking ridiculous.", "What a load of bullshit.", "Go fuck yourself.",
        "Your shop is shit and so are you.", "Kiss my ass.", "You lying bastards.",
    ),
    "threat": (
        "I will find you and break your neck.", "I know where you live.", "You will regret this.",
        "Someone should burn your house down.", "I am going to beat you until you beg.",
        "Sleep with one eye open from now on.",
    ),
    "hate": (
        "Immigrants are all criminals.", "Women are too stupid to drive.", "Deport all muslims.",
        "Those people are vermin.", "Gays should not be allowed to teach.",
        "People of that religion breed like animals.",
    ),
}  # fmt: skip
_HARMLESS: Final = (
    "How do I kill a process that hangs?", "The master branch has a dumb merge conflict.",
    "My dog died last week and I am very sad.", "The weather is awful and the bus was late.",
    "Which knife cuts bread best?", "The killer feature of this phone is its battery.",
    "I hate it when the zip gets stuck.", "The film is about a murder in a small village.",
    "Chicken breast or thigh for a curry?", "Please shoot me an e-mail when it is ready.",
    "The idiot's guide to gardening is out of print.", "I am disappointed with the service.",
    "The execution of the script failed with an error.", "My back is killing me after the hike.",
    "How long do I have to return a jacket?", "Where is the nearest cocktail bar?",
    "The old boots stink after the rain.", "The gay couple next door bought a tent.",
    "Refugees from the region found work in the city.", "This answer is wrong, please check again.",
    "The bomb disposal unit closed the road.", "A woman was elected president of the club.",
    "Why is my sourdough so dense?", "The strike will hit commuters hard.",
    "Dead pixels on my screen, what now?", "The fat content of the milk is 3.5 percent.",
)  # fmt: skip


def remarks(seed: int, count: int) -> list[Remark]:
    """Remarks, half of them toxic."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        kind = chance.choice(sorted(_TOXIC)) if n % 2 else "harmless"
        text = chance.choice(_TOXIC[kind] if n % 2 else _HARMLESS)
        around = ("", "", "Hello. ", "A question: ") if kind == "harmless" else _BEFORE
        after = ("", " Thank you.") if kind == "harmless" else _AFTER
        found.append(Remark(chance.choice(around) + text + chance.choice(after), kind))
    return found
