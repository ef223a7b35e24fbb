"""Reads secrets when they are used, and keeps them out of what is said."""

import os
from pathlib import Path

from spanglass_alerts.rules.values import Secret
from spanglass_store.errors import StoreError


class SecretMissing(StoreError):
    """A secret is not where it should be."""


def reveal(secret: Secret | str) -> str:
    """The secret itself.

    Raises:
        SecretMissing: if there is none.
    """
    if isinstance(secret, str):
        return secret
    if secret.env:
        value = os.environ.get(secret.env, "").strip()
        if not value:
            raise SecretMissing(
                f"The variable {secret.env} is not set: it holds a channel's secret."
            )
        return value
    try:
        value = Path(secret.file).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SecretMissing(f"The secret in {secret.file} can't be read: {why}.") from error
    if not value:
        raise SecretMissing(f"The file {secret.file} is empty: it holds a channel's secret.")
    return value


def without(text: str, *secrets: str) -> str:
    """`text` with secrets blotted out."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "•••")
    return text
