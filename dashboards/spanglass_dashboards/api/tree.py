"""The shape of one trace, for its tree and waterfall."""

import asyncio
import json
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from spanglass_dashboards.context import Context, context_of, reader
from spanglass_dashboards.problems import NotFound
from spanglass_store.queries.tree import COLUMNS, MOST_SPANS, TraceTree, trace_tree
from spanglass_store.state.keys import Principal

router = APIRouter(prefix="/api/v1", tags=["traces"])

_TRACE_ID: Final = re.compile(r"^[0-9a-fA-F]{32}$")


class Tree(BaseModel):
    """The spans of a trace in rows, with what a tree shows of them."""

    trace_id: str
    columns: list[str] = Field(description="What the values of a row are, in order.")
    rows: list[list[Any]] = Field(description="One a span, in the order of their start.")
    truncated: bool = Field(
        description=f"Whether spans beyond the first {MOST_SPANS:,} are left out."
    )


@router.get("/traces/{trace_id}/tree", response_model=Tree)
async def show(
    trace_id: Annotated[str, Path(description="32 hexadecimal digits.")],
    context: Annotated[Context, Depends(context_of)],
    principal: Annotated[Principal, Depends(reader)],
) -> Response:
    """The shape of a trace: every span without its attributes, events and payload."""
    if not _TRACE_ID.match(trace_id):
        raise NotFound(f"{trace_id!r} is no trace id: that is 32 hexadecimal digits.")
    wanted = trace_id.lower()
    tree = await asyncio.to_thread(trace_tree, context.store(principal), wanted)
    if not tree.rows:
        raise NotFound(
            "There is no such trace. It may not have arrived yet, be older than what is kept,"
            " or belong to another project."
        )
    return Response(_document(wanted, tree), media_type="application/json")


def _document(trace_id: str, tree: TraceTree) -> bytes:
    head = json.dumps(
        {"trace_id": trace_id, "columns": list(COLUMNS), "truncated": tree.truncated}
    ).encode()
    return head[:-1] + b',"rows":[' + b",".join(tree.rows) + b"]}"
