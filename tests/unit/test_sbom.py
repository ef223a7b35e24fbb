"""The bill of materials names everything that is installed and what is built into the pages."""

import importlib.util
import json
from importlib.metadata import PackageNotFoundError, requires
from types import ModuleType
from typing import Any

import pytest

from support.running import ROOT


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / ".ci" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names_of(found: dict[str, Any], root: str) -> set[str]:
    """The names of the components, of a bill that is whole in itself."""
    found = json.loads(json.dumps(found))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    own = found["metadata"]["component"]
    assert own["name"] == root
    components = {each["bom-ref"]: each for each in found["components"]}
    assert len(components) == len(found["components"])
    needed = {each for one in found["dependencies"] for each in one["dependsOn"]}
    assert needed == set(components), "each is there because another needs it"
    assert {one["ref"] for one in found["dependencies"]} <= {*components, own["bom-ref"]}
    return {each["name"] for each in components.values()}


def test_a_distribution_with_its_dependencies(sbom: ModuleType) -> None:
    names = names_of(sbom.document("fastapi", ""), "fastapi")
    # Its own, those of one of them, and what is built into the pages; no tool of the build.
    assert {"starlette", "pydantic", "pydantic-core", "react", "@mantine/core"} <= names
    assert not {"vite", "typescript", "eslint"} & names


def test_spanglass_itself(sbom: ModuleType) -> None:
    try:
        requires("spanglass")
    except PackageNotFoundError:
        pytest.skip("spanglass is not installed here: pip install -e .")
    names = names_of(sbom.document(extra="collector"), "spanglass")
    assert {"fastapi", "sqlalchemy", "chdb-core", "argon2-cffi", "opentelemetry-sdk"} <= names
    assert not {"pytest", "ruff"} & names
