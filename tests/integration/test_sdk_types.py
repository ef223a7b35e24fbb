"""What a type checker makes of the SDK."""

import subprocess
import sys
from pathlib import Path

from support.running import ROOT

PROGRAM = """
from collections.abc import Coroutine, Iterator
from typing import Any, assert_type
import spanglass

@spanglass.observe
def plain(a: int, *, b: str = "") -> list[int]:
    return [a]

@spanglass.observe(kind="tool", capture_output=False)
async def later(a: int) -> str:
    return ""

@spanglass.observe
def numbers() -> Iterator[int]:
    yield 1

class Shop:
    @spanglass.observe
    def buy(self, what: str) -> bool:
        return True

assert_type(plain(1, b="x"), list[int])
_ = assert_type(later(1), Coroutine[Any, Any, str])
assert_type(numbers(), Iterator[int])
assert_type(Shop().buy("x"), bool)
with spanglass.generation("m") as call, spanglass.span("s") as span:
    assert_type(call, spanglass.Generation)
    assert_type(span, spanglass.Span)
assert_type(spanglass.stats(), spanglass.Stats)
plain("x")  # type: ignore[arg-type]
plain(1, c=2)  # type: ignore[call-arg]
Shop().buy(3)  # type: ignore[arg-type]
spanglass.span("x", kind="nothing")  # type: ignore[arg-type]
spanglass.observe(kind="nothing")  # type: ignore[call-overload]
"""


def test_a_type_checker_sees_the_decorated_function_as_it_was(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
         "--cache-dir", str(tmp_path / "cache"), str(program)],
        env={"MYPYPATH": str(ROOT / "sdk")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert result.stdout.startswith("Success"), result.stdout + result.stderr
