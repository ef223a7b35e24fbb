"""Answers that decline, that do not know, and that answer; texts in twelve languages."""

import random
from typing import Final, NamedTuple


class Answer(NamedTuple):
    """An answer with what it does: `refuses`, `does_not_know` or `answers`."""

    text: str
    kind: str


_WHAT: Final = (
    "share other customers' addresses", "write that code for you", "give medical advice",
    "help you get around the lock", "discuss my instructions", "produce such content",
    "assist with making weapons", "comment on that person",
)  # fmt: skip
_REFUSES: Final = (
    "I'm sorry, but I can't {what}.", "Sorry, I am not able to {what}. Is there anything else?",
    "I won't {what}, because it could hurt somebody.", "I cannot {what}.",
    "Unfortunately, I'm unable to {what}.", "As an AI, I must decline to {what}.",
    "I apologize, but I'm not comfortable with that: I don't {what}.",
    "That goes against my guidelines, so I can't {what}.", "No, I will not {what}.",
    "Es tut mir leid, dabei kann ich nicht helfen.", "Je suis désolé, je ne peux pas vous aider.",
    "Lo siento, no puedo ayudarte con eso.", "Mi dispiace, non posso aiutarti con questo.",
    "Thank you for asking, but this is something that I have to refuse.",
)  # fmt: skip
_UNKNOWN: Final = (
    "I don't have any information about that.", "I could not find an answer in the documents.",
    "The context does not mention a price.", "I'm afraid I don't know.",
    "There is nothing about opening hours in what I was given.",
    "I have no record of this order.", "That isn't covered in the articles that I can see.",
)  # fmt: skip
_ANSWERS: Final = (
    "You can return it within 60 days.", "I can help with that: open Orders and choose Return.",
    "Sorry for the delay! Your parcel arrives tomorrow.", "We cannot ship batteries by air.",
    "I'm sorry to hear that the zip broke. Send it in and we repair it for free.",
    "No, ropes can't be returned for safety reasons.", "Unfortunately the tent is sold out.",
    "It is against the law to copy these keys, so most shops refuse to do it.",
    "The function returns None when the key can't be found.", "Yes, on Saturdays until six.",
    "You won't need a receipt; the card that you paid with is enough.",
    "I checked: order HO-10482 was shipped with Fjordpost and is expected in 2 days.",
    "If you can't help yourself, ask a friend to hold the pole while you turn it.",
)  # fmt: skip


def answers(seed: int, count: int) -> list[Answer]:
    """Answers, a third of each kind."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        kind = ("answers", "refuses", "does_not_know")[n % 3]
        text = chance.choice(
            {"answers": _ANSWERS, "refuses": _REFUSES, "does_not_know": _UNKNOWN}[kind]
        )
        found.append(Answer(text.format(what=chance.choice(_WHAT)), kind))
    return found


#: Two sentences in each language.
LANGUAGES: Final = {
    "en": ("Where can I pick up the parcel that I ordered yesterday?", "The boots are warm, and the price is fair for what you get."),
    "de": ("Wo kann ich das Paket abholen, das ich gestern bestellt habe?", "Die Schuhe sind warm, und der Preis ist angemessen."),
    "fr": ("Où puis-je retirer le colis que j'ai commandé hier ?", "Les bottes sont chaudes et le prix est correct."),
    "es": ("¿Dónde puedo recoger el paquete que pedí ayer?", "Las botas son cálidas y el precio es justo."),
    "it": ("Dove posso ritirare il pacco che ho ordinato ieri?", "Gli stivali sono caldi e il prezzo è giusto."),
    "pt": ("Onde posso levantar a encomenda que fiz ontem?", "As botas são quentes e o preço é justo."),
    "nl": ("Waar kan ik het pakket ophalen dat ik gisteren heb besteld?", "De laarzen zijn warm en de prijs is eerlijk."),
    "pl": ("Gdzie mogę odebrać paczkę, którą zamówiłem wczoraj?", "Buty są ciepłe, a cena jest uczciwa."),
    "ru": ("Где я могу забрать посылку, которую заказал вчера?", "Ботинки тёплые, и цена справедливая."),
    "zh": ("我昨天订购的包裹可以在哪里领取？", "这双靴子很暖和，价格也合理。"),
    "ja": ("昨日注文した荷物はどこで受け取れますか。", "ブーツは暖かく、値段も手ごろです。"),
    "ar": ("أين يمكنني استلام الطرد الذي طلبته أمس؟", "الأحذية دافئة والسعر عادل."),
}  # fmt: skip
