"""The version, where nothing has to be installed to read it."""

from typing import Final

__version__: Final = "0.1.0"
