"""Conditions of commands: an empty one is a mistake, never everybody."""

import pytest

from spanglass_collector.cli.conditions import conditions
from spanglass_store.errors import StoreError


def test_what_was_given_counts() -> None:
    assert conditions(user_id="42", project=None) == {"user_id": "42"}


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_condition_is_refused(value: str) -> None:
    with pytest.raises(StoreError, match="--user is empty"):
        conditions(user_id=value, project="shop")
