"""The SDK's document says what is there."""

import dataclasses
from pathlib import Path

import spanglass
from spanglass._settings import Settings

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "sdk.md").read_text()


def test_every_setting_is_in_the_table_with_its_variables() -> None:
    for field in dataclasses.fields(Settings):
        [row] = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{field.name}`: ")]
        assert field.metadata["about"] in row
        for variable in field.metadata["variables"]:
            assert f"`{variable.name}`" in row


def test_every_setting_can_be_given_to_init() -> None:
    import inspect

    assert {field.name for field in dataclasses.fields(Settings)} <= set(
        inspect.signature(spanglass.init).parameters
    )
