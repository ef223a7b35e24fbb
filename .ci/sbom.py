"""Prints what an installation is made of, as CycloneDX 1.6 in JSON.

Of Python what the extra `all` brings here, with every dependency of a dependency; of JavaScript
what is built into the pages, from `package-lock.json`.

Source: OWASP CycloneDX 1.6 (ECMA-424), sections "components" and "dependencies"; package URLs.
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "dashboards" / "web" / "package-lock.json"


def document(name: str = "spanglass", extra: str = "all") -> dict[str, Any]:
    """The bill of materials of a distribution with an extra."""
    found: dict[str, dict[str, Any]] = {}
    needs: dict[str, set[str]] = {}
    waiting, seen = [(name, extra)], {(name, extra)}
    while waiting:
        each, asked = waiting.pop()
        here = _component(each)
        found[here["bom-ref"]] = here
        needs.setdefault(here["bom-ref"], set())
        for line in distribution(each).requires or ():
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate({"extra": asked}):
                continue
            try:
                needed = _component(requirement.name)
            except PackageNotFoundError:
                continue  # of another extra's, and not installed here
            if needed["bom-ref"] != here["bom-ref"]:
                needs[here["bom-ref"]].add(needed["bom-ref"])
            for more in ("", *requirement.extras):
                if (requirement.name, more) not in seen:
                    seen.add((requirement.name, more))
                    waiting.append((requirement.name, more))
    root = _component(name)
    own = found.pop(root["bom-ref"])
    pages = _pages()
    needs[own["bom-ref"]] |= {each["bom-ref"] for each in pages}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own | {"type": "application"}},
        "components": sorted([*found.values(), *pages], key=lambda each: str(each["bom-ref"])),
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(others)} for ref, others in sorted(needs.items())
        ],
    }


def _component(name: str) -> dict[str, Any]:
    found = distribution(name)
    normal = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    purl = f"pkg:pypi/{normal}@{found.version}"
    licence = found.metadata.get("License-Expression")
    return {
        "type": "library", "bom-ref": purl, "name": normal, "version": found.version, "purl": purl,
        **({"licenses": [{"expression": licence}]} if licence else {}),
    }  # fmt: skip


def _pages() -> list[dict[str, Any]]:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    found: dict[str, dict[str, Any]] = {}
    for path, each in packages.items():
        if not path or each.get("dev") or each.get("link"):
            continue
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{each['version']}"
        found[purl] = {
            "type": "library", "bom-ref": purl, "name": name, "version": each["version"],
            "purl": purl,
            **({"licenses": [{"expression": each["license"]}]} if each.get("license") else {}),
        }  # fmt: skip
    return list(found.values())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=1) + "\n")
