"""Labelled texts for the redaction's accuracy: invented, with numbers that are given out for tests.

Each has the entities that a person would mark, in order. The last ones have none, and look as if
they had. What the rules are known to miss or to mistake is in here as well: accuracy is counted,
not chosen.
"""

from typing import Final

_KEY: Final = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\nkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"
)
_A36: Final = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

Labelled = tuple[str, tuple[tuple[str, str], ...]]

WITH: Final[tuple[Labelled, ...]] = (
    ("Write to ana.marsh@example.com please", (("ana.marsh@example.com", "EMAIL_ADDRESS"),)),
    ("mailto:o'neil+news@mail.example.co.uk.", (("o'neil+news@mail.example.co.uk", "EMAIL_ADDRESS"),)),
    ("<kim_99@sub-domain.example.org>, thanks", (("kim_99@sub-domain.example.org", "EMAIL_ADDRESS"),)),
    ("From: j\u00f6rg@m\u00fcller.example", (("j\u00f6rg@m\u00fcller.example", "EMAIL_ADDRESS"),)),
    ("two: a@example.com,b@example.net", (("a@example.com", "EMAIL_ADDRESS"), ("b@example.net", "EMAIL_ADDRESS"))),
    ("card 4111 1111 1111 1111 exp 10/29", (("4111 1111 1111 1111", "CREDIT_CARD"),)),
    ("my card is 5555-5555-5555-4444.", (("5555-5555-5555-4444", "CREDIT_CARD"),)),
    ("amex 378282246310005 was charged", (("378282246310005", "CREDIT_CARD"),)),
    ("3782 822463 10005 again", (("3782 822463 10005", "CREDIT_CARD"),)),
    ("order 17 6011111111111117", (("6011111111111117", "CREDIT_CARD"),)),
    ("12 4242 4242 4242 4242 123", (("4242 4242 4242 4242", "CREDIT_CARD"),)),
    ("IBAN: DE89 3704 0044 0532 0130 00, thanks", (("DE89 3704 0044 0532 0130 00", "IBAN_CODE"),)),
    ("send it to GB82WEST12345698765432", (("GB82WEST12345698765432", "IBAN_CODE"),)),
    ("fr14 2004 1010 0505 0001 3m02 606", (("fr14 2004 1010 0505 0001 3m02 606", "IBAN_CODE"),)),
    ("call +44 20 7946 0958 after six", (("+44 20 7946 0958", "PHONE_NUMBER"),)),
    ("(212) 555-0123 is the office", (("(212) 555-0123", "PHONE_NUMBER"),)),
    ("212-555-0187 or 212.555.0188", (("212-555-0187", "PHONE_NUMBER"), ("212.555.0188", "PHONE_NUMBER"))),
    ("+1 (415) 555-0132", (("+1 (415) 555-0132", "PHONE_NUMBER"),)),
    ("my mobile: 07700 900123", (("07700 900123", "PHONE_NUMBER"),)),
    ("Tel. 030 23125 000", (("030 23125 000", "PHONE_NUMBER"),)),
    ("you can reach us on 01632 960983", (("01632 960983", "PHONE_NUMBER"),)),
    ("ssn 078-05-1120", (("078-05-1120", "US_SSN"),)),
    ("social security number: 219099999", (("219099999", "US_SSN"),)),
    ("from 203.0.113.77 at noon", (("203.0.113.77", "IP_ADDRESS"),)),
    ("host 2001:db8:85a3::8a2e:370:7334 down", (("2001:db8:85a3::8a2e:370:7334", "IP_ADDRESS"),)),
    ("client fe80::1ff:fe23:4567:890a", (("fe80::1ff:fe23:4567:890a", "IP_ADDRESS"),)),
    (f"key sk-proj-{_A36}", ((f"sk-proj-{_A36}", "API_KEY"),)),
    (f"sk-ant-api03-{_A36}-x", ((f"sk-ant-api03-{_A36}-x", "API_KEY"),)),
    ("AKIAIOSFODNN7EXAMPLE in the log", (("AKIAIOSFODNN7EXAMPLE", "API_KEY"),)),
    (f"token ghp_{_A36}.", ((f"ghp_{_A36}", "API_KEY"),)),
    ("slack xoxb-123456789012-abcdefGHIJ", (("xoxb-123456789012-abcdefGHIJ", "API_KEY"),)),
    (f"hf_{_A36} on the hub", ((f"hf_{_A36}", "API_KEY"),)),
    (f"Authorization: Bearer {_A36}", ((_A36, "API_KEY"),)),
    ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVP", (("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVP", "JWT"),)),
    (f"here:\n{_KEY}\nkeep it", ((_KEY, "PRIVATE_KEY"),)),
    ("postgres://app:s3cr3t-Pw@db.example:5432/x", (("s3cr3t-Pw", "PASSWORD"),)),
    ("password: Tr0ub4dor&3", (("Tr0ub4dor&3", "PASSWORD"),)),
    ("api_key='9f8e7d6c5b4a39281706'", (("9f8e7d6c5b4a39281706", "PASSWORD"),)),
    # Known to be missed: no form, or another one.
    ("ana dot marsh at example dot com", (("ana dot marsh at example dot com", "EMAIL_ADDRESS"),)),
    ("0171 2345678 is mine", (("0171 2345678", "PHONE_NUMBER"),)),
    ("the password is swordfish", (("swordfish", "PASSWORD"),)),
)  # fmt: skip

WITHOUT: Final[tuple[str, ...]] = (
    "Order 4111111111111112 has shipped",
    "tracking 1Z999AA10123456784",
    "on 2026-11-22 at 10:45:30 and 12:00",
    "version 3.11.7 of 2.0.1, build 20261122",
    "add 12,345,678.90 to 1 000 000",
    "isbn 978-3-16-148410-0",
    "std::vector<int>::iterator it = a::b::c;",
    "x = y[0]@z; @decorator and a@b",
    "password: required, at least 8 characters",
    "The secret is out, they said",
    "Authorization: Bearer $TOKEN",
    "https://example.com:8080/path?x=1",
    "DE00 0000 0000 is no account",
    "sk-learn and sk-image are libraries",
    "ratio 16:9, 10:30, mac aa:bb:cc:dd:ee:ff",
    "call me at 5, table for 12",
    "room 555-1234",
    "tokens=1234567 latency_ms=123456",
    "id 8f14e45f-ceea-467f-a8f3-0123456789ab",
    "1111 1111 1111 1111",
    "section 1.2.3.4.5 of the manual",
    "basic arithmetic and bearer bonds",
    "pi is 3.14159265358979323846",
    "-----BEGIN CERTIFICATE----- MIIB",
    # Known to be mistaken: four numbers with dots are an address to these rules.
    "release 10.2.0.1 is out",
)
