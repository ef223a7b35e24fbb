"""Who is asking, signing in and out, and what a page has to know before it can ask anything."""

import asyncio
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from spanglass_dashboards.attempts import Attempts, TooMany
from spanglass_dashboards.context import Context, context_of, who_asks
from spanglass_dashboards.problems import RESPONSES, NotFound, problem
from spanglass_store.access import COOKIES, Denied, allowed, cookie_of
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.state.accounts import Accounts
from spanglass_store.state.principals import Principal
from spanglass_store.state.rights import Right, Role
from spanglass_store.state.sessions import LONGEST, Sessions

router = APIRouter(prefix="/api/v1", tags=["service"])

#: Headers that a key can come in.
_KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key"})
#: Who tries too often is told when to try again.
_TOO_OFTEN: Final[dict[int | str, dict[str, Any]]] = {
    429: RESPONSES[503] | {"description": "Too many attempts"}
}


class RoleOut(BaseModel):
    """What somebody is in a project."""

    project: str = Field(description="`*` is all of them.")
    role: Role


class SignInWays(BaseModel):
    """How people can sign in here; a key always does."""

    accounts: bool = Field(default=False, description="By an account's name and password.")
    provider: str = Field(
        default="", description="What the provider of identities is called; empty without one."
    )


class SessionInfo(BaseModel):
    """Who is asking."""

    version: str = Field(description="Of the service.")
    key_needed: bool = Field(description="Whether the service wants a key or a session.")
    signed_in: bool = Field(description="Whether this request may read.")
    scope: Literal["", "ingest", "read", "admin"] = ""
    account: str = Field(default="", description="Who is signed in, if it is a person.")
    roles: list[RoleOut] = Field(default_factory=list, description="Of the person.")
    rights: list[Right] = Field(
        default_factory=list, description="What may be done in one project at least."
    )
    ways: SignInWays = Field(default_factory=SignInWays)
    payload: bool = Field(default=False, description="Whether prompts and answers may be read.")
    projects: list[str] = Field(
        default_factory=list, description="Projects that may be read and have traces."
    )
    project: str = Field(
        default="", description="The key's own, which is meant where a request names none."
    )
    otlp_http: str = Field(
        default="", description="Host and port on which OTLP over HTTP is taken."
    )
    otlp_grpc: str = Field(
        default="", description="Host and port on which OTLP over gRPC is taken."
    )


class SignIn(BaseModel):
    """Name and password of an account."""

    name: str = Field(min_length=1, max_length=128)
    password: str = Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})


class NewPassword(BaseModel):
    """A password for another."""

    password: str = Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})
    new_password: str = Field(
        min_length=1, max_length=1024, json_schema_extra={"format": "password"}
    )


Asked = Annotated[Context, Depends(context_of)]


@router.get("/session", response_model=SessionInfo)
async def show(request: Request, context: Asked) -> SessionInfo:
    """Whether a key is needed and, with one or a session, what it opens.

    Without a key this always answers; with a wrong one it refuses, so that a person can be told.
    """
    try:
        who = await asyncio.to_thread(who_asks, context, request.scope)
    except Denied as error:
        if error.status == 401 and _KEY_HEADERS.isdisjoint(request.headers.keys()):
            return _nobody(request, context)
        raise
    return await asyncio.to_thread(_info, request, context, who)


@router.post("/session", response_model=SessionInfo, responses=_TOO_OFTEN)
async def sign_in(request: Request, response: Response, context: Asked, body: SignIn) -> Any:
    """Signs a person in: the answer sets a cookie that stands for them."""
    accounts, sessions = people_of(context)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if headers.get("origin"):
        context.gate.require_own_page(headers, request.method)
    name, address = body.name.strip().lower(), address_of(request)
    attempts = _attempts(request)
    try:
        attempts.take(name, address)
    except TooMany as error:
        return problem(429, "Too many attempts", str(error), **{"Retry-After": str(error.wait_s)})
    async with attempts.checking:
        account = await asyncio.to_thread(accounts.check, name, body.password)
    if account is None:
        # A name that nobody has may be a password in the wrong field: it is not written down.
        known = await asyncio.to_thread(_is_known, accounts, name)
        await note(context, name if known else "unknown", "session.refused", address)
        return problem(401, "Not signed in", "Name or password is wrong.")
    attempts.give_back(name, address)
    secret, who = await asyncio.to_thread(sessions.open, account.name)
    await note(context, account.name, "session.open", address)
    set_cookie(request, context, response, secret)
    return await asyncio.to_thread(_info, request, context, who)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, context: Asked) -> Response:
    """Signs out the browser that asks; does nothing for who comes with a key."""
    secret = cookie_of(request.headers)
    if secret and context.sessions is not None:
        await asyncio.to_thread(context.sessions.close, secret)
    answer = Response(status_code=204)
    for name in COOKIES:
        answer.delete_cookie(
            name, path="/", secure=name.startswith("__"), httponly=True, samesite="strict"
        )
    return answer


@router.put("/session/password", response_model=SessionInfo, responses=_TOO_OFTEN)
async def change_password(
    request: Request, response: Response, context: Asked, body: NewPassword
) -> Any:
    """Changes the password of who is signed in, and signs them out everywhere else."""
    accounts, sessions = people_of(context)
    who = await asyncio.to_thread(who_asks, context, request.scope)
    if not who.is_account:
        raise NotAllowed("Only a person who is signed in has a password.")
    address, attempts = address_of(request), _attempts(request)
    try:
        attempts.take(who.name, address)
    except TooMany as error:
        return problem(429, "Too many attempts", str(error), **{"Retry-After": str(error.wait_s)})
    async with attempts.checking:
        account = await asyncio.to_thread(accounts.check, who.name, body.password)
    if account is None:
        raise NotAllowed("The present password is wrong.")
    attempts.give_back(who.name, address)
    await asyncio.to_thread(accounts.reset_password, who.name, body.new_password)
    sessions.forget()
    secret, who = await asyncio.to_thread(sessions.open, who.name)
    set_cookie(request, context, response, secret)
    return await asyncio.to_thread(_info, request, context, who)


def set_cookie(request: Request, context: Context, response: Response, secret: str) -> None:
    """Has the browser keep a session; over TLS under a name that only this host can set."""
    is_secure = request.url.scheme == "https" or context.public_url.startswith("https://")
    response.set_cookie(
        COOKIES[0] if is_secure else COOKIES[1],
        secret,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )


def _nobody(request: Request, context: Context) -> SessionInfo:
    return SessionInfo(
        version=str(request.app.version), key_needed=True, signed_in=False, ways=_ways(context)
    )


def _ways(context: Context) -> SignInWays:
    has_accounts = context.accounts is not None and context.accounts.configured()
    provider = context.provider.name if context.provider is not None else ""
    return SignInWays(accounts=has_accounts, provider=provider)


def _info(request: Request, context: Context, who: Principal) -> SessionInfo:
    rights = [right for right in Right if who.narrowed(right) is not None]
    if who.is_account and not rights:
        projects: list[str] = []
    else:
        who = allowed(who, Right.READ)
        projects = _projects(context, who)
    return SessionInfo(
        version=str(request.app.version),
        key_needed=not context.gate.is_open(),
        signed_in=True,
        scope=who.scope.value,
        account=who.key_id if who.is_account else "",
        roles=[RoleOut(project=project, role=role) for project, role in who.roles or ()],
        rights=rights,
        ways=_ways(context),
        payload=who.payload,
        projects=projects,
        project=who.project,
        otlp_http=context.addresses.get("otlp_http", ""),
        otlp_grpc=context.addresses.get("otlp_grpc", ""),
    )


def _projects(context: Context, principal: Principal) -> list[str]:
    if principal.projects is not None:
        return list(principal.projects)
    store = context.store(principal)
    rows = store.query(
        f"SELECT DISTINCT project FROM {store.database}.traces ORDER BY project LIMIT 1000"
    ).rows
    return [str(row[0]) for row in rows]


def people_of(context: Context) -> tuple[Accounts, Sessions]:
    if context.accounts is None or context.sessions is None:
        raise NotFound("This process keeps no accounts.")
    return context.accounts, context.sessions


def _attempts(request: Request) -> Attempts:
    attempts = request.app.state.attempts
    assert isinstance(attempts, Attempts)
    return attempts


def address_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _is_known(accounts: Accounts, name: str) -> bool:
    try:
        accounts.get(name)
    except StoreError:
        return False
    return True


async def note(context: Context, actor: str, action: str, address: str) -> None:
    if context.audit is not None:
        await asyncio.to_thread(context.audit.add, actor, action, address)
