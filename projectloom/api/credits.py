"""``GET /api/credits/balance``, ``POST /api/credits/redeem`` and ``POST /api/stripe/create-checkout``."""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.api.bodies import read_object, text_of
from projectloom.api.errors import error_response
from projectloom.api.gate import person_for
from projectloom.api.identity import caller_of, person_of
from projectloom.billing.balance import read_balance
from projectloom.billing.checkout import create_checkout
from projectloom.billing.codes import redeem_code
from projectloom.db import in_thread
from projectloom.errors import DatabaseUnavailable, InvalidAmount, InvalidInput, PaymentUnavailable
from projectloom.rates import Act
from projectloom.workspace.api_keys import Scope

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/api")


@router.get("/credits/balance")
async def get_balance(request: Request) -> JSONResponse:
    """The person's balance and what they ever spent, in dollars; exact strings stand beside the numbers."""
    try:
        caller = await caller_of(request, scope=Scope.READ)
        balances = await in_thread(read_balance, caller.user_id)
    except DatabaseUnavailable as error:
        _log.exception("balance could not be read")
        return error_response(error, status=500, message="Failed to fetch balance")
    return JSONResponse(
        dollars("balance", balances.posted_nanos)
        | dollars("lifetimeSpent", balances.spent_nanos)
        | dollars("available", balances.available_nanos)
        | dollars("held", balances.held_nanos)
        | dollars("debt", balances.debt_nanos)
        | dollars("frozen", balances.frozen_nanos)
    )


@router.post("/credits/redeem")
async def post_redeem(request: Request) -> JSONResponse:
    """``{"code"}`` → ``{"amount", "amountUsd", "expiresAt", "already"}``; ``already``: nothing was added now."""
    person = await person_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    code = text_of(values, "code", limit=limits.MAX_SMALL_BODY_BYTES)
    redeemed = await in_thread(redeem_code, person.user_id, code)
    expires_at = redeemed.expires_at.isoformat() if redeemed.expires_at else None
    return JSONResponse(
        dollars("amount", redeemed.amount_nanos) | {"expiresAt": expires_at, "already": redeemed.already}
    )


@router.post("/stripe/create-checkout")
async def post_create_checkout(request: Request) -> JSONResponse:
    """``{"amount": 10|25|50|100}``, or ``{"customAmount": 37}``, → ``{"url"}`` of Stripe's page."""
    person = await person_for(request, Act.CHECKOUT)
    try:
        wanted = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
        custom = "customAmount" in wanted and "amount" not in wanted
        amount = wanted["customAmount"] if custom else wanted.get("amount")
        url = await create_checkout(person.user_id, person.email, amount, custom=custom)
    except InvalidInput:
        return error_response(InvalidAmount())
    except (PaymentUnavailable, DatabaseUnavailable) as error:
        return error_response(error, status=500, message="Failed to create checkout session")
    return JSONResponse({"url": url})
