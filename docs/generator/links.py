"""A hook of mkdocs: links that lead out of `docs` lead to the repository."""

import re
from typing import Any, Final

_OUTSIDE: Final = re.compile(
    r"\]\((?:\.\./)+((?:examples|dashboards|README|SECURITY|CONTRIBUTING|CHANGELOG|LICENSE)[^)]*)\)"
)


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """The text of a page with such links written out."""
    return _OUTSIDE.sub(rf"]({config['repo_url']}/tree/main/\1)", markdown)
