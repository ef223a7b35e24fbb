"""A decorated function and the bare one agree: result, exception, laziness, signature."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import spanglass
from spanglass.testing import capture

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=20) | st.floats() | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
errors = st.sampled_from(
    [ValueError, KeyError, RuntimeError, StopAsyncIteration, KeyboardInterrupt]
)
steps = st.lists(st.tuples(st.sampled_from(["next", "send", "throw", "close"]), values), max_size=6)
Outcome = tuple[str, Any]


def outcome(call: Callable[[], Any]) -> Outcome:
    try:
        return "returned", call()
    except BaseException as error:
        return "raised", (type(error), error.args, type(error.__cause__), type(error.__context__))


def functions(result: Any, error: type[BaseException] | None) -> tuple[Any, Any]:
    def bare(a: Any, /, b: Any = 1, *rest: Any, c: Any = None, **more: Any) -> Any:
        if error is not None:
            raise error(a)
        return (result, a, b, rest, c, more)

    return bare, spanglass.observe(bare)


@given(
    values,
    st.none() | errors,
    st.lists(values, max_size=4),
    st.dictionaries(st.sampled_from("abcd"), values, max_size=3),
)
def test_functions(result: Any, error: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
    bare, decorated = functions(result, error)
    with capture(), spanglass.span("around"):
        assert str(outcome(lambda: decorated(*args, **kwargs))) == str(
            outcome(lambda: bare(*args, **kwargs))
        )
    assert str(outcome(lambda: decorated(*args, **kwargs))) == str(
        outcome(lambda: bare(*args, **kwargs))
    )
    assert inspect.signature(decorated) == inspect.signature(bare)
    assert decorated.__name__ == bare.__name__


@given(values, st.none() | errors)
def test_coroutines(result: Any, error: Any) -> None:
    ran = []

    async def bare(a: Any) -> Any:
        ran.append(a)
        await asyncio.sleep(0)
        if error is not None and error is not KeyboardInterrupt:
            raise error(a)
        return result

    decorated = spanglass.observe(bare)
    assert inspect.iscoroutinefunction(decorated)
    with capture():
        lazy = decorated(1)
        assert ran == [], "nothing runs before it is awaited"
        assert str(outcome(lambda: asyncio.run(lazy))) == str(outcome(lambda: asyncio.run(bare(1))))


def numbers(results: list[Any], stubborn: bool) -> Generator[Any, Any, Any]:
    for number, result in enumerate(results):
        try:
            got = yield (number, result)
            yield ("got", got)
        except ValueError as error:
            yield ("caught", error.args)
        except GeneratorExit:
            if stubborn:
                raise RuntimeError("ends its own way") from None
            raise
    return "end"


def drive(generator: Generator[Any, Any, Any], asked: list[tuple[str, Any]]) -> list[Outcome]:
    found = [outcome(lambda: next(generator))]
    for how, value in asked:
        if how == "next":
            found.append(outcome(lambda: next(generator)))
        elif how == "send":
            found.append(outcome(lambda v=value: generator.send(v)))  # type: ignore[misc]
        elif how == "throw":
            found.append(outcome(lambda v=value: generator.throw(ValueError(v))))  # type: ignore[misc]
        else:
            found.append(outcome(generator.close))
    return [*found, outcome(generator.close)]


@given(st.lists(values, max_size=3), st.booleans(), steps)
def test_generators(results: list[Any], stubborn: bool, asked: list[tuple[str, Any]]) -> None:
    decorated = spanglass.observe(numbers)
    assert inspect.isgeneratorfunction(decorated)
    with capture() as spans:
        lazy = decorated(results, stubborn)
        assert len(spans) == 0
        assert str(drive(lazy, asked)) == str(drive(numbers(results, stubborn), asked))


async def later(results: list[Any]) -> AsyncGenerator[Any, Any]:
    for result in results:
        await asyncio.sleep(0)
        try:
            got = yield result
            yield ("got", got)
        except ValueError as error:
            yield ("caught", error.args)


async def drive_async(
    generator: AsyncGenerator[Any, Any], asked: list[tuple[str, Any]]
) -> list[Outcome]:
    found = []
    for how, value in [("next", None), *asked]:
        step: Any = {
            "next": generator.__anext__,
            "send": lambda v=value: generator.asend(v),
            "throw": lambda v=value: generator.athrow(ValueError(v)),
            "close": generator.aclose,
        }[how]
        if how == "send" and not found:
            continue
        try:
            found.append(("returned", await step()))
        except (Exception, StopAsyncIteration) as error:
            found.append(("raised", (type(error), error.args)))
    await generator.aclose()
    return found


@given(st.lists(values, max_size=3), steps)
def test_async_generators(results: list[Any], asked: list[tuple[str, Any]]) -> None:
    decorated = spanglass.observe(later)
    assert inspect.isasyncgenfunction(decorated)
    with capture():
        ours = asyncio.run(drive_async(decorated(results), asked))
    assert str(ours) == str(asyncio.run(drive_async(later(results), asked)))
