"""The page a person pays on: what Stripe's hosted checkout is, with a button for each thing that can happen there.

Plain HTML and CSS in one answer: no script, nothing from elsewhere. Posting ``outcome`` to the page's own address acts
and then redirects as Stripe does; ``promotion_code`` is redeemed first, and ``card`` says how a saved card will behave.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from projectloom.sandbox import checkout, promotions
from projectloom.sandbox.bodies import read_body
from projectloom.sandbox.checkout import Outcome
from projectloom.sandbox.checkout_html import closed_page, open_page, saving_page
from projectloom.sandbox.page_shell import message_page, respond
from projectloom.sandbox.store import Kept, Store
from projectloom.sandbox.stripe_cards import Behaviour

MAX_FORM_BYTES = 4_096
APPLY = "apply"
_IMPOSSIBLE = ("That is not possible here", "This page has no button for what was asked.")


class PageFault(Exception):
    """A request that the page cannot act on: a status and words for a person."""

    def __init__(self, status: int, title: str, words: str) -> None:
        super().__init__(title)
        self.status, self.title, self.words = status, title, words


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the form said."""

    outcome: Outcome | None
    """None only redeems the code."""
    code: str
    card: Behaviour

    @classmethod
    def of(cls, form: dict[str, list[str]]) -> "_Choice":
        word = form.get("outcome", [""])[-1]
        try:
            outcome = None if word == APPLY else Outcome(word)
            card = Behaviour(form.get("card", [Behaviour.OK])[-1])
        except ValueError:
            raise PageFault(400, *_IMPOSSIBLE) from None
        return cls(outcome, form.get("promotion_code", [""])[-1], card)


def checkout_router(kept: Store, wake: Callable[[], None]) -> APIRouter:
    """The routes below ``/checkout``. ``wake`` tells the deliveries that there may be new events."""
    router = APIRouter()

    @router.get("/{session_id}")
    async def show(session_id: str) -> Response:
        def read() -> Response:
            with kept.transaction() as db:
                return _page(_session(db, session_id))

        answer = await run_in_threadpool(read)
        wake()
        return answer

    @router.post("/{session_id}")
    async def choose(request: Request, session_id: str) -> Response:
        too_large = PageFault(413, "That is too large", "The form sent more than this page has.")
        body = await read_body(request, limit=MAX_FORM_BYTES, too_large=too_large)
        form = parse_qs(body.decode("utf-8", "replace"))
        chosen = _Choice.of(form)

        def act() -> Response:
            with kept.transaction() as db:
                return _chosen(db, session_id, chosen)

        answer = await run_in_threadpool(act)
        wake()
        return answer

    return router


def answer_fault(_request: Request, fault: Exception) -> Response:
    """A page that says what is wrong."""
    if not isinstance(fault, PageFault):
        raise fault
    return respond(message_page(fault.title, fault.words), status=fault.status)


def _session(db: sqlite3.Connection, session_id: str) -> Kept:
    kept = checkout.find_session(db, session_id)
    if kept is None:
        raise PageFault(404, "There is no such checkout", "The link may be cut short. Go back and start again.")
    return kept


def _page(kept: Kept, problem: str | None = None) -> Response:
    session = kept.body
    if session["status"] != "open":
        return respond(closed_page(session), leads_to=_return_addresses(session))
    if session["mode"] == "setup":
        page = saving_page(session, problem=problem)
    else:
        page = open_page(session, kept.private["items"], saves_card=checkout.saves_card(kept), problem=problem)
    return respond(page, leads_to=_return_addresses(session))


def _chosen(db: sqlite3.Connection, session_id: str, choice: _Choice) -> Response:
    kept = _session(db, session_id)
    if kept.body["status"] != "open":
        return _page(kept)
    if choice.code or choice.outcome is None:
        redeemed = promotions.redeem(db, kept, choice.code)
        if redeemed is None:
            return _page(kept, "This code is invalid.")
        kept = redeemed
    if choice.outcome is None:
        return _page(kept)
    if choice.outcome not in checkout.possible(kept.body):
        raise PageFault(400, *_IMPOSSIBLE)
    session = checkout.act(db, kept, choice.outcome, choice.card)
    match choice.outcome:
        case Outcome.DECLINED:
            return _page(kept, "Your card was declined. Try again, or choose another way to pay.")
        case Outcome.CANCEL:
            return Response(status_code=303, headers={"Location": session["cancel_url"]})
        case _:
            return Response(status_code=303, headers={"Location": success_address(session)})


def success_address(session: dict[str, Any]) -> str:
    """Where the buyer goes after paying, with the session's id put in where it was asked for."""
    return session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])


def _return_addresses(session: dict[str, Any]) -> tuple[str, ...]:
    return success_address(session), session["cancel_url"]
