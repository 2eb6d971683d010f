"""How the control page looks: one section for each thing that can be moved or troubled."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

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
<p class="quiet">Be Stripe's dashboard, the buyer's bank and a bad network. Only demo money moves.
<a href="mailbox">The mailbox</a> shows what people are told.</p>{words}</header>
{_deliveries(shown.summary)}
{_faults(shown.summary)}
{_payments(shown.payments)}
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
<div class="row">{_number("Extra copies of each", "duplicates", asked["duplicates"])}
{_number("Delay, seconds", "delay_seconds", asked["delay_seconds"], step="any")}</div>
<div class="row">{_number("Drop the next", "drop_next", asked["drop_next"])}
{_select("Order", "reorder", ("none", "newest_first", "random"), asked["reorder"])}</div>
<label>Drop these kinds <input name="drop_types" value="{html.escape(" ".join(asked["drop_types"]))}"
 placeholder="checkout.session.completed"></label>
{_select("Refunds over the API", "refunds", list(RefundCourse), asked["refunds"])}
<label class="pick"><input type="checkbox" name="hold" value="true"{" checked" * asked["hold"]}>
Hold new events until they are released</label>
<button class="primary">Set</button></form>
<div class="row">{_button("release", "Release all held", {})}{_button("reset", "Back to normal", {})}</div></section>"""


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
<div class="row">{_select("Method", "method", ("POST", "GET", "*"), "POST")}
<label>Path begins with <input name="path" value="/v1/" maxlength="200"></label></div>
<div class="row">{_number("How often", "times", 1)}{_number("Wait, seconds", "seconds", 0, step="any")}</div>
<button>Add</button></form>
<ul>{coming}</ul>{_button("clear-faults", "Clear", {}) if coming else ""}
<h2>Clock</h2><p class="quiet">Expires sessions, answers banks, brings late deliveries. {summary["bank_answers"]}
answers are awaited.</p><form method="post" action="control/clock" class="row">{waits}</form></section>"""


def _payments(payments: list[dict[str, Any]]) -> str:
    def row(intent: dict[str, Any]) -> list[str]:
        field = _hidden("payment_intent", intent["id"])
        forms = f"""<form method="post" action="control/refund" class="row">{field}
<input name="amount" inputmode="numeric" placeholder="cents, or all" aria-label="Amount in cents" size="12">
<select name="course" aria-label="What becomes of it">{_options(list(RefundCourse), "succeeded")}</select>
<button>Refund</button></form>
<form method="post" action="control/dispute" class="row">{field}{_hidden("withdraw", "true")}
<button>Dispute</button></form>
<form method="post" action="control/dispute" class="row">{field}{_hidden("inquiry", "true")}
<button>Inquiry</button></form>"""
        paid = intent["status"] == "succeeded"
        return [_code(intent["id"]), _amount(intent), _words(intent["status"]), forms if paid else ""]

    return _table("Payments", ("Payment", "Amount", "Status", ""), map(row, payments))


def _refunds(refunds: list[dict[str, Any]]) -> str:
    def row(refund: dict[str, Any]) -> list[str]:
        field = {"refund": refund["id"]}
        pending, live = refund["status"] == "pending", refund["status"] in {"pending", "succeeded"}
        buttons = (_button("settle", "Succeed", field) if pending else "") + (
            _button("fail", "Fail", field) if live else ""
        )
        return [_code(refund["id"]), _amount(refund), _words(refund["status"]), buttons]

    return _table("Refunds", ("Refund", "Amount", "Status", ""), map(row, refunds))


def _disputes(disputes: list[dict[str, Any]]) -> str:
    def row(dispute: dict[str, Any]) -> list[str]:
        steps = _STEPS.get(dispute["status"], ())
        buttons = "".join(_button("move", _words(step), {"dispute": dispute["id"], "step": step}) for step in steps)
        return [_code(dispute["id"]), _amount(dispute), _words(dispute["status"]), buttons]

    return _table("Disputes", ("Dispute", "Amount", "Status", ""), map(row, disputes))


def _events(events: list[dict[str, Any]]) -> str:
    def row(event: dict[str, Any]) -> list[str]:
        do = ["redeliver", "twin"]
        do += {"held": ["release", "drop"], "pending": ["drop"]}.get(event["state"], [])
        buttons = "".join(_button("event", _words(name), {"event": event["id"], "do": name}) for name in do)
        moment = datetime.fromtimestamp(event["created"], UTC).strftime("%H:%M:%S")
        about = _code(str(event["object_id"] or ""))
        return [moment, _code(event["type"]), about, f"{_words(event['state'])} ({event['attempts']})", buttons]

    return _table("Events", ("UTC", "Kind", "About", "Delivery (tries)", ""), map(row, events))


def _table(title: str, heads: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    nothing = '<p class="quiet">None yet.</p>'
    return f'<section class="card span" aria-label="{title}"><h2>{title}</h2>{table if body else nothing}</section>'


def _button(action: str, words: str, fields: dict[str, str]) -> str:
    hidden = "".join(_hidden(name, value) for name, value in fields.items())
    return f'<form method="post" action="control/{action}">{hidden}<button>{words}</button></form>'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{html.escape(value)}">'


def _number(words: str, name: str, value: float, step: str = "1") -> str:
    return f'<label>{words} <input type="number" min="0" step="{step}" name="{name}" value="{value:g}"></label>'


def _select(words: str, name: str, values: Iterable[str], chosen: str) -> str:
    return f'<label>{words} <select name="{name}">{_options(values, chosen)}</select></label>'


def _options(values: Iterable[str], chosen: str) -> str:
    return "".join(
        f'<option value="{value}"{" selected" * (value == chosen)}>{_words(value)}</option>' for value in values
    )


def _amount(of: dict[str, Any]) -> str:
    return money(of["amount"], of["currency"])


def _words(name: str) -> str:
    return html.escape(name.replace("_", " ").capitalize())


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>"
