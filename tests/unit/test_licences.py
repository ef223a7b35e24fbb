"""Everything that an installation of Spanglass brings along has a permissive licence."""

import re
from importlib.metadata import PackageNotFoundError, distribution, requires

import pytest
from packaging.requirements import Requirement

#: What people install; `dev` and `quality` (which brings torch) are not among it.
_EXTRAS = ("", "grpc", "gpu", "collector", "prompts", "detectors", "pii", "alerts", "mcp", "oidc")
_PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|Zlib|0BSD|HPND|CC0"
    r"|Boost|public domain",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\bA?GPL|GNU (Affero )?General Public|SSPL|BUSL|Commons Clause|proprietary", re.IGNORECASE
)


def _needed() -> set[str]:
    """Names of all distributions that the extras bring, here."""
    found: set[str] = set()
    waiting = [("spanglass", extra) for extra in _EXTRAS]
    while waiting:
        name, extra = waiting.pop()
        for line in requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            for each in (*requirement.extras, ""):
                if (key := f"{requirement.name}[{each}]") not in found:
                    found.add(key)
                    waiting.append((requirement.name, each))
    return {key.partition("[")[0] for key in found}


def _licence(name: str) -> str:
    metadata = distribution(name).metadata
    classifiers = [
        each for each in metadata.get_all("Classifier") or () if each.startswith("License ::")
    ]
    expression = metadata.get("License-Expression") or ""
    # Some put the whole text there.
    text = (metadata.get("License") or "")[:300]
    return "; ".join(filter(None, (expression, *classifiers, text)))


def test_licences_are_permissive() -> None:
    try:
        requires("spanglass")
    except PackageNotFoundError:
        pytest.skip("spanglass is not installed here: pip install -e .")
    said = {name: _licence(name) for name in sorted(_needed()) if name != "spanglass"}
    assert len(said) > 30
    assert {name: text for name, text in said.items() if not _PERMISSIVE.search(text)} == {}
    assert {name: text for name, text in said.items() if _NOT.search(text)} == {}
