"""What a type checker makes of the SDK."""

import subprocess
import sys
from pathlib import Path

from support.running import ROOT

PROGRAM = """
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
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

    @spanglass.observe
    @classmethod
    def make(cls, size: int) -> "Shop":
        return cls()

    @spanglass.observe(kind="tool")
    @staticmethod
    def add(a: int) -> int:
        return a

@spanglass.observe
class Tools:
    def __init__(self, n: int) -> None: ...
    def search(self, query: str) -> int:
        return 1

@spanglass.observe(kind="agent")
class Agent: ...

pool = spanglass.ContextExecutor(ThreadPoolExecutor())
assert_type(Shop.make(1), Shop)
assert_type(Shop.add(1), int)
assert_type(Tools(1).search("x"), int)
assert_type(Agent(), Agent)
assert_type(spanglass.carry(plain)(1, b="x"), list[int])
assert_type(pool.submit(plain, 1).result(), list[int])
assert_type(spanglass.inject(), dict[str, str])
assert_type(plain(1, b="x"), list[int])
_ = assert_type(later(1), Coroutine[Any, Any, str])
assert_type(numbers(), Iterator[int])
assert_type(Shop().buy("x"), bool)
with spanglass.generation("m") as call, spanglass.span("s") as span:
    assert_type(call, spanglass.Generation)
    assert_type(span, spanglass.Span)
assert_type(spanglass.stats(), spanglass.Stats)
assert_type(spanglass.stats().scores, spanglass.Counts)
assert_type(spanglass.score("x", True, source="human"), str | None)
assert_type(spanglass.feedback(thumbs="up"), str | None)
assert_type(spanglass.current_ids(), spanglass.Ids)
spanglass.score("x", None)  # type: ignore[arg-type]
spanglass.score("x", 1, source="me")  # type: ignore[arg-type]
spanglass.feedback(thumbs="sideways")  # type: ignore[arg-type]
plain("x")  # type: ignore[arg-type]
plain(1, c=2)  # type: ignore[call-arg]
Shop().buy(3)  # type: ignore[arg-type]
spanglass.carry(plain)("x")  # type: ignore[arg-type]
Tools("x")  # type: ignore[arg-type]
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
