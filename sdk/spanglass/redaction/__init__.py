"""Finds personal data and secrets by pattern, and takes them out.

    from spanglass.redaction import redact

    redact("Write to ana@example.com")  # 'Write to <EMAIL_ADDRESS>'

Plain Python without dependencies: the SDK uses it before anything leaves the process, and the
collector can use the same rules for what others send. Numbers are believed where their checksum
is right: cards (Luhn), IBANs (mod 97). Keys and tokens are known by how they begin. Texts take
time in proportion to their length, whatever is in them.

It finds what has a form. Names, addresses of houses and other words take a model of the language;
what is written to evade it (spelled out, in other alphabets, across pictures) passes. Measured
accuracy is in docs/sdk.md, and the labelled texts are in tests/support/redaction_texts.py.
"""

from spanglass.redaction._redactor import Finding, Redactor, find, redact
from spanglass.redaction._rules import ENTITIES, announced, has_announcing_names
from spanglass.redaction._stream import StreamRedactor

__all__ = [
    "ENTITIES",
    "Finding",
    "Redactor",
    "StreamRedactor",
    "announced",
    "find",
    "has_announcing_names",
    "redact",
]
