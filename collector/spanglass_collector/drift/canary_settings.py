"""The settings of canaries: `[drift.canaries.NAME]` in `spanglass.toml`."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class CanarySettings(BaseModel):
    """The same questions, asked on a schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="An OpenAI-compatible endpoint, up to /chat/completions.")
    model: str = Field(min_length=1, max_length=200, description="Who is asked.")
    prompts: tuple[Prompt, ...] = Field(
        min_length=1, max_length=100, description="What is asked, each by itself."
    )
    project: str = Field("default", description="Whose spans the answers are.")
    api_key_env: str = Field("", description="The variable of the environment with the key.")
    every_h: float = Field(6.0, ge=0.01, le=168, description="Hours between two rounds.")
    max_tokens: int = Field(300, ge=1, le=8_192, description="Of an answer.")
    calls_a_day: int = Field(500, ge=1, le=10_000, description="Calls of a day, at most.")
    usd_a_day: float = Field(1.0, gt=0, le=1_000, description="Dollars of a day, at most.")

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it should look like https://host/v1")
        return value.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
