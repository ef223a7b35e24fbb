"""A plugin for pytest: the fixture `spanglass_spans`. Installed with the SDK, it loads by itself.

    def test_answer(spanglass_spans):
        answer("Where is my order?")
        assert spanglass_spans.tree() == ["answer", ["chat gpt-4o-mini"]]

    @pytest.mark.spanglass(capture_content="redacted")
    def test_no_address_is_recorded(spanglass_spans):
        answer("I am ana@example.com")
        spanglass_spans.assert_absent("ana@example.com")

It costs a test run nothing until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from spanglass.testing import CapturedSpans


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
