"""How the control page looks: one section for each thing that can be moved or troubled."""

import html
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from projectloom.sandbox.checkout_html import CARDS
from projectloom.sandbox.control_forms import (
    as_code,
    button_form,
    hidden_field,
    in_words,
    number_field,
    option_list,
    select_field,
    table_section,
)
from projectloom.sandbox.control_provider_html import model_providers
from projectloom.sandbox.page_shell import money
from projectloom.sandbox.rules import FaultKind, RefundCourse

_STEPS = {
    "needs_response": ("withdraw", "reinstate", "review", "won", "lost"),
    "under_review": ("withdraw", "reinstate", "won", "lost"),
    "lost": ("withdraw", "reinstate"),
    "won": ("reinstate",),
    "warning_needs_response": ("review", "escalate", "warning_closed"),
    "warning_under_review": ("escalate", "warning_closed"),
}
_FAULT_WORDS = {
    FaultKind.CONFLICT: "409 conflict",
    FaultKind.RATE_LIMIT: "429 too many requests",
    FaultKind.ERROR: "500 (kept under the key)",
    FaultKind.TIMEOUT: "timeout, nothing done",
    FaultKind.RESET: "connection reset, nothing done",
    FaultKind.LOST: "done, but the answer is lost",
}
_WAITS = {600: "10 minutes", 3_600: "an hour", 86_400: "a day", 259_200: "3 days", 1_209_600: "14 days"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows."""

    summary: dict[str, Any]
    payments: list[dict[str, Any]]
    cards: list[dict[str, Any]]
    """Each with its ``behaviour``."""
    setups: list[dict[str, Any]]
    """Checkout sessions that save a card."""
    refunds: list[dict[str, Any]]
    disputes: list[dict[str, Any]]
    events: list[dict[str, Any]]


def control_page(shown: Shown, *, said: str, problem: str) -> tuple[str, str]:
    """The page's title and body; ``said`` and ``problem`` are what came of the last form."""
    words = f'<p class="notice" role="status">{html.escape(said)}</p>' if said else ""
    words += f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    return (
        "Control",
        f"""<main class="wide">
<header class="span"><h2>Sandbox control</h2>
<p class="quiet">Be Stripe's dashboard, the buyer's bank, a bad network and a model provider on a bad
day. Only demo money moves.
<a href="mailbox">The mailbox</a> shows what people are told.</p>{words}</header>
{_deliveries(shown.summary)}
{_faults(shown.summary)}
{model_providers(shown.summary)}
{_payments(shown.payments)}
{_cards(shown.cards)}
{_setups(shown.setups)}
{_refunds(shown.refunds)}
{_disputes(shown.disputes)}
{_events(shown.events)}
</main>""",
    )


def _deliveries(summary: dict[str, Any]) -> str:
    asked, counts = summary["rules"], summary["deliveries"]
    facts = " · ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())
    return f"""<section class="card" aria-label="Deliveries"><h2>Webhook deliveries</h2>
<p class="quiet">{facts}</p>
<form method="post" action="control/rules">
<div class="row">{number_field("Extra copies of each", "duplicates", asked["duplicates"])}
{number_field("Delay, seconds", "delay_seconds", asked["delay_seconds"], step="any")}</div>
<div class="row">{number_field("Drop the next", "drop_next", asked["drop_next"])}
{select_field("Order", "reorder", ("none", "newest_first", "random"), asked["reorder"])}</div>
<label>Drop these kinds <input name="drop_types" value="{html.escape(" ".join(asked["drop_types"]))}"
 placeholder="checkout.session.completed"></label>
{select_field("Refunds over the API", "refunds", list(RefundCourse), asked["refunds"])}
<label class="pick"><input type="checkbox" name="hold" value="true"{" checked" * asked["hold"]}>
Hold new events until they are released</label>
<button class="primary">Set</button></form>
<div class="row">{button_form("release", "Release all held", {})}
{button_form("reset", "Back to normal", {})}</div></section>"""


def _faults(summary: dict[str, Any]) -> str:
    options = "".join(f'<option value="{kind}">{words}</option>' for kind, words in _FAULT_WORDS.items())
    coming = "".join(
        f"<li>{fault['remaining']} × {_FAULT_WORDS[FaultKind(fault['kind'])]} at "
        f"<code>{html.escape(fault['method'])} {html.escape(fault['path'])}</code></li>"
        for fault in summary["faults"]
    )
    waits = "".join(f'<button name="seconds" value="{seconds}">{words}</button>' for seconds, words in _WAITS.items())
    return f"""<section class="card" aria-label="Faults"><h2>Faults of API calls</h2>
<form method="post" action="control/faults">
<label>What goes wrong <select name="kind">{options}</select></label>
<div class="row">{select_field("Method", "method", ("POST", "GET", "*"), "POST")}
<label>Path begins with <input name="path" value="/v1/" maxlength="200"></label></div>
<div class="row">{number_field("How often", "times", 1)}{number_field("Wait, seconds", "seconds", 0, step="any")}</div>
<button>Add</button></form>
<ul>{coming}</ul>{button_form("clear-faults", "Clear", {}) if coming else ""}
<h2>Clock</h2><p class="quiet">Expires sessions, answers banks, brings late deliveries. {summary["bank_answers"]}
answers are awaited.</p><form method="post" action="control/clock" class="row">{waits}</form></section>"""


def _payments(payments: list[dict[str, Any]]) -> str:
    def row(intent: dict[str, Any]) -> list[str]:
        field = hidden_field("payment_intent", intent["id"])
        forms = f"""<form method="post" action="control/refund" class="row">{field}
<input name="amount" inputmode="numeric" placeholder="cents, or all" aria-label="Amount in cents" size="12">
<select name="course" aria-label="What becomes of it">{option_list(list(RefundCourse), "succeeded")}</select>
<button>Refund</button></form>
<form method="post" action="control/dispute" class="row">{field}{hidden_field("withdraw", "true")}
<button>Dispute</button></form>
<form method="post" action="control/dispute" class="row">{field}{hidden_field("inquiry", "true")}
<button>Inquiry</button></form>"""
        paid = intent["status"] == "succeeded"
        return [as_code(intent["id"]), _amount(intent), in_words(intent["status"]), forms if paid else ""]

    return table_section("Payments", ("Payment", "Amount", "Status", ""), map(row, payments))


def _cards(cards: list[dict[str, Any]]) -> str:
    def row(method: dict[str, Any]) -> list[str]:
        card = method["card"]
        behaviours = "".join(
            f'<option value="{behaviour}"{" selected" * (behaviour == method["behaviour"])}>{words}</option>'
            for behaviour, words in CARDS.items()
        )
        form = f"""<form method="post" action="control/card" class="row">{hidden_field("card", method["id"])}
<select name="behaviour" aria-label="What happens when it is charged">{behaviours}</select>
<button>Set</button></form>"""
        name = f"{in_words(card['brand'])} {card['last4']}, {card['exp_month']:02d}/{card['exp_year'] % 100:02d}"
        return [name, as_code(method["customer"]), as_code(method["id"]), form]

    return table_section("Saved cards", ("Card", "Customer", "Payment method", "When it is charged"), map(row, cards))


def _setups(setups: list[dict[str, Any]]) -> str:
    def row(session: dict[str, Any]) -> list[str]:
        page = f'<a href="{html.escape(session["url"])}">Open the page</a>' if session["url"] else ""
        moment = datetime.fromtimestamp(session["created"], UTC).strftime("%H:%M:%S")
        saved = as_code(session["setup_intent"]) if session["setup_intent"] else page
        return [moment, as_code(session["customer"] or ""), in_words(session["status"]), saved]

    return table_section("Card-saving pages", ("UTC", "Customer", "Status", "Setup intent"), map(row, setups))


def _refunds(refunds: list[dict[str, Any]]) -> str:
    def row(refund: dict[str, Any]) -> list[str]:
        field = {"refund": refund["id"]}
        pending, live = refund["status"] == "pending", refund["status"] in {"pending", "succeeded"}
        buttons = (button_form("settle", "Succeed", field) if pending else "") + (
            button_form("fail", "Fail", field) if live else ""
        )
        return [as_code(refund["id"]), _amount(refund), in_words(refund["status"]), buttons]

    return table_section("Refunds", ("Refund", "Amount", "Status", ""), map(row, refunds))


def _disputes(disputes: list[dict[str, Any]]) -> str:
    def row(dispute: dict[str, Any]) -> list[str]:
        steps = _STEPS.get(dispute["status"], ())
        buttons = "".join(
            button_form("move", in_words(step), {"dispute": dispute["id"], "step": step}) for step in steps
        )
        return [as_code(dispute["id"]), _amount(dispute), in_words(dispute["status"]), buttons]

    return table_section("Disputes", ("Dispute", "Amount", "Status", ""), map(row, disputes))


def _events(events: list[dict[str, Any]]) -> str:
    def row(event: dict[str, Any]) -> list[str]:
        do = ["redeliver", "twin"]
        do += {"held": ["release", "drop"], "pending": ["drop"]}.get(event["state"], [])
        buttons = "".join(button_form("event", in_words(name), {"event": event["id"], "do": name}) for name in do)
        moment = datetime.fromtimestamp(event["created"], UTC).strftime("%H:%M:%S")
        about = as_code(str(event["object_id"] or ""))
        return [moment, as_code(event["type"]), about, f"{in_words(event['state'])} ({event['attempts']})", buttons]

    return table_section("Events", ("UTC", "Kind", "About", "Delivery (tries)", ""), map(row, events))


def _amount(of: dict[str, Any]) -> str:
    return money(of["amount"], of["currency"])
