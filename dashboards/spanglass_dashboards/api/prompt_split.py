"""A split of live traffic between two versions: users compared, guardrails, how long it takes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from spanglass_dashboards.api.comparing import SampleRatio, not_installed, ratio
from spanglass_dashboards.api.prompts import Name, OfProject
from spanglass_dashboards.api.time_range import OpenEnd, OpenStart
from spanglass_dashboards.context import Context, context_of, of_project, reader
from spanglass_store.errors import StoreError
from spanglass_store.queries.users_of_split import Split, users_of_split
from spanglass_store.state.keys import Principal

if TYPE_CHECKING:
    from spanglass_detectors.live_split import Guardrail

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])

Reader = Annotated[Principal, Depends(reader)]
Which = Annotated[str, Query(min_length=1, max_length=200, description="Version.")]
_DAYS: Final = 14
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UserValue(BaseModel):
    """Means of users on both sides; what users were like before the test is taken out (CUPED)."""

    name: str
    before: float
    after: float
    difference: float
    low: float = Field(description="Of the 95 % interval for one look at the end.")
    high: float
    p: float = Field(description="Corrected for how many are compared (Holm).")
    is_clear: bool
    always_low: float | None = Field(
        description="Of the interval that holds however often one looks; null below 30 users."
    )
    always_high: float | None
    variance_saved: float = Field(description="Share that the time before the test explains.")
    users_before: int
    users_after: int


class GuardrailOut(BaseModel):
    """What the second version may not make worse."""

    guardrail: str
    always_low: float | None = Field(description="All guardrails together keep 95 %.")
    always_high: float | None
    is_broken: bool = Field(description="The harm is beyond doubt, however often one looks.")


class SplitOut(BaseModel):
    """A test on live traffic, user by user."""

    users_before: int
    users_after: int
    users_of_both: int = Field(description="Saw both versions, and count on no side.")
    sample_ratio: SampleRatio | None = Field(description="Where an expected share was given.")
    changed_p: float = Field(description="Of shares so different from day to day by chance.")
    is_changed: bool = Field(description="The split changed in the middle: compare parts of it.")
    values: list[UserValue]
    guardrails: list[GuardrailOut]
    should_stop: bool = Field(description="A guardrail is broken.")


class PowerOut(BaseModel):
    """Users and days that it takes to find a difference, from the prompt's own traffic."""

    name: str
    mean: float
    sd: float = Field(description="Standard deviation between users.")
    effect: float = Field(description="The difference that is to be found.")
    users_per_day: float
    users_at_the_end: int = Field(description="Of both sides, to look once; 5 % and the power.")
    users_however_often: int = Field(description="To look whenever one likes.")
    days_at_the_end: float | None = Field(description="null where no new users come.")
    days_however_often: float | None


@router.get("/{name}/split")
async def split(
    context: Annotated[Context, Depends(context_of)],
    principal: Reader,
    name: Name,
    before: Which,
    after: Which,
    start: OpenStart = None,
    end: OpenEnd = None,
    expected_share: Annotated[float | None, Query(ge=0.001, le=0.999)] = None,
    guardrail: Annotated[
        list[str] | None,
        Query(max_length=20, description="error_rate=+0.02 may rise, score.relevance=-0.05 fall."),
    ] = None,
    project: OfProject = "",
) -> SplitOut:
    """Two versions compared user by user, with guardrails and checks of the split.

    The range is that of the test: users' calls in the two weeks before `start` are what they were
    like. It is the last 14 days unless given.
    """
    if before == after:
        raise StoreError("Both versions are the same: name two.")
    rules = guardrails_of(guardrail or [])
    of = of_project(principal, project)
    until = end or datetime.now(UTC) + timedelta(minutes=1)
    since = start or max(until - timedelta(days=_DAYS), _FIRST)
    store = context.store(principal)
    return await asyncio.to_thread(
        lambda: judged(
            users_of_split(store, of, name, (before, after), since, until), rules, expected_share
        )
    )


@router.get("/{name}/power")
async def power(
    context: Annotated[Context, Depends(context_of)],
    principal: Reader,
    name: Name,
    version: Which,
    effect: Annotated[float, Query(gt=0, le=1e12, description="In the value's unit.")],
    value: Annotated[str, Query(max_length=200)] = "duration_s",
    share: Annotated[float, Query(ge=0.001, le=0.999, description="Of the new version.")] = 0.5,
    chance: Annotated[float, Query(ge=0.5, le=0.99, description="To find it.")] = 0.8,
    days: Annotated[int, Query(ge=1, le=90, description="Of traffic that is looked at.")] = _DAYS,
    project: OfProject = "",
) -> PowerOut:
    """How many users, and days, it takes to find a difference, from what users did so far."""
    of = of_project(principal, project)
    until = datetime.now(UTC) + timedelta(minutes=1)
    store = context.store(principal)

    def answer() -> PowerOut:
        start = until - timedelta(days=days)
        found = users_of_split(store, of, name, (version, ""), start, until)
        return needed_for(found, value, effect, share, chance)

    return await asyncio.to_thread(answer)


def guardrails_of(texts: list[str]) -> list[tuple[str, "Guardrail"]]:
    """Guardrails as they are typed.

    Raises:
        StoreError: if one is none, or scipy is not installed.
    """
    if not texts:
        return []
    by = _statistics()
    try:
        return [(text, by.guardrail(text)) for text in texts]
    except ValueError as error:
        raise StoreError(str(error)) from error


def judged(
    found: Split, rules: list[tuple[str, "Guardrail"]], expected_share: float | None
) -> SplitOut:
    """What a split's users say.

    Raises:
        StoreError: if a guardrail names a value that nobody has, or scipy is not installed.
    """
    by = _statistics()
    from spanglass_detectors.comparison import holm

    names = sorted({*found.before, *found.after})
    for text, rule in rules:
        if names and rule.name not in names:
            raise StoreError(f"The guardrail {text}: there is no such value; {', '.join(names)}.")

    def of(name: str, confidence: float = by.CONFIDENCE) -> Any:
        sides = (found.before.get(name, {}), found.after.get(name, {}))
        return by.compared_users(*sides, found.earlier.get(name, {}), confidence)

    tests = [(name, one) for name in names if (one := of(name)).difference is not None]
    ps = holm([one.difference.p for _, one in tests])
    confidence = by.confidence_of(len(rules))
    held = [(text, rule, of(rule.name, confidence).looks) for text, rule in rules]
    guarded = [
        GuardrailOut(
            guardrail=text, always_low=looks and looks.low, always_high=looks and looks.high,
            is_broken=rule.is_broken(looks),
        )
        for text, rule, looks in held
    ]  # fmt: skip
    p = by.changed(found.days)
    return SplitOut(
        users_before=found.units_before, users_after=found.units_after, users_of_both=found.both,
        sample_ratio=None if expected_share is None
        else ratio(found.units_before, found.units_after, expected_share),
        changed_p=p, is_changed=by.is_changed(p),
        values=[
            UserValue(
                name=name, before=one.difference.before, after=one.difference.after,
                difference=one.difference.difference, low=one.difference.low,
                high=one.difference.high, p=corrected, is_clear=one.difference.is_clear,
                always_low=one.looks and one.looks.low, always_high=one.looks and one.looks.high,
                variance_saved=one.saved, users_before=one.difference.n_before,
                users_after=one.difference.n_after,
            )
            for (name, one), corrected in zip(tests, ps, strict=True)
        ],
        guardrails=guarded, should_stop=any(each.is_broken for each in guarded),
    )  # fmt: skip


def needed_for(found: Split, value: str, effect: float, share: float, chance: float) -> PowerOut:
    """Users and days that a difference takes.

    Raises:
        StoreError: if too few users have the value, or it is the same for all.
    """
    by = _statistics()
    import numpy as np

    values = np.array(list(found.before.get(value, {}).values()))
    if values.size < by.FEWEST_TO_LOOK:
        raise StoreError(
            f"{values.size} users have {value}; {by.FEWEST_TO_LOOK} are the fewest to go by. There"
            f" are: {', '.join(sorted(found.before)) or 'no users: send user_id or session_id'}."
        )
    sd = float(values.std(ddof=1))
    if sd == 0:
        raise StoreError(f"{value} is the same for all users: any difference shows at once.")
    try:
        took = by.needed(sd, effect, share, chance)
    except ValueError as error:
        raise StoreError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
    daily = found.units_before / max(1, len(found.days))
    return PowerOut(
        name=value, mean=float(values.mean()), sd=sd, effect=effect, users_per_day=daily,
        users_at_the_end=took.at_the_end, users_however_often=took.however_often,
        days_at_the_end=took.at_the_end / daily if daily else None,
        days_however_often=took.however_often / daily if daily else None,
    )  # fmt: skip


def _statistics() -> Any:
    try:
        from spanglass_detectors import live_split
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    return live_split
