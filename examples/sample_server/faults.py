"""Faults on demand and at a rate.

A request asks for a fault by the header `x-sample-fault` or by the model name `fault-<kind>`:

| kind | what happens |
| --- | --- |
| `401` `404` `429` `500` `503` `529` | that status, with the service's error body |
| `break` | the connection is cut in the middle of the answer |
| `error-event` | a stream sends an error in the middle and ends; otherwise a 500 |
| `hang` | no answer at all until the client leaves or the server's limit passes |
| `stall` | a stream begins and then says nothing more; otherwise as `hang` |
| `malformed` | JSON that does not parse |
| `refusal` | the model declines |
| `content-filter` | the answer is cut short by a filter |

The header takes options: `429; retry-after=0.05; times=1` asks the client to wait 0.05 seconds
and applies only until the client has retried once, as its `x-stainless-retry-count` says.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from . import errors

HEADER: Final = "x-sample-fault"
MODEL_PREFIX: Final = "fault-"

STATUS_KINDS: Final = frozenset({"401", "404", "429", "500", "503", "529"})
STREAM_KINDS: Final = frozenset({"break", "error-event", "hang", "stall", "malformed"})
REPLY_KINDS: Final = frozenset({"refusal", "content-filter"})

# What goes wrong with a hosted model, and roughly how often in proportion.
_DRAWN: Final = ("429",) * 5 + ("500",) * 2 + ("503",) * 2 + ("break",)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in force for a request; `kind` is empty where all goes well.

    Attributes:
        kind: A name from this module's table.
        retry_after_s: Seconds that a 429 or 529 asks the client to wait.
        model_named: Whether the model's name asked for it.
    """

    kind: str = ""
    retry_after_s: float = 1.0
    model_named: bool = False

    @property
    def reply_faults(self) -> frozenset[str]:
        """The faults that change the reply and not its transport."""
        return REPLY_KINDS & {self.kind}

    def raise_status(self, model: str) -> None:
        """Raise the error of a fault that is a status.

        Raises:
            ApiError: The fault is one.
        """
        match self.kind:
            case "401":
                raise errors.wrong_key("")
            case "404":
                raise errors.unknown_model(model)
            case "429":
                raise errors.rate_limited(model, self.retry_after_s)
            case "500" | "503" | "529":
                raise errors.server_fault(int(self.kind), self.retry_after_s)


def requested(headers: Headers, model: str) -> Fault:
    """Return the fault that a request asks for.

    Args:
        headers: The request's headers.
        model: The model's name.

    Raises:
        ApiError: It asks for a fault that does not exist.
    """
    text = headers.get(HEADER)
    by_model = text is None and model.startswith(MODEL_PREFIX)
    if text is None:
        text = model.removeprefix(MODEL_PREFIX) if by_model else ""
    kind, *options = (part.strip() for part in text.split(";"))
    if not kind:
        return Fault()
    if kind not in STATUS_KINDS | STREAM_KINDS | REPLY_KINDS:
        if by_model:
            raise errors.unknown_model(model)
        raise errors.invalid(f"There is no fault named '{kind}'.", HEADER)
    retry_after_s = 1.0
    for option in options:
        name, _, value = option.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise errors.invalid(f"'{option}' is not an option of a fault.", HEADER) from None
        if name == "retry-after":
            retry_after_s = number
        elif name == "times":
            retries = headers.get("x-stainless-retry-count", "")
            if retries.isdecimal() and int(retries) >= number:
                return Fault()
        else:
            raise errors.invalid(f"'{option}' is not an option of a fault.", HEADER)
    return Fault(kind, retry_after_s, by_model)


def drawn(rng: random.Random, rate: float) -> Fault:
    """Return a fault with the given probability, 0 to 1."""
    if rate <= 0 or rng.random() >= rate:
        return Fault()
    return Fault(rng.choice(_DRAWN))
