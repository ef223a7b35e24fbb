"""What of a call leaves the process: everything, nothing, or without personal data.

    spanglass serve &
    python examples/payload_policy.py

`init` says what holds; a function or a block says otherwise for itself. The mask takes out what
only this application knows to be confidential.
"""

import spanglass
from spanglass.redaction import StreamRedactor, redact

CONFIDENTIAL = "Project Nightjar"


def mask(text: str) -> str:
    """Is given every text that would leave, after the redaction."""
    return text.replace(CONFIDENTIAL, "<PROJECT>")


@spanglass.observe
def answer(question: str) -> str:
    """Recorded as `init` says: redacted."""
    return f"{CONFIDENTIAL} is on time, ana@example.com."


@spanglass.observe(capture_input=False)
def sign_in(name: str, pin: str) -> bool:
    """That it happened is recorded, and not with what."""
    return len(pin) == 4


@spanglass.observe
def remember(user: dict[str, str]) -> int:
    """What has a secret's name is never recorded, whatever `init` says."""
    return len(user)


if __name__ == "__main__":
    spanglass.init(service="payload-policy", capture_content="redacted", mask=mask)
    with spanglass.span("visit"):
        answer("I am ana@example.com, my card is 4111 1111 1111 1111: how is it going?")
        sign_in("ana", "0000")
        remember({"name": "Ana", "api_key": "none of your business"})
        with spanglass.span("report", capture_content=False, input="not recorded at all"):
            pass
    print(spanglass.flush())
    print(dict(sorted(spanglass.stats().redacted.items())))

    # The rules by themselves, for a log or for a stream that is shown to somebody.
    print(redact("Call +49 30 901820 or write to bo@example.com"))
    stream = StreamRedactor()
    shown = [stream.feed(piece) for piece in ("write to bo@exa", "mple.com, ", "please")]
    print("".join([*shown, stream.finish()]))
