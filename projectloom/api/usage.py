"""What was used and what it cost: every receipt as JSON, and the caps that people set for themselves."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.api.bodies import id_of, read_object
from projectloom.api.identity import caller_of, person_of
from projectloom.db import in_thread
from projectloom.errors import InvalidInput
from projectloom.metering.caps import CapView, read_caps, set_caps
from projectloom.metering.models import CapScope
from projectloom.metering.receipts import Receipt, list_receipts, read_usage_receipt
from projectloom.metering.usage import summarize_usage
from projectloom.workspace.api_keys import Scope

router = APIRouter(prefix="/api")

SOURCES = ("chat", "agent", "summarize", "embeddings", "title")


@router.get("/usage")
async def get_usage(request: Request) -> JSONResponse:
    """``?before=&source=`` → ``{"usage", "next", "total"}``, the latest first; ``next`` is the next ``before``.

    ``total`` is of all time and all sources, and comes with the first page only: it is added up from every record.
    """
    caller = await caller_of(request, scope=Scope.READ)
    before, source = request.query_params.get("before"), request.query_params.get("source")
    if source is not None and source not in SOURCES:
        raise InvalidInput(f"source must be one of {', '.join(SOURCES)}.")
    page = await in_thread(list_receipts, caller.user_id, before=before and id_of(before), source=source)
    total = None
    if before is None:
        summary = await in_thread(summarize_usage, caller.user_id, "all_time")
        total = {"count": summary.count, **dollars("charged", summary.total_nanos)}
    more = page[-1].usage_id if len(page) == limits.USAGE_PAGE else None
    return JSONResponse({"usage": [receipt_values(one) for one in page], "next": more, "total": total})


@router.get("/usage/{usage_id}")
async def get_usage_record(request: Request, usage_id: str) -> JSONResponse:
    """The receipt of one usage record: pools, rates, what was held, captured and freed, who paid, the balance after."""
    caller = await caller_of(request, scope=Scope.READ)
    receipt = await in_thread(read_usage_receipt, caller.user_id, id_of(usage_id))
    after = receipt.balance_nanos
    nothing = {"balanceAfter": None, "balanceAfterUsd": None}
    return JSONResponse(receipt_values(receipt) | (nothing if after is None else dollars("balanceAfter", after)))


@router.get("/caps")
async def get_caps(request: Request) -> JSONResponse:
    """``{"day", "month", "conversation"}``, each with its limit, what is spent, and when it starts anew, or null."""
    person = await person_of(request)
    conversation_id = request.query_params.get("conversationId")
    caps = await in_thread(read_caps, person.user_id, conversation_id and id_of(conversation_id))
    return JSONResponse(_caps(caps))


@router.put("/caps")
async def put_caps(request: Request) -> JSONResponse:
    """``{"day"?, "month"?, "conversation"?}`` in whole dollars; null takes a cap away, and what is left out stays."""
    person = await person_of(request)
    wanted = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    if not wanted or not set(wanted) <= set(CapScope):
        raise InvalidInput("Send day, month or conversation.")
    await in_thread(set_caps, person.user_id, {CapScope(name): value for name, value in wanted.items()})
    return JSONResponse(_caps(await in_thread(read_caps, person.user_id)))


def receipt_values(receipt: Receipt) -> dict[str, object]:
    """A receipt as JSON. Amounts also stand beside themselves as exact strings."""
    return {
        "id": receipt.usage_id,
        "turnId": receipt.turn_id,
        "createdAt": receipt.created_at.isoformat(),
        "provider": receipt.provider,
        "model": receipt.model,
        "source": receipt.source,
        "funding": receipt.funding,
        "completion": receipt.completion,
        "estimated": receipt.estimated,
        "priceVersion": receipt.price_version,
        "markupPercent": receipt.markup_percent,
        "entryId": receipt.entry_id,
        "apiKey": None if receipt.api_key is None else {"id": receipt.api_key.id, "name": receipt.api_key.name},
        "lines": [
            {"label": line.label, "quantity": line.quantity, "rateUsd": line.rate_usd, "per": line.per}
            | dollars("cost", line.cost_nanos)
            for line in receipt.lines
        ],
        **dollars("providerCost", receipt.provider_cost_nanos),
        **dollars("held", receipt.held_nanos),
        **dollars("charged", receipt.charged_nanos),
        **dollars("freed", receipt.freed_nanos),
    }


def _caps(caps: list[CapView]) -> dict[str, object]:
    shown: dict[str, object] = {scope.value: None for scope in CapScope}
    for cap in caps:
        shown[cap.scope.value] = {
            **dollars("limit", cap.limit_nanos),
            **dollars("spent", cap.spent_nanos),
            **dollars("held", cap.held_nanos),
            **dollars("left", cap.left_nanos),
            "resetsAt": cap.resets_at.isoformat() if cap.resets_at else None,
        }
    return shown
