"""Accounts: people who sign in, and what they are in which project."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from spanglass_dashboards.context import (
    Context,
    administrator,
    context_of,
    manager,
    of_project,
)
from spanglass_dashboards.problems import NotFound
from spanglass_store.errors import NotAllowed, StoreError
from spanglass_store.state.accounts import Account, Accounts
from spanglass_store.state.principals import Principal
from spanglass_store.state.rights import ALL_PROJECTS, Right, Role

router = APIRouter(prefix="/api/v1/accounts", tags=["service"])

_Project = r"^(\*|[a-z0-9][a-z0-9_-]{0,63})$"
Manager = Annotated[Principal, Depends(manager)]
Name = Annotated[str, Path(max_length=128)]
Project = Annotated[str, Path(pattern=_Project, description="`*` is all of them.")]


class AccountIn(BaseModel):
    """Somebody who is to sign in."""

    name: str = Field(
        min_length=1, max_length=128, description="What they sign in with: a name or an address."
    )
    password: str = Field(
        min_length=12, max_length=256, json_schema_extra={"format": "password"},
        description="To begin with; they can change it.",
    )  # fmt: skip
    role: Role = Role.VIEWER
    project: str = Field("default", pattern=_Project, description="`*` is all of them.")
    payload: bool = Field(True, description="Whether they may read prompts and answers.")


class AccountChange(BaseModel):
    """What is to change; what is left out stays."""

    payload: bool | None = Field(None, description="Whether they may read prompts and answers.")
    disabled: bool | None = Field(None, description="Whether they are let in no more.")
    password: str | None = Field(
        None, min_length=12, max_length=256, json_schema_extra={"format": "password"},
        description="Another one; they are signed out everywhere.",
    )  # fmt: skip


class RoleIn(BaseModel):
    """What somebody is to be."""

    role: Role


class AccountOut(BaseModel):
    """Somebody who signs in."""

    name: str
    payload: bool
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None = Field(description="The last time.")
    is_external: bool = Field(description="Whether they sign in by OpenID Connect.")
    roles: dict[str, Role] = Field(description="By project; `*` is all of them.")


class AccountList(BaseModel):
    """People, by name."""

    items: list[AccountOut]


def _book(context: Annotated[Context, Depends(context_of)]) -> Accounts:
    if context.accounts is None:
        raise NotFound("This process keeps no accounts.")
    return context.accounts


Book = Annotated[Accounts, Depends(_book)]
OfRequest = Annotated[Context, Depends(context_of)]


@router.get("")
async def list_(book: Book, principal: Manager) -> AccountList:
    """Everybody, for administrators; those with a role in the project for the project's."""
    found = await asyncio.to_thread(book.list)
    if not principal.may(Right.ADMIN):
        found = [each for each in found if _visible(each, principal)]
    return AccountList(items=[_shown(each, principal) for each in found])


@router.post("", status_code=201, dependencies=[Depends(administrator)])
async def create(book: Book, context: OfRequest, body: AccountIn) -> AccountOut:
    """Makes an account. After the first one, an administrator's, nobody gets in without."""
    gives_all = body.role is Role.ADMIN and body.project == ALL_PROJECTS
    if not gives_all and await asyncio.to_thread(context.gate.is_open):
        raise StoreError(
            "The first account closes the doors: make it an administrator's, in all projects"
            ' (`"role": "admin", "project": "*"`).'
        )
    made = await asyncio.to_thread(
        book.create, body.name, body.password, {body.project: body.role}, body.payload
    )
    return _out(made)


@router.patch("/{name}", dependencies=[Depends(administrator)])
async def change(book: Book, context: OfRequest, name: Name, body: AccountChange) -> AccountOut:
    """Lets somebody in no more, or again; gives them another password, or a grant."""
    if body.password is not None:
        await asyncio.to_thread(book.reset_password, name, body.password)
    if body.payload is not None:
        await asyncio.to_thread(book.set_payload, name, body.payload)
    if body.disabled is not None:
        await asyncio.to_thread(book.disable, name, body.disabled)
    _forget(context)
    return _out(await asyncio.to_thread(book.get, name))


@router.put("/{name}/roles/{project}")
async def give(
    book: Book, context: OfRequest, principal: Manager, name: Name, project: Project, body: RoleIn
) -> AccountOut:
    """Says what somebody is in a project."""
    _may_give(principal, project)
    found = await asyncio.to_thread(book.set_role, name, project, body.role)
    _forget(context)
    return _shown(found, principal)


@router.delete("/{name}/roles/{project}")
async def take(
    book: Book, context: OfRequest, principal: Manager, name: Name, project: Project
) -> AccountOut:
    """Somebody is nothing in a project any more."""
    _may_give(principal, project)
    found = await asyncio.to_thread(book.set_role, name, project, None)
    _forget(context)
    return _shown(found, principal)


def _may_give(principal: Principal, project: str) -> None:
    if project != ALL_PROJECTS:
        of_project(principal, project)
    elif not principal.may(Right.ADMIN):
        raise NotAllowed("Roles in all projects are given by an administrator of all projects.")


def _forget(context: Context) -> None:
    if context.sessions is not None:
        context.sessions.forget()


def _visible(account: Account, principal: Principal) -> bool:
    return any(project in (principal.projects or ()) for project in account.roles)


def _shown(account: Account, principal: Principal) -> AccountOut:
    """An account, with the roles that concern whoever asks."""
    shown = _out(account)
    if principal.projects is not None:
        shown.roles = {p: role for p, role in shown.roles.items() if p in principal.projects}
    return shown


def _out(account: Account) -> AccountOut:
    return AccountOut(**vars(account))
