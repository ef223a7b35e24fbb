"""A plugin for pytest: the fixture `spanglass_spans`. Installed with the SDK, it loads by itself.

    def test_answer(spanglass_spans):
        answer("Where is my order?")
        assert spanglass_spans.tree() == ["answer", ["chat gpt-4o-mini"]]

    @pytest.mark.spanglass(capture_content="redacted")
    def test_no_address_is_recorded(spanglass_spans):
        answer("I am ana@example.com")
        spanglass_spans.assert_absent("ana@example.com")

`spanglass_recorded` stands between a client and its endpoint: with `pytest --spanglass-record` it
asks the endpoint and writes down what it answers, without, the test runs offline.

    def test_the_answer_is_short(spanglass_recorded):
        client = OpenAI(base_url=spanglass_recorded.url("https://api.openai.com/v1"))

It costs a test run nothing until a test asks for the fixture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from spanglass.testing import CapturedSpans, Recorded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--spanglass-record`."""
    parser.addoption(
        "--spanglass-record",
        action="store_true",
        help="ask the endpoints behind spanglass_recorded, and write down what they answer",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line(
        "markers", "spanglass(**settings): settings of the fixture spanglass_spans, as for init"
    )


@pytest.fixture
def spanglass_spans(request: pytest.FixtureRequest) -> Iterator[CapturedSpans]:
    """Spans of the test, in memory, with ids and times that are the same in every run."""
    from spanglass.testing import Clock, capture

    marker = request.node.get_closest_marker("spanglass")
    with capture(clock=Clock(), **(marker.kwargs if marker is not None else {})) as spans:
        yield spans


@pytest.fixture
def spanglass_recorded(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    """Answers of endpoints, from `recorded/` beside the test, in a file of the test's name."""
    from spanglass.testing import Recorded

    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)
    path = request.path.parent / "recorded" / f"{request.path.stem}.{name}.json"
    recorded = Recorded(path, record=bool(request.config.getoption("--spanglass-record")))
    yield recorded
    recorded.close()
