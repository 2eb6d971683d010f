"""The control page: Stripe's dashboard, the banks and a bad network on one page of forms, without a script.

Each form posts to an address below the page, which does one action and shows the page again with what came of it.
"""

import sqlite3
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request, Response

from projectloom.config import Settings
from projectloom.sandbox import control_actions as actions
from projectloom.sandbox import events, rules
from projectloom.sandbox.checkout_html import CARDS
from projectloom.sandbox.control_actions import ControlFault
from projectloom.sandbox.control_door import ControlDoor
from projectloom.sandbox.control_html import Shown, control_page
from projectloom.sandbox.control_providers import arm_from_form, disarm_from_form
from projectloom.sandbox.page_shell import message_page, respond
from projectloom.sandbox.rules import FaultRequest
from projectloom.sandbox.store import Store
from projectloom.sandbox.stripe_disputes import Step

PAYMENTS_SHOWN = 20
EVENTS_SHOWN = 50
_MAX_WORDS = 300

Form = dict[str, Any]
Action = Callable[[sqlite3.Connection, Form], str]


def control_page_router(settings: Settings, kept: Store, wake: Callable[[], None]) -> APIRouter:
    """The page at ``/control``, and the forms below it."""
    router = APIRouter()
    door = ControlDoor(settings, kept, wake)

    @router.get("")
    async def show(said: str = "", problem: str = "") -> Response:
        shown = await door.do(_shown)
        return respond(control_page(shown, said=said[:_MAX_WORDS], problem=problem[:_MAX_WORDS]))

    @router.post("/{name}")
    async def act(request: Request, name: str) -> Response:
        action = _ACTIONS.get(name)
        try:
            body = await door.body(request)
        except ControlFault as fault:
            return respond(message_page("That was refused", fault.words), status=fault.status)
        if action is None:
            words = "The page has no button for what was asked."
            return respond(message_page("That is not possible here", words), status=404)
        form = _form(body)
        try:
            said = await door.do(lambda db: action(db, form))
        except ControlFault as fault:
            return _back(request, "problem", fault.words)
        return _back(request, "said", said)

    return router


def _back(request: Request, name: str, words: str) -> Response:
    page = request.url.path.rpartition("/")[0]
    return Response(status_code=303, headers={"Location": f"{page}?{name}={quote(words[:_MAX_WORDS])}"})


def _form(body: bytes) -> Form:
    """The fields that were filled in; one that is given several times is a list."""
    fields = parse_qs(body.decode("utf-8", "replace"))
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def _shown(db: sqlite3.Connection) -> Shown:
    return Shown(
        summary=actions.summary(db),
        payments=[
            intent
            for intent in actions.recent(db, "payment_intent", PAYMENTS_SHOWN)
            if intent["status"] in {"succeeded", "processing"}
        ],
        cards=actions.saved_cards(db, limit=PAYMENTS_SHOWN),
        setups=actions.setups(db, limit=PAYMENTS_SHOWN),
        refunds=actions.recent(db, "refund", PAYMENTS_SHOWN),
        disputes=actions.recent(db, "dispute", PAYMENTS_SHOWN),
        events=actions.event_rows(db, limit=EVENTS_SHOWN),
    )


def _change_rules(db: sqlite3.Connection, form: Form) -> str:
    kinds = str(form.pop("drop_types", "")).replace(",", " ").split()
    # A box that is not ticked is not sent.
    actions.change_rules(db, form | {"drop_types": kinds, "hold": "hold" in form})
    return "The deliveries are set."


def _reset(db: sqlite3.Connection, _form: Form) -> str:
    actions.reset(db)
    return "Everything is as at first."


def _release(db: sqlite3.Connection, _form: Form) -> str:
    return f"{events.release(db, None)} held events are sent."


def _add_fault(db: sqlite3.Connection, form: Form) -> str:
    rules.add_fault(db, FaultRequest.model_validate(form))
    return "The next calls will fail so."


def _clear_faults(db: sqlite3.Connection, _form: Form) -> str:
    rules.clear_faults(db)
    return "No more calls will fail."


def _refund(db: sqlite3.Connection, form: Form) -> str:
    made = actions.refund(db, actions.RefundRequest.model_validate(form))
    return f"Refund {made['id']} is {made['status']}."


def _settle(db: sqlite3.Connection, form: Form) -> str:
    actions.settle_refund(db, str(form.get("refund", "")))
    return "The refund has succeeded."


def _fail(db: sqlite3.Connection, form: Form) -> str:
    actions.fail_refund(db, str(form.get("refund", "")), actions.FailureRequest.model_validate({}))
    return "The refund has failed."


def _dispute(db: sqlite3.Connection, form: Form) -> str:
    made = actions.dispute(db, actions.DisputeRequest.model_validate(form))
    return f"Dispute {made['id']} is open."


def _move(db: sqlite3.Connection, form: Form) -> str:
    try:
        step = Step(form.get("step", ""))
    except ValueError:
        raise ControlFault(404, "unknown_step", "A dispute has no such step.") from None
    moved = actions.move_dispute(db, str(form.get("dispute", "")), step)
    return f"The dispute is {moved['status'].replace('_', ' ')}."


def _card(db: sqlite3.Connection, form: Form) -> str:
    asked = actions.CardRequest.model_validate({"behaviour": form.get("behaviour")})
    changed = actions.change_card(db, str(form.get("card", "")), asked)
    return f"The card ending in {changed['card']['last4']}, when it is charged: {CARDS[asked.behaviour].lower()}."


def _event(db: sqlite3.Connection, form: Form) -> str:
    event_id = str(form.get("event", ""))
    match form.get("do"):
        case "redeliver":
            actions.redeliver(db, event_id)
        case "twin":
            actions.twin(db, event_id)
        case "drop":
            actions.drop(db, event_id)
        case "release":
            events.release(db, [event_id])
        case _:
            raise ControlFault(404, "unknown_action", "An event has no such button.")
    return "Done."


def _wind(db: sqlite3.Connection, form: Form) -> str:
    actions.wind(db, actions.ClockRequest.model_validate(form))
    return "The time has passed."


_ACTIONS: dict[str, Action] = {
    "rules": _change_rules,
    "reset": _reset,
    "release": _release,
    "faults": _add_fault,
    "clear-faults": _clear_faults,
    "refund": _refund,
    "settle": _settle,
    "fail": _fail,
    "dispute": _dispute,
    "move": _move,
    "card": _card,
    "event": _event,
    "clock": _wind,
    "provider-fault": arm_from_form,
    "clear-provider-fault": disarm_from_form,
}
