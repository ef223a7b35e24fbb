"""Pages that notice what goes wrong on them."""

from dataclasses import dataclass, field
from typing import Any, Final

#: Milliseconds that something on a page may take to appear on a machine that does much else.
PATIENCE_MS: Final = 45_000


@dataclass
class Watched:
    """A page, and what went wrong on it.

    Attributes:
        page: Playwright's.
        web: the service's address.
        problems: console errors, exceptions, requests to other hosts.
        tolerated: parts of messages that a test provokes on purpose.
    """

    page: Any
    web: str
    problems: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._note(f"exception: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.web + "/", "data:image/png", "blob:")):
            self._note(f"request to elsewhere: {request.url[:200]}")

    def _note(self, problem: str) -> None:
        if not any(part in problem for part in self.tolerated):
            self.problems.append(problem)

    def goto(self, path: str) -> Any:
        """Opens an address of the application; the page."""
        self.page.goto(self.web + path)
        return self.page

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def nodes(self) -> int:
        """Elements on the page."""
        return int(self.page.evaluate("document.querySelectorAll('*').length"))

    def painted(self) -> None:
        """Waits until what was just caused is on the screen."""
        self.page.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
