"""Labelled texts, generated: values that are valid and nobody's, in templates of several styles.

The templates were written beside the rules, not by somebody who had not seen them: what is measured on
them is less than what real traffic asks.
"""

import json
import random
import string
from collections.abc import Callable
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberFormat


class Labelled(NamedTuple):
    """A text, and what is in it: start, end and entity."""

    text: str
    labels: tuple[tuple[int, int, str], ...]
    style: str


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice(string.digits) for _ in range(count))


def _token(chance: random.Random, count: int) -> str:
    return "".join(chance.choice(string.ascii_letters + string.digits) for _ in range(count))


def email(chance: random.Random) -> str:
    name = chance.choice(("ana.marsh", "kim_99", "o'neil", "bo+shop", "d.h.lind", "info", "x1"))
    host = chance.choice(
        ("example.com", "mail.example.org", "example.co.uk", "sub-domain.example.net")
    )
    return f"{name}@{host}"


def card(chance: random.Random) -> str:
    prefix, length = chance.choice(
        (("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16))
    )
    body = prefix + _digits(chance, length - len(prefix) - 1)
    total = sum(
        sum(divmod(int(digit) * (1 + (place % 2 == 0)), 10))
        for place, digit in enumerate(reversed(body))
    )
    number = body + str(-total % 10)
    sizes = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return chance.choice(("", " ", "-")).join(parts)


def iban(chance: random.Random) -> str:
    country, letters, digits = chance.choice(
        (("DE", "", 18), ("GB", "WEST", 14), ("NL", "ABNA", 10), ("ES", "", 20), ("FR", "", 23))
    )
    body = letters + _digits(chance, digits)
    number = "".join(str(int(each, 36)) for each in body + country + "00")
    code = f"{country}{98 - int(number) % 97:02d}{body}"
    return (
        code
        if chance.random() < 0.5
        else " ".join(code[at : at + 4] for at in range(0, len(code), 4))
    )


def phone(chance: random.Random) -> str:
    region = chance.choice(("US", "GB", "DE", "FR", "IN", "ES", "BR"))
    while True:
        example = phonenumbers.example_number_for_type(
            region,
            chance.choice(
                (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
            ),
        )
        text = str(example.national_number)
        text = text[:-4] + _digits(chance, 4)
        number = phonenumbers.PhoneNumber(
            country_code=example.country_code, national_number=int(text)
        )
        if phonenumbers.is_valid_number_for_region(number, region):
            break
    form = chance.choice(
        (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL)
    )
    return phonenumbers.format_number(number, form)


def ip(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return f"2001:db8:{chance.randrange(1 << 16):x}::{chance.randrange(1, 1 << 16):x}"
    return f"203.0.113.{chance.randrange(1, 255)}"


def ssn(chance: random.Random) -> str:
    return f"{chance.randrange(1, 665):03d}-{chance.randrange(1, 100):02d}-{chance.randrange(1, 10_000):04d}"


def api_key(chance: random.Random) -> str:
    prefix, length = chance.choice(
        (
            ("sk-proj-", 40),
            ("sk-ant-api03-", 40),
            ("ghp_", 36),
            ("hf_", 34),
            ("gsk_", 52),
            ("glpat-", 20),
        )
    )
    return prefix + _token(chance, length)


VALUES: Final[dict[str, Callable[[random.Random], str]]] = {
    "EMAIL_ADDRESS": email, "CREDIT_CARD": card, "IBAN_CODE": iban, "PHONE_NUMBER": phone,
    "IP_ADDRESS": ip, "US_SSN": ssn, "API_KEY": api_key,
}  # fmt: skip
_LEADS: Final = {
    "EMAIL_ADDRESS": ("write to", "my address is", "contact:", "cc"),
    "CREDIT_CARD": ("I paid with", "card", "charge it to", "the number on the front is"),
    "IBAN_CODE": ("send it to", "IBAN", "my account is", "refund to"),
    "PHONE_NUMBER": ("call me at", "my number is", "tel.", "phone:", "text", "you get me on"),
    "IP_ADDRESS": ("request from", "client", "host", "the address was"),
    "US_SSN": ("ssn", "social security", "my social is", "SSN:"),
    "API_KEY": ("use", "token", "key:", "I set OPENAI_API_KEY to"),
}  # fmt: skip
_FILLER: Final = (
    "The order HO-10482 left on 2026-03-14 at 10:45.", "It cost 1,299.00 in total.", "Version 3.11.7 works.",
    "Das Paket kam nie an.", "J'attends depuis deux semaines.", "See section 4.2.1 on page 118.",
    "The tracking code is 1Z999AA10123456784.", "Order 4111111111111112 was cancelled.", "ISBN 978-3-16-148410-0.",
    "It took 1234567 ms for 2345678 tokens.", "Room 555-1234 is free.", "Build 20261122 failed at line 4711.",
)  # fmt: skip


def _chat(chance: random.Random, parts: list[str]) -> str:
    return " ".join(f"{part}{chance.choice(('.', ',', ' please.', '!'))}" for part in parts)


def _mail(chance: random.Random, parts: list[str]) -> str:
    return "Hello,\n\n" + "\n".join(f"{part}." for part in parts) + "\n\nRegards"


def _code(chance: random.Random, parts: list[str]) -> str:
    return "\n".join(f'log.info("{part}")  # {n}' for n, part in enumerate(parts))


def _json(chance: random.Random, parts: list[str]) -> str:
    return json.dumps({f"line_{n}": part for n, part in enumerate(parts)})


def _table(chance: random.Random, parts: list[str]) -> str:
    return "\n".join(f"| {n} | {part} |" for n, part in enumerate(parts))


STYLES: Final = {"chat": _chat, "mail": _mail, "code": _code, "json": _json, "table": _table}


def labelled(seed: int, count: int, share: float = 1.0) -> list[Labelled]:
    """Texts of all styles.

    Args:
        seed: of what is drawn.
        count: how many.
        share: of them that hold something.
    """
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        style = chance.choice(list(STYLES))
        planted: list[tuple[str, str]] = []
        if chance.random() < share:
            for entity in chance.sample(list(VALUES), chance.choice((1, 1, 2))):
                planted.append((entity, VALUES[entity](chance)))
        parts = [f"{chance.choice(_LEADS[entity])} {value}" for entity, value in planted]
        parts += chance.sample(_FILLER, 3)
        chance.shuffle(parts)
        text = STYLES[style](chance, parts)
        labels = []
        for entity, value in planted:
            at = text.index(value)
            labels.append((at, at + len(value), entity))
        found.append(Labelled(text, tuple(sorted(labels)), style))
    return found
