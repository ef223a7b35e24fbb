"""What the application asks of whoever keeps incidents."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

_Projects = Sequence[str] | None


class IncidentDesk(Protocol):
    """What can be done about incidents; `spanglass_alerts.incidents.office` does it.

    Times are seconds since 1970.
    """

    def incidents(
        self, projects: _Projects, state: str = "", before: int = 0, limit: int = 50
    ) -> list[dict[str, Any]]: ...

    def incident(self, projects: _Projects, number: int) -> dict[str, Any]: ...

    def postmortem(self, projects: _Projects, number: int) -> str: ...

    def open(
        self, projects: _Projects, project: str, title: str, severity: str, by: str,
        alert_ids: Sequence[str] = (),
    ) -> dict[str, Any]: ...  # fmt: skip

    def add(
        self, projects: _Projects, number: int, alert_ids: Sequence[str], by: str
    ) -> dict[str, Any]: ...

    def acknowledge(
        self, projects: _Projects, number: int, by: str, note: str = ""
    ) -> dict[str, Any]: ...

    def resolve(
        self, projects: _Projects, number: int, by: str, note: str = ""
    ) -> dict[str, Any]: ...

    def note(self, projects: _Projects, number: int, by: str, text: str) -> dict[str, Any]: ...

    def change(
        self, projects: _Projects, number: int, by: str, fields: Mapping[str, str]
    ) -> dict[str, Any]: ...
