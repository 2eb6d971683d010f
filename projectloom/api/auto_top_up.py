"""Auto top-up and the saved card over HTTP."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.api.bodies import read_object
from projectloom.api.gate import person_for
from projectloom.api.identity import person_of
from projectloom.billing.auto_settings import AutoTopUpView, read_auto_top_up, set_auto_top_up
from projectloom.billing.cards import CardView, open_card_setup, read_saved_card, remove_card
from projectloom.db import in_thread
from projectloom.rates import Act

router = APIRouter(prefix="/api/auto-top-up")


@router.get("")
async def get_auto_top_up(request: Request) -> JSONResponse:
    """What the person set, what was charged this month, and their saved card."""
    person = await person_of(request)
    view = await in_thread(read_auto_top_up, person.user_id)
    return _answer(view, await in_thread(read_saved_card, person.user_id))


@router.put("")
async def put_auto_top_up(request: Request) -> JSONResponse:
    """``{"enabled", "threshold", "amount", "monthlyCeiling"}``, in whole dollars."""
    person = await person_of(request)
    wanted = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    view = await in_thread(
        set_auto_top_up,
        person.user_id,
        enabled=wanted.get("enabled"),
        threshold_usd=wanted.get("threshold"),
        amount_usd=wanted.get("amount"),
        ceiling_usd=wanted.get("monthlyCeiling"),
    )
    return _answer(view, await in_thread(read_saved_card, person.user_id))


@router.post("/card")
async def post_card(request: Request) -> JSONResponse:
    """``{"url"}`` of Stripe's page for saving a card."""
    person = await person_for(request, Act.CHECKOUT)
    return JSONResponse({"url": await open_card_setup(person.user_id, person.email)})


@router.delete("/card")
async def delete_card(request: Request) -> JSONResponse:
    """Forget the saved card; auto top-up is off with it."""
    person = await person_of(request)
    await remove_card(person.user_id)
    return JSONResponse({"ok": True})


def _answer(view: AutoTopUpView, card: CardView | None) -> JSONResponse:
    shown = card and {"brand": card.brand, "last4": card.last4, "expMonth": card.exp_month, "expYear": card.exp_year}
    return JSONResponse(
        {
            "enabled": view.enabled,
            "threshold": view.threshold_usd,
            "amount": view.amount_usd,
            "monthlyCeiling": view.ceiling_usd,
            "stopped": view.stopped,
            "card": shown,
            **dollars("chargedThisMonth", view.charged_nanos),
        }
    )
