"""Prompts that are kept apart from the code: their definition, rendering, and `spanglass.prompt`.

A definition is a plain document (JSON, YAML). It is read and rendered the same way by applications
and by the registry. What a template can do is bounded in time and memory, and it sees plain data
alone, so a template from somebody else can't harm who renders it.
"""

from spanglass._prompt_text import Text
from spanglass.prompts._definition import Definition, Variable, read
from spanglass.prompts._prompt import Prompt
from spanglass.prompts._work import PromptError

__all__ = ["Definition", "Prompt", "PromptError", "Text", "Variable", "read"]
