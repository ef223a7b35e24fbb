"""What a running sample server can be told, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one server.

    Attributes:
        seed: Every answer is a function of this number and of the request.
        speed: Factor on every delay: 1 is realistic, 0 never sleeps, 2 takes twice as long.
        error_rate: Share of requests, 0 to 1, that fail with a drawn fault.
        api_key: Bearer key that every `/v1` request must carry; None accepts any or none.
        hang_s: Seconds after which a deliberately hanging request is given up.
    """

    seed: int = 7
    speed: float = 1.0
    error_rate: float = 0.0
    api_key: str | None = None
    hang_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse values that cannot mean anything.

        Raises:
            ValueError: A value is outside its range; the message names it.
        """
        if not 0.0 <= self.error_rate <= 1.0:
            raise ValueError(f"error rate must be between 0 and 1, not {self.error_rate}")
        if self.speed < 0:
            raise ValueError(f"speed must not be negative, not {self.speed}")
        if self.hang_s < 0:
            raise ValueError(f"hang seconds must not be negative, not {self.hang_s}")
