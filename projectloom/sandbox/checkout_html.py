"""The words and buttons of the page that takes a payment, and of the one that only saves a card, in Stripe's layout."""

import html
from typing import Any

from projectloom.sandbox.page_shell import message_page, money
from projectloom.sandbox.promotions import CODES
from projectloom.sandbox.stripe_cards import Behaviour

CARDS = {
    Behaviour.OK: "It works",
    Behaviour.DECLINES: "It will be declined",
    Behaviour.AUTHENTICATION: "The bank will ask for authentication",
}
"""What a saved card does when it is charged later."""


def open_page(
    session: dict[str, Any], items: list[dict[str, Any]], *, saves_card: bool, problem: str | None
) -> tuple[str, str]:
    """The page of a session that can still be paid."""
    total = money(session["amount_total"], session["currency"])
    return (
        f"Pay {total}",
        f"""<main>
<section aria-label="What you buy">
<h1>{html.escape(items[0]["name"])}</h1>
<p class="amount">{total}</p>
{"".join(_line(item) for item in items)}
{_sums(session)}
<div class="line"><p><strong>Total due</strong></p><p class="money"><strong>{total}</strong></p></div>
{_code_form(session)}
</section>
<section class="card" aria-label="Payment">
<h2>Choose what happens</h2>
{_alert(problem)}{_buyer(session)}
<form method="post">
{_buttons(session, total, saves_card=saves_card) if session["amount_total"] else _FREE}
<button class="plain" name="outcome" value="cancel">Cancel and go back</button>
</form>
</section>
</main>""",
    )


def saving_page(session: dict[str, Any], *, problem: str | None) -> tuple[str, str]:
    """The page of a session that saves a card and takes no payment."""
    return (
        "Save a card",
        f"""<main>
<section aria-label="What you save">
<h1>ProjectLoom</h1>
<p class="amount">Save a card</p>
<p>Nothing is charged now. The card is kept, so that it can be charged later while you are away.</p>
{_buyer(session)}
</section>
<section class="card" aria-label="Card">
<h2>Choose what happens</h2>
{_alert(problem)}
<form method="post">
{_card_choice("When the saved card is charged later:")}
<button class="primary" name="outcome" value="saved">Save card</button>
<button class="plain" name="outcome" value="cancel">Cancel</button>
</form>
</section>
</main>""",
    )


def _alert(problem: str | None) -> str:
    return f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""


def _buyer(session: dict[str, Any]) -> str:
    details: dict[str, Any] | None = session["customer_details"]
    email = details["email"] if details else None
    return f'<p class="quiet">For {html.escape(email)}</p>' if email else ""


_FREE = '<button class="primary" name="outcome" value="paid">Complete without paying</button>'


_BANK = """<p class="quiet divider">Bank transfer: the answer comes a few seconds after you return.</p>
<button name="outcome" value="later_paid">Pay later (bank confirms)</button>
<button name="outcome" value="later_failed">Pay later (bank refuses)</button>"""


def _buttons(session: dict[str, Any], total: str, *, saves_card: bool) -> str:
    card = f"""{_card_choice("The card is saved. When it is charged later:") if saves_card else ""}
<button class="primary" name="outcome" value="paid">Pay {total}</button>
<button name="outcome" value="declined">Decline the card</button>"""
    shown = {"card": card, "us_bank_account": _BANK}
    return "\n".join(shown[kind] for kind in session["payment_method_types"])


def _card_choice(legend: str) -> str:
    picks = "".join(
        f'<label class="pick"><input type="radio" name="card" value="{card}"{" checked" * (card is Behaviour.OK)}>'
        f"{words}</label>"
        for card, words in CARDS.items()
    )
    return f"<fieldset><legend>{legend}</legend>{picks}</fieldset>"


def _sums(session: dict[str, Any]) -> str:
    details, rows = session["total_details"], ""
    for words, cents in (("Discount", -details["amount_discount"]), ("Tax", details["amount_tax"])):
        if cents:
            rows += f'<div class="line"><p>{words}</p><p class="money">{money(cents, session["currency"])}</p></div>'
    return rows


def _code_form(session: dict[str, Any]) -> str:
    if not session["allow_promotion_codes"]:
        return ""
    return f"""<form method="post" class="row">
<label>Promotion code <input name="promotion_code" autocomplete="off" maxlength="40"></label>
<button name="outcome" value="apply">Apply</button>
</form>
<p class="quiet">In the sandbox: {" or ".join(CODES)}.</p>"""


def closed_page(session: dict[str, Any]) -> tuple[str, str]:
    """The page of a session that is complete or expired."""
    saving = session["mode"] == "setup"
    if session["status"] == "expired":
        link = _link(session["cancel_url"], "Go back")
        if saving:
            return message_page("This page has expired", "No card was saved. Go back to start again.", link)
        return message_page("This checkout has expired", "Nothing was paid. Go back to start again.", link)
    link = _link(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), "Go back to the site")
    if saving:
        return message_page("The card is saved", "Nothing was charged. It can be charged later.", link)
    if session["payment_status"] == "no_payment_required":
        return message_page("This checkout is complete", "There was nothing to pay.", link)
    if session["payment_status"] == "paid":
        return message_page("This checkout is complete", "It was paid once and cannot be paid again.", link)
    words = "The payment was handed to the bank, which answers by itself."
    return message_page("This checkout is complete", words, link)


def _line(item: dict[str, Any]) -> str:
    description = f'<p class="quiet">{html.escape(item["description"])}</p>' if item["description"] else ""
    count = f" &times; {item['quantity']}" if item["quantity"] > 1 else ""
    amount = money(item["unit_amount"] * item["quantity"], item["currency"])
    return (
        f'<div class="line"><div><p>{html.escape(item["name"])}{count}</p>{description}</div>'
        f'<p class="money">{amount}</p></div>'
    )


def _link(address: str, words: str) -> str:
    return f'<a class="button primary" href="{html.escape(address)}">{words}</a>'
