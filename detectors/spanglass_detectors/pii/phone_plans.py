"""What telephone numbers a country has at all: a look that takes a tenth of parsing one."""

import re
from functools import lru_cache
from typing import Any

from phonenumbers import PhoneMetadata
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as REGIONS_OF_CODE


def _metadata(region: str) -> Any:
    return PhoneMetadata.metadata_for_region(region, None)


class Plan:
    """A country's numbers: what can be one at all.

    Args:
        region: ISO 3166 code.
    """

    def __init__(self, region: str) -> None:
        own = _metadata(region)
        self._code = str(own.country_code)
        self._abroad = re.compile(own.international_prefix or "(?!)")
        prefix = own.national_prefix_for_parsing
        self._prefix = re.compile(prefix) if prefix else None
        self._transform = own.national_prefix_transform_rule or None
        # Countries that share a code share the plan.
        self._general = [
            re.compile(_metadata(other).general_desc.national_number_pattern)
            for other in REGIONS_OF_CODE[own.country_code]
        ]

    def could_be(self, digits: str) -> bool:
        """Whether digits may be a number; False is certain."""
        if self._abroad.match(digits):
            return True
        forms = {digits}
        if digits.startswith(self._code):
            forms.add(digits[len(self._code) :])
        if self._prefix is not None:
            # Twice: behind the country's code, and behind what is left of it.
            for _ in range(2):
                forms |= {each for form in forms for each in self._without_prefix(form)}
        return any(general.fullmatch(form) for general in self._general for form in forms)

    def _without_prefix(self, digits: str) -> list[str]:
        assert self._prefix is not None
        match = self._prefix.match(digits)
        if match is None:
            return []
        found = [digits[match.end() :]]
        if self._transform is not None and match.groups() and match.groups()[-1] is not None:
            found.append(self._prefix.sub(self._transform, digits, count=1))
        return found


@lru_cache(maxsize=256)
def plan(region: str) -> Plan:
    """The plan of a country, made once."""
    return Plan(region)
