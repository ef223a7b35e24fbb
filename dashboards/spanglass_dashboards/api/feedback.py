"""Feedback by a signed link: a browser posts it without a key.

What a link allows is in its token (`spanglass.feedback_token`): one score, of one span or trace,
until it ends. So it can be posted from any page, and says nothing to whoever opens it.
"""

import asyncio
import hashlib
import html
import math
import secrets
import time
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, ValidationError, model_validator

from spanglass.feedback_token import FeedbackTarget, InvalidToken, verify
from spanglass_dashboards.context import Context, context_of
from spanglass_dashboards.problems import problem
from spanglass_store.errors import StoreError
from spanglass_store.queries.scores import Score, add_scores

router = APIRouter(tags=["scores"])

_FORM: Final = "application/x-www-form-urlencoded"
#: Any page may post: the token is what allows it, and nothing of the browser's is used.
_FROM_ANYWHERE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
#: Fields of a form that are read: it has three.
_MOST_FIELDS: Final = 20
_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  box-sizing: border-box; background: Canvas; color: CanvasText }
main { width: 100%; max-width: 26rem }
h1 { font-size: 1.25rem; margin: 0 0 1.25rem }
fieldset { border: 0; padding: 0; margin: 0 0 1rem; display: flex; gap: .75rem }
label.choice { flex: 1; text-align: center; padding: .75rem; cursor: pointer; position: relative;
  border: 1px solid color-mix(in srgb, CanvasText 50%, Canvas); border-radius: .5rem }
label.choice:has(:checked) { border-color: #3b6fd4; box-shadow: inset 0 0 0 1px #3b6fd4;
  background: color-mix(in srgb, #3b6fd4 18%, Canvas); font-weight: 600 }
label.choice:has(:focus-visible), textarea:focus-visible, button:focus-visible {
  outline: 2px solid #3b6fd4; outline-offset: 2px }
label.choice input { position: absolute; opacity: 0 }
label.text { display: block; margin-top: 1rem }
form:not(:has([value="down"]:checked)) label.correction { display: none }
textarea { width: 100%; box-sizing: border-box; min-height: 6rem; font: inherit; padding: .6rem;
  border: 1px solid color-mix(in srgb, CanvasText 50%, Canvas); border-radius: .5rem;
  background: Canvas; color: CanvasText; margin-top: .25rem }
button { width: 100%; margin-top: 1.25rem; padding: .75rem; font: inherit; font-weight: 600;
  border: 0; border-radius: .5rem; background: #2f5fc0; color: #fff; cursor: pointer }
"""
_ASK: Final = """<h1>Was this answer helpful?</h1>
<form method="post">
<fieldset><legend hidden>Your judgement</legend>
<label class="choice"><input type="radio" name="thumbs" value="up" required> 👍 Yes</label>
<label class="choice"><input type="radio" name="thumbs" value="down"> 👎 No</label></fieldset>
<label class="text">What should we know? (optional)
<textarea name="comment" maxlength="10000"></textarea></label>
<label class="text correction">What would have been right? (optional)
<textarea name="correction" maxlength="10000"></textarea></label>
<button>Send</button>
</form>"""


class Feedback(BaseModel):
    """What a person says of an answer."""

    thumbs: Literal["up", "down"] | None = None
    rating: float | None = Field(None, allow_inf_nan=False)
    rating_scale: tuple[float, float] = Field((1, 5), description="The worst rating and the best.")
    comment: str = Field("", max_length=10_000)
    correction: str = Field(
        "", max_length=100_000, description="The answer as it should have been."
    )

    @model_validator(mode="after")
    def _says_something(self) -> "Feedback":
        if self.thumbs is None and self.rating is None and not (self.comment or self.correction):
            raise ValueError("give thumbs, a rating, a comment or a correction")
        if self.rating is not None:
            low, high = sorted(self.rating_scale)
            # Some finite scales are longer than any number, and what lies on them has no place.
            if not math.isfinite(high - low):
                raise ValueError("the rating's scale has to be of finite length")
            if low == high or not low <= self.rating <= high:
                raise ValueError(f"the rating has to lie between {low:g} and {high:g}")
        return self

    def score(self, target: FeedbackTarget, token: str) -> Score:
        """The score that this is. Given again by the same link, it takes the first one's place."""
        value, label, metadata = None, "", {}
        if self.thumbs is not None:
            value, label = float(self.thumbs == "up"), self.thumbs
        if self.rating is not None:
            worst, best = self.rating_scale
            value = (self.rating - worst) / (best - worst)
            metadata = {"rating": f"{self.rating:g}", "rating_scale": f"[{worst:g},{best:g}]"}
        if value is None:
            label = "correction" if self.correction else "comment"
        return Score(
            project=target.project,
            name=target.name,
            value=value,
            label=label,
            source="user",
            explanation=self.comment,
            correction=self.correction,
            evaluator="feedback link",
            trace_id=target.trace_id,
            span_id=target.span_id,
            metadata=metadata,
            score_id=hashlib.sha256(token.encode()).hexdigest()[:32],
        )


class Taken(BaseModel):
    """The id under which feedback was stored."""

    id: str


_BODY: Final = {"schema": Feedback.model_json_schema()}


_IS_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": said, "content": {"text/html": {}}}
    for status, said in ((200, "The form."), (403, "Why the link can't be used."))
}


@router.get("/feedback/{token}", response_class=HTMLResponse, responses=_IS_PAGE)
async def ask(token: str, context: Annotated[Context, Depends(context_of)]) -> Response:
    """A page that asks for feedback."""
    try:
        _verified(token, context)
    except InvalidToken as error:
        return _page(_said("This link can't be used", str(error)), 403)
    return _page(_ASK)


@router.options("/feedback/{token}", status_code=204)
async def may_post(token: str) -> Response:
    """Browsers ask first whether another page may post here."""
    return Response(status_code=204, headers=_FROM_ANYWHERE)


@router.post(
    "/feedback/{token}",
    response_model=Taken,
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": _BODY}}},
)
async def give(
    token: str, request: Request, context: Annotated[Context, Depends(context_of)]
) -> Response:
    """Stores feedback on what the link is about; it takes no key, and may come from any page."""
    is_form = request.headers.get("content-type", "").partition(";")[0].strip() == _FORM
    try:
        target = _verified(token, context)
        body = await request.body()
        given = _read_form(body) if is_form else Feedback.model_validate_json(body)
    except InvalidToken as error:
        return _answer(is_form, 403, "This link can't be used", str(error))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        said = f"{place}: {reason}" if place else reason
        return _answer(is_form, 422, "Not valid", said)
    score = given.score(target, token)
    try:
        await asyncio.to_thread(add_scores, context.owner(), [score])
    except StoreError:
        return _answer(is_form, 503, "Not available right now", "Please try again in a minute.")
    if is_form:
        return _page(_said("Thank you", "Your feedback has been recorded."), 201)
    return Response(
        Taken(id=score.score_id).model_dump_json(), 201, _FROM_ANYWHERE, "application/json"
    )


def _verified(token: str, context: Context) -> FeedbackTarget:
    if not context.feedback_secrets:
        raise InvalidToken(
            "feedback links are not set up here: start the service with --feedback-secret"
        )
    return verify(token, context.feedback_secrets, time.time())


def _read_form(body: bytes) -> Feedback:
    text = body.decode("utf-8", "replace")
    # `parse_qsl` has a limit of its own, whose error would not say what to do.
    fields: dict[str, Any] = dict(parse_qsl(text)) if text.count("&") < _MOST_FIELDS else {}
    if fields.get("thumbs") != "down":
        fields.pop("correction", None)  # written before a change of mind; the page hides it
    return Feedback.model_validate(fields)


def _answer(is_form: bool, status: int, title: str, detail: str) -> Response:
    if is_form:
        return _page(_said(title, detail), status)
    return problem(status, title, detail, **_FROM_ANYWHERE)


def _said(title: str, detail: str) -> str:
    sentence = detail[:1].upper() + detail[1:].removesuffix(".") + "."
    return f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(sentence)}</p>"


def _page(content: str, status: int = 200) -> Response:
    nonce = secrets.token_urlsafe(16)
    page = (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>Feedback</title>'
        f'<style nonce="{nonce}">{_STYLE}</style>\n<main>{content}</main></html>\n'
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "DENY"}
    return Response(page, status, headers, "text/html; charset=utf-8")
