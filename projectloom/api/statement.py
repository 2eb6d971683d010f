"""Every movement of a person's credit, as JSON and as a file; and taking a purchase back."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from projectloom.api.amounts import dollars
from projectloom.api.bodies import id_of
from projectloom.api.identity import person_of
from projectloom.billing.refunds import request_refund
from projectloom.billing.statement import Movement, read_statement, statement_csv
from projectloom.db import in_thread
from projectloom.errors import InvalidInput

router = APIRouter(prefix="/api")

_MOST_BEFORE = 2**62


@router.get("/statement")
async def get_statement(request: Request) -> JSONResponse:
    """``?before=&kind=`` → ``{"movements", "next"}``, the latest first; ``next`` is the ``before`` of the next page."""
    person = await person_of(request)
    before, kind = _before(request), request.query_params.get("kind")
    page = await in_thread(read_statement, person.user_id, before=before, kind=kind)
    return JSONResponse({"movements": [_line(movement) for movement in page], "next": page[-1].id if page else None})


@router.get("/statement.csv")
async def get_statement_csv(request: Request) -> StreamingResponse:
    """The same as a file for a spreadsheet; no cell of it can be a formula."""
    person = await person_of(request)
    kind = request.query_params.get("kind")
    await in_thread(read_statement, person.user_id, kind=kind)
    headers = {"content-disposition": 'attachment; filename="projectloom-statement.csv"', "cache-control": "no-store"}
    return StreamingResponse(
        statement_csv(person.user_id, kind=kind), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.post("/orders/{order_id}/refund")
async def post_refund(request: Request, order_id: str) -> JSONResponse:
    """Take an unspent purchase back, to where it was paid from."""
    person = await person_of(request)
    await request_refund(person.user_id, id_of(order_id))
    return JSONResponse({"ok": True})


def _before(request: Request) -> int | None:
    text = request.query_params.get("before")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) > _MOST_BEFORE:
        raise InvalidInput("before must be a whole number.")
    return int(text)


def _line(movement: Movement) -> dict[str, object]:
    return {
        "id": movement.id,
        "date": movement.created_at.isoformat(),
        "kind": movement.kind,
        "label": movement.label,
        "cause": movement.cause,
        "entryId": movement.entry_id,
        **dollars("amount", movement.amount_nanos),
        **dollars("balance", movement.balance_nanos),
    }
