"""The rules, as a table. Entities have presidio's names where it has one.

Each rule says where it is worth trying, so that most rules are not tried on most texts. Every
repetition is bounded, or begins at the edge of a word, so that no text takes more than time in
proportion to its length.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from spanglass.redaction._checks import card_length, iban_length, is_ipv6, looks_secret
from spanglass.redaction._national import NATIONAL
from spanglass.redaction._rule import Rule, all_or_nothing
from spanglass.redaction._starts import (
    at_colons,
    at_dotted,
    at_letters_before_numbers,
    at_local_parts,
    at_numbers,
    at_numbers_or_parentheses,
    at_text,
    at_words,
)

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#: What a token must not follow.
_EDGE: Final = r"(?<![A-Za-z0-9])"
_TOKEN: Final = r"(?<![A-Za-z0-9_-])"  # noqa: S105

#: Keys and tokens that say by their beginning whose they are.
_PREFIXED: Final[tuple[tuple[str, str], ...]] = (
    ("sk-", r"sk-[A-Za-z0-9_-]{20,}"),  # OpenAI, Anthropic, DeepSeek, OpenRouter, Langfuse
    ("pk-lf-", r"pk-lf-[A-Za-z0-9-]{20,}"),
    ("gsk_", r"gsk_[A-Za-z0-9]{20,}"),  # Groq
    ("xai-", r"xai-[A-Za-z0-9]{20,}"),
    ("hf_", r"hf_[A-Za-z0-9]{20,}"),
    ("r8_", r"r8_[A-Za-z0-9]{30,}"),
    ("nvapi-", r"nvapi-[A-Za-z0-9_-]{30,}"),
    ("sg_", r"sg_[a-z]{3,12}_[A-Za-z0-9_-]{16,}"),  # ours
    ("k_live_", r"[rs]k_live_[A-Za-z0-9]{16,}"),  # Stripe
    ("k_test_", r"[rs]k_test_[A-Za-z0-9]{16,}"),
    ("whsec_", r"whsec_[A-Za-z0-9+/=]{20,}"),
    ("AKIA", r"AKIA[0-9A-Z]{16}(?![0-9A-Z])"),  # AWS
    ("ASIA", r"ASIA[0-9A-Z]{16}(?![0-9A-Z])"),
    ("AIza", r"AIza[A-Za-z0-9_-]{30,}"),  # Google
    ("ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    ("ghp_", r"ghp_[A-Za-z0-9]{30,}"),  # GitHub
    ("gho_", r"gho_[A-Za-z0-9]{30,}"),
    ("ghu_", r"ghu_[A-Za-z0-9]{30,}"),
    ("ghs_", r"ghs_[A-Za-z0-9]{30,}"),
    ("ghr_", r"ghr_[A-Za-z0-9]{30,}"),
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    ("glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),  # Slack
    ("hooks.slack.com", r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}"),
    ("SG.", r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}"),  # SendGrid
    ("npm_", r"npm_[A-Za-z0-9]{36}"),
    ("pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    ("dop_v1_", r"dop_v1_[a-f0-9]{64}"),
    ("dapi", r"dapi[a-f0-9]{32}"),  # Databricks
)

#: How what announces a secret, or a telephone number, begins.
_SECRET_WORDS: Final = (
    "password", "passwd", "passphrase", "pwd", "secret", "api", "access", "auth", "refresh",
    "session", "client", "account", "shared",
)  # fmt: skip
#: Where a word begins, in names, too: `db_password`, `dbPassword`.
_WORD_BEGINS: Final = r"(?:(?<![^\W_])|(?<=[a-z])(?=[A-Z]))"
_ANNOUNCING: Final = (
    "(?:password|passwd|passphrase|pwd|secret|api[_ -]?key|access[_ -]?key"
    "|(?:access|auth|refresh|session)[_ -]?token|client[_ -]?secret"
    "|account[_ -]?key|shared[_ -]?access[_ -]?(?:key|signature))"
)
_PHONE_NAMES: Final = "(?:(?:tele)?phone|mobile|fax|whatsapp|sms)(?:[_ -]?(?:number|no))?"
_ANNOUNCES: Final = re.compile(rf"{_WORD_BEGINS}(?i:{_ANNOUNCING}|{_PHONE_NAMES})\Z")
#: Where a name ends in JSON.
_NAME_ENDS: Final = re.compile(r'"\s*:')
_LONGEST_NAME: Final = 200
_PHONE_WORDS: Final = (
    "phone", "tel", "mobil", "cell", "call", "fax", "whatsapp", "sms", "text me", "reach ", "ring",
    "handy", "t\u00e9l",
)  # fmt: skip


#: Characters by how rare they are in most texts.
_RARE: Final = "_J/29KXZ-GSIxzk.vgpy"


def _prefixed(literal: str, pattern: str) -> Rule:
    # One character is looked for in a fraction of the time, and most texts have none of these.
    gate = tuple(each for each in _RARE if each in literal)[:2]
    # What stands before the literal is one letter of a choice.
    before = 1 if pattern.startswith("[rs]") else 0
    return Rule("API_KEY", at_text(literal, before), re.compile(_TOKEN + pattern), gate=gate)


#: What there is without a digit in it, too.
_WITHOUT_DIGITS: Final = frozenset({"PRIVATE_KEY", "JWT", "API_KEY", "PASSWORD", "EMAIL_ADDRESS"})

_ALL: Final[tuple[Rule, ...]] = (
    Rule(
        "PRIVATE_KEY",
        at_text("-----BEGIN "),
        # To the end of the key, or of what there is of it.
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?!-----END )[\s\S])*(?:-----END [A-Z0-9 ]{0,60}-----)?"
        ),
        gate=("-",),
    ),
    Rule(
        "JWT",
        at_text("eyJ"),
        re.compile(_TOKEN + r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"),
        gate=("J", "."),
    ),
    *(_prefixed(literal, pattern) for literal, pattern in _PREFIXED),
    Rule(
        "API_KEY",
        at_words(("bearer", "basic")),
        re.compile(r"(?i:\b(?:bearer|basic))[ \t]{1,3}(?P<found>[A-Za-z0-9._~+/=-]{16,})"),
        all_or_nothing(looks_secret),
    ),
    Rule(
        "PASSWORD",
        at_text("://"),
        re.compile(r"://[^\s/:@]{0,64}:(?P<found>[^\s/@]{1,128})@"),
        gate=("@", "/", ":"),
    ),
    Rule(
        "PASSWORD",
        at_words(
            _SECRET_WORDS,
            needs=("passw", "passphrase", "pwd", "secret", "key", "token"),
        ),
        re.compile(
            rf"{_WORD_BEGINS}(?i:{_ANNOUNCING})"
            r"[\"']?(?:[ \t]{0,3}[:=]{1,2}[ \t]{0,3}|[ \t]is[ \t])[\"'`]?"
            r"(?P<found>[^\s\"'`,;<>\[\]{}]{6,256})"
        ),
        all_or_nothing(looks_secret),
    ),
    Rule(
        "EMAIL_ADDRESS",
        at_local_parts,
        # From the right: only what has a domain behind it is looked at.
        re.compile(
            r"(?<![\w.+%'-])(?P<found>[\w+%'-][\w.+%'-]{0,63}@"
            r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,24})(?![\w@])"
        ),
        gate=("@", "."),
    ),
    Rule(
        "IBAN_CODE",
        at_letters_before_numbers,
        re.compile(_EDGE + r"[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,32}"),
        iban_length,
    ),
    Rule(
        "CREDIT_CARD",
        at_numbers(13),
        # Looked ahead at, so that the next group is a start of its own.
        re.compile(r"(?<![0-9])(?=(?P<found>[2-6](?:[ -]?[0-9]){12,18})(?![0-9]))"),
        card_length,
    ),
    Rule(
        "US_SSN",
        at_numbers(9),
        re.compile(
            r"(?<![0-9-])(?!000|666|9[0-9]{2})[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}"
            r"(?![0-9]|-[0-9])"
        ),
    ),
    Rule(
        "US_SSN",
        at_words(("ssn", "social security"), with_digits=True),
        re.compile(
            r"(?i:\b(?:ssn|social security(?: (?:number|no\.?))?))[^0-9\n]{0,12}"
            r"(?P<found>(?!000|666|9[0-9]{2})[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4})(?![0-9])"
        ),
    ),
    *NATIONAL,
    Rule(
        "IP_ADDRESS",
        at_dotted,
        re.compile(r"(?<![0-9A-Za-z.])(?:" + _OCTET + r"\.){3}" + _OCTET + r"(?![0-9]|\.[0-9])"),
        gate=(".",),
    ),
    Rule(
        "IP_ADDRESS",
        at_colons,
        re.compile(r"(?<![\w:.])(?P<found>[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{3,35})(?![\w:])"),
        all_or_nothing(is_ipv6),
    ),
    Rule(
        "PHONE_NUMBER",
        at_text("+"),
        re.compile(r"(?<![\w+])\+[0-9](?:[ ().\-/]{0,2}[0-9]){6,14}(?![0-9])"),
        gate=("+",),
    ),
    Rule(
        "PHONE_NUMBER",
        at_numbers_or_parentheses(10),
        re.compile(
            r"(?<![0-9A-Za-z.\-/])(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])"
            r"[2-9][0-9]{2}[ .-][0-9]{4}(?![0-9A-Za-z]|-[0-9])"
        ),
    ),
    Rule(
        "PHONE_NUMBER",
        at_words(_PHONE_WORDS, with_digits=True),
        re.compile(
            r"(?i:\b(?:phone|tel|telephone|mobile|cell|call|fax|whatsapp|sms|text me"
            r"|reach (?:me|us)|ring|handy|telefon|mobil|t\u00e9l))\b[^0-9\n]{0,20}?"
            r"(?P<found>(?<![0-9])\(?[0-9](?:[ ().\-/]{0,2}[0-9]){6,14})(?![0-9])"
        ),
    ),
)

#: Most texts have no digits, so most of these rules are not looked at for them.
RULES: Final = tuple(rule._replace(has_digit=rule.entity not in _WITHOUT_DIGITS) for rule in _ALL)
ENTITIES: Final = tuple(dict.fromkeys(rule.entity for rule in RULES))


def has_announcing_names(text: str) -> bool:
    """Whether JSON has names that say what stands under them, in lists and objects, too."""
    for end in _NAME_ENDS.finditer(text):
        at = end.start()
        if announced(text[max(text.rfind('"', 0, at) + 1, at - _LONGEST_NAME) : at]):
            return True
    return False


# The same few names come again and again.
@functools.lru_cache(maxsize=4_096)
def announced(name: str) -> str:
    """What the name of a value says of it, as a text would say it before the value.

    Args:
        name: of an attribute, or in JSON: `password`, `db.password`, `apiKey`.

    Returns:
        `password: `; empty where the name says nothing.
    """
    match = _ANNOUNCES.search(name) if 2 < len(name) <= _LONGEST_NAME else None
    return f"{match[0]}: " if match else ""
