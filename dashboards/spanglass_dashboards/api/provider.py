"""Signing in with a provider of identities: there, and back."""

import asyncio
import logging
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse

from spanglass_dashboards.api.session import address_of, note, people_of, set_cookie
from spanglass_dashboards.context import Context, context_of
from spanglass_dashboards.parameters import takes_any
from spanglass_dashboards.problems import NotFound
from spanglass_dashboards.signing import NotSignedIn, SignInProvider
from spanglass_store.errors import StoreError

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/v1/session/provider", tags=["service"])

#: What a browser keeps while somebody is at the provider. Lax: they come back from another site.
_COOKIE: Final = "spanglass-signing-in"

Asked = Annotated[Context, Depends(context_of)]


@router.get("", status_code=302, response_class=RedirectResponse)
async def leave(
    request: Request,
    context: Asked,
    page: Annotated[
        str, Query(max_length=2000, description="Where to be afterwards: a path of ours.")
    ] = "/",
) -> RedirectResponse:
    """Sends a browser to the provider of identities."""
    provider = _provider(context)
    try:
        sent = await asyncio.to_thread(provider.send, _back(request, context), _ours(page))
    except NotSignedIn as error:
        return await _refused(request, context, error)
    answer = RedirectResponse(sent.address, 302)
    answer.set_cookie(
        _COOKIE,
        sent.kept,
        max_age=sent.seconds,
        path=router.prefix,
        secure=_base(request, context).startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/callback", status_code=302, response_class=RedirectResponse)
@takes_any
async def arrive(request: Request, context: Asked) -> RedirectResponse:
    """Where the provider sends a browser back: opens a session, or says why not."""
    provider = _provider(context)
    accounts, sessions = people_of(context)
    try:
        arrived = await asyncio.to_thread(
            provider.take_back,
            request.cookies.get(_COOKIE, ""),
            _back(request, context),
            dict(request.query_params),
        )
        try:
            account = await asyncio.to_thread(
                accounts.arrive, arrived.subject, arrived.name, arrived.roles
            )
            sessions.forget()
            secret, who = await asyncio.to_thread(sessions.open, account.name)
        except StoreError as error:
            raise NotSignedIn("disabled", str(error)) from error
    except NotSignedIn as error:
        return await _refused(request, context, error)
    await note(context, who.name, "session.open", address_of(request))
    answer = RedirectResponse(_ours(arrived.page), 302)
    set_cookie(request, context, answer, secret)
    answer.delete_cookie(_COOKIE, path=router.prefix)
    return answer


async def _refused(request: Request, context: Context, error: NotSignedIn) -> RedirectResponse:
    """Back to the page of signing in, which explains; the log has the details."""
    log.warning("somebody could not sign in: %s", error)
    await note(context, "unknown", "session.refused", address_of(request))
    answer = RedirectResponse(f"/?{urlencode({'refused': error.why})}", 302)
    answer.delete_cookie(_COOKIE, path=router.prefix)
    return answer


def _provider(context: Context) -> SignInProvider:
    if context.provider is None:
        raise NotFound("No provider of identities is set up here: see --oidc-issuer.")
    return context.provider


def _base(request: Request, context: Context) -> str:
    """Our address as the browser knows it."""
    return (context.public_url or str(request.base_url)).rstrip("/")


def _back(request: Request, context: Context) -> str:
    return f"{_base(request, context)}{router.prefix}/callback"


def _ours(page: str) -> str:
    """A path of ours; two slashes, either way they lean, would begin another site's address."""
    is_path = page.startswith("/") and not page.startswith(("//", "/\\"))
    return page if is_path and page.isprintable() else "/"
