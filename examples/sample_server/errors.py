"""Errors as an OpenAI-compatible service words them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .prompt import Json


class ApiError(Exception):
    """An error that a client gets to see.

    Args:
        status: HTTP status.
        message: What went wrong, for people.
        kind: The error's `type`.
        code: The error's `code`, for programs.
        param: The request parameter at fault.
        headers: Headers to send with it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.body = error_body(message, kind=kind, code=code, param=param)


def error_body(
    message: str, *, kind: str, code: str | None = None, param: str | None = None
) -> Json:
    """Return the JSON body of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Return the 400 for a request that is wrong in itself."""
    return ApiError(400, message, param=param, code=code)


def missing(param: str) -> ApiError:
    """Return the 400 for a parameter that is not there."""
    return invalid(
        f"Missing required parameter: '{param}'.", param, code="missing_required_parameter"
    )


def wrong_type(param: str, expected: str, got: object) -> ApiError:
    """Return the 400 for a parameter of the wrong type."""
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a decimal",
        str: "a string",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
    return invalid(
        f"Invalid type for '{param}': expected {expected}, but got "
        f"{names.get(type(got), 'something else')} instead.",
        param,
        code="invalid_type",
    )


def unknown_model(model: str) -> ApiError:
    """Return the 404 for a model that does not exist."""
    return ApiError(
        404,
        f"The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def no_key() -> ApiError:
    """Return the 401 for a request without a key."""
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def wrong_key(key: str) -> ApiError:
    """Return the 401 for a key that is not accepted; the key itself is not repeated."""
    shown = f"{key[:4]}***{key[-2:]}" if len(key) > 12 else "***"
    return ApiError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def _wait(seconds: float) -> dict[str, str]:
    """Return the headers that ask a client to wait."""
    # Whole seconds, as HTTP has it; clients that can read milliseconds prefer those.
    return {
        "retry-after": str(math.ceil(seconds)),
        "retry-after-ms": str(round(seconds * 1000)),
    }


def rate_limited(model: str, retry_after_s: float) -> ApiError:
    """Return the 429 that asks the client to wait."""
    return ApiError(
        429,
        f"Rate limit reached for {model} on requests per min (RPM): Limit 500, Used 500, "
        f"Requested 1. Please try again in {retry_after_s:g}s.",
        kind="requests",
        code="rate_limit_exceeded",
        headers={
            **_wait(retry_after_s),
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": f"{retry_after_s:g}s",
        },
    )


def server_fault(status: int, retry_after_s: float = 1.0) -> ApiError:
    """Return the 5xx for a service in trouble; 529, "overloaded", asks the client to wait."""
    if status in (503, 529):
        return ApiError(
            status,
            "That model is currently overloaded with other requests. Please try again later.",
            kind="server_error",
            headers=_wait(retry_after_s) if status == 529 else None,
        )
    return ApiError(
        status,
        "The server had an error while processing your request. Sorry about that!",
        kind="server_error",
    )
