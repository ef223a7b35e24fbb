"""Query parameters that an operation does not have are refused.

A filter that is misspelt and passed over would show, or count, more than was asked for.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute

#: Names of an operation's parameters, by its id: found when it is first asked with one.
_KNOWN: Final[dict[str, frozenset[str]]] = {}
#: Operations whose parameters somebody else decides.
_TAKE_ANY: Final[set[Callable[..., Any]]] = set()

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def takes_any(endpoint: _Endpoint) -> _Endpoint:
    """Marks an operation whose parameters somebody else decides."""
    _TAKE_ANY.add(endpoint)
    return endpoint


def only_known(request: Request) -> None:
    """A dependency of every operation.

    Raises:
        RequestValidationError: if the request has a query parameter that the operation has not.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    if route.endpoint in _TAKE_ANY:
        return
    # Routes can't be hashed; an operation's id is one in the application.
    known = _KNOWN.get(route.unique_id)
    if known is None:
        known = _KNOWN[route.unique_id] = _names(route.dependant)
    for name in request.query_params:
        if name not in known:
            raise RequestValidationError([{"loc": ("query", name), "msg": _advice(name, known)}])


def _names(dependant: Dependant) -> frozenset[str]:
    fields = get_flat_params(dependant)
    return frozenset(field.alias for field in fields if isinstance(field.field_info, Query))


def _advice(name: str, known: frozenset[str]) -> str:
    if not known:
        return "there is no such parameter; this operation has none."
    nearest = get_close_matches(name, known, n=1)
    if nearest:
        return f"there is no such parameter. Did you mean {nearest[0]!r}?"
    return f"there is no such parameter; there are {', '.join(sorted(known))}."
