"""Every movement of a person's credit, as JSON and as a file; and taking a purchase back."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from projectloom.api.amounts import dollars
from projectloom.api.bodies import before_of, id_of
from projectloom.api.identity import person_of
from projectloom.billing.refunds import request_refund
from projectloom.billing.statement import Chosen, Movement, choose, read_statement, statement_csv
from projectloom.db import in_thread

router = APIRouter(prefix="/api")


@router.get("/statement")
async def get_statement(request: Request) -> JSONResponse:
    """``?kind=&since=&until=&before=`` → ``{"movements", "next"}``, the latest first.

    ``kind`` may be said several times or name several with commas between; ``since`` and ``until`` are the first and
    the last day, in UTC; ``next`` is the ``before`` of the next page.
    """
    person = await person_of(request)
    page = await in_thread(read_statement, person.user_id, _chosen(request), before=before_of(request))
    return JSONResponse(page_of_movements(page))


@router.get("/statement.csv")
async def get_statement_csv(request: Request) -> StreamingResponse:
    """The same as a file for a spreadsheet; no cell of it can be a formula."""
    person = await person_of(request)
    chosen = _chosen(request)
    # So that books out of reach are an answer of their own, not a file that breaks off.
    await in_thread(read_statement, person.user_id, chosen)
    headers = {"content-disposition": 'attachment; filename="projectloom-statement.csv"', "cache-control": "no-store"}
    return StreamingResponse(
        statement_csv(person.user_id, chosen), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.post("/orders/{order_id}/refund")
async def post_refund(request: Request, order_id: str) -> JSONResponse:
    """Take an unspent purchase back, to where it was paid from."""
    person = await person_of(request)
    await request_refund(person.user_id, id_of(order_id))
    return JSONResponse({"ok": True})


def _chosen(request: Request) -> Chosen:
    asked = request.query_params
    kinds = [kind for named in asked.getlist("kind") for kind in named.split(",")]
    return choose(kinds, asked.get("since"), asked.get("until"))


def page_of_movements(page: list[Movement]) -> dict[str, object]:
    """A page of a statement, and where the next one begins."""
    return {"movements": [_line(movement) for movement in page], "next": page[-1].id if page else None}


def _line(movement: Movement) -> dict[str, object]:
    return {
        "id": movement.id,
        "date": movement.created_at.isoformat(),
        "kind": movement.kind,
        "label": movement.label,
        "cause": movement.cause,
        "orderId": movement.order_id,
        "entryId": movement.entry_id,
        **dollars("amount", movement.amount_nanos),
        **dollars("balance", movement.balance_nanos),
    }
