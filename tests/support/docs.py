"""The blocks of code in our documents."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.running import ROOT

DOCUMENTS: Final = (
    ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "start").glob("*.md")),
)  # fmt: skip
_FENCED: Final = re.compile(r"^(?P<fence>`{3,})(\w*)\n(.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
#: Behind a blank line and not part of a list: commands to type.
_INDENTED: Final = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        path: of the document, below the repository.
        line: its first one.
        language: `sh` where it is only indented.
    """

    path: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a shell's block, without comments, each on one line."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        lines = (re.sub(r"(^|\s)# .*", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


def blocks(language: str) -> list[Block]:
    """Every block of a language, of all documents."""
    return [block for path in DOCUMENTS for block in _blocks_of(path) if block.language == language]


def languages() -> set[str]:
    """The languages that occur."""
    return {block.language for path in DOCUMENTS for block in _blocks_of(path)}


def _blocks_of(path: Path) -> list[Block]:
    name = str(path.relative_to(ROOT))
    text = path.read_text()
    found = [
        Block(name, text.count("\n", 0, match.start()) + 2, match[2], match[3])
        for match in _FENCED.finditer(text)
    ]
    # Blanked, so that their own indented lines are not found a second time.
    rest = _FENCED.sub(lambda match: re.sub(r"[^\n]", "", match[0]) + "-", text)
    found += [
        Block(name, rest.count("\n", 0, match.start()) + 1, "sh", re.sub("(?m)^ {4}", "", match[0]))
        for match in _INDENTED.finditer(rest)
    ]
    return found
