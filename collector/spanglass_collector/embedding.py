"""Vectors of texts, made in a process that leaves when they are made.

The model and its table take a quarter of a gigabyte, which the service is not to keep for a draw
now and then.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from spanglass_store.errors import StoreError

#: Seconds that vectors may take; the first time on a machine the model is asked for each word.
_PATIENCE_S: Final = 180.0


def embed_apart(models: Path) -> Callable[[Sequence[str]], Any]:
    """What makes vectors of texts: rows of unit length.

    Args:
        models: the folder where vectors of words are kept.
    """

    def embed(texts: Sequence[str]) -> Any:
        """Vectors of texts.

        Raises:
            StoreError: if the packages for it are not installed, or it takes too long.
        """
        import numpy as np

        from spanglass_detectors.embedding.minilm import DIMENSIONS

        if not texts:
            return np.zeros((0, DIMENSIONS), np.float32)
        asked = json.dumps({"folder": str(models), "texts": list(texts)}).encode()
        command = [sys.executable, "-m", "spanglass_collector.embedding"]
        try:
            done = subprocess.run(
                command, input=asked, capture_output=True, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise StoreError("Comparing texts took too long; draw from a shorter time.") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise StoreError(f"Texts can't be compared here: {said}")
        return np.frombuffer(done.stdout, np.float32).reshape(len(texts), DIMENSIONS)

    return embed


def main() -> None:
    """Reads a folder and texts as JSON, writes vectors."""
    from spanglass_detectors.embedding.table import StaticTable

    asked = json.loads(sys.stdin.buffer.read())
    folder = Path(asked["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        table = StaticTable(folder)
    except ImportError as missing:
        sys.exit(str(missing))
    sys.stdout.buffer.write(table.embed(asked["texts"]).astype("float32").tobytes())


if __name__ == "__main__":
    main()
