"""How the checkout page looks: Stripe's layout in the product's colours, and "Sandbox" in sight all the time."""

import html
import secrets
from typing import Any
from urllib.parse import urlsplit

from fastapi import Response

_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}

_STYLE = """
:root { color-scheme: light dark;
  --canvas: #FAFAFA; --panel: #FFFFFF; --inset: #F4F4F5; --text: #18181B; --quiet: #52525B; --border: #E4E4E7;
  --strong: #D4D4D8; --accent: #1D4ED8; --on-accent: #FFFFFF; --error: #B91C1C; --error-soft: #FEF2F2;
  --warn: #78350F; --warn-soft: #FEF3C7; --warn-edge: #F59E0B; }
@media (prefers-color-scheme: dark) { :root {
  --canvas: #111113; --panel: #1C1C1F; --inset: #252528; --text: #D4D4D8; --quiet: #A1A1AA; --border: #2A2A2E;
  --strong: #3C3C42; --accent: #60A5FA; --on-accent: #0B1220; --error: #FCA5A5; --error-soft: #2D1618;
  --warn: #FCD34D; --warn-soft: #2B2111; --warn-edge: #B45309; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--canvas); color: var(--text);
  font: 16px/1.5 Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.band { padding: 8px 16px; background: var(--warn-soft); color: var(--warn); border-bottom: 1px solid var(--warn-edge);
  text-align: center; font-size: 14px; font-weight: 600; }
main { max-width: 880px; margin: 0 auto; padding: 48px 24px; display: grid; gap: 48px;
  grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); align-items: start; }
main.single { max-width: 480px; grid-template-columns: minmax(0, 1fr); }
h1 { margin: 0 0 4px; font-size: 16px; font-weight: 500; color: var(--quiet); overflow-wrap: anywhere; }
h2 { margin: 0 0 16px; font-size: 20px; font-weight: 600; }
.amount { margin: 0 0 24px; font-size: 40px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.15;
  font-variant-numeric: tabular-nums; }
.line { display: flex; gap: 16px; justify-content: space-between; padding: 12px 0;
  border-top: 1px solid var(--border); }
.line p { margin: 0; overflow-wrap: anywhere; }
.line .money { font-variant-numeric: tabular-nums; white-space: nowrap; }
.quiet { color: var(--quiet); font-size: 14px; }
.card { background: var(--panel); border: 1px solid var(--border); border-radius: 12px; padding: 24px; }
form { display: grid; gap: 8px; }
button, .button { display: block; width: 100%; min-height: 44px; padding: 10px 16px; border-radius: 8px;
  border: 1px solid var(--strong); background: transparent; color: var(--text); font: inherit; font-weight: 500;
  text-align: center; text-decoration: none; cursor: pointer; }
button:hover, .button:hover { background: var(--inset); }
.primary, .primary:hover { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
  font-weight: 600; }
.primary:hover { filter: brightness(1.08); }
.plain { border-color: transparent; color: var(--quiet); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.divider { margin: 8px 0 0; padding-top: 16px; border-top: 1px solid var(--border); }
.problem { margin: 0 0 16px; padding: 12px 16px; border-radius: 8px; background: var(--error-soft); color: var(--error);
  font-weight: 500; }
@media (max-width: 720px) {
  main, main.single { grid-template-columns: minmax(0, 1fr); gap: 24px; padding: 24px 16px; }
  .amount { font-size: 32px; margin-bottom: 16px; }
  .card { padding: 16px; } }
"""

_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · Sandbox checkout</title>
<link rel="icon" href="data:,">
<style nonce="{nonce}">{style}</style>
</head>
<body>
<div class="band" role="note">Sandbox &mdash; no real money. No card is asked for and nobody is charged.</div>
{body}
</body>
</html>
"""


def respond(page: tuple[str, str], *, status: int = 200, leads_to: tuple[str, ...] = ()) -> Response:
    """A page (its title and body) as an answer that allows itself nothing but its own style.

    ``leads_to`` are the addresses that its form may redirect to: browsers hold redirects to the form's rule too.
    """
    title, body = page
    nonce = secrets.token_urlsafe(18)
    targets = " ".join(["'self'", *sorted({f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in leads_to})])
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action {targets}; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    text = _SHELL.format(title=html.escape(title), nonce=nonce, style=_STYLE, body=body)
    return Response(text, status, headers, "text/html; charset=utf-8")


def open_page(session: dict[str, Any], items: list[dict[str, Any]], *, problem: str | None) -> tuple[str, str]:
    """The page of a session that can still be paid."""
    total = _money(session["amount_total"], session["currency"])
    alert = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    email = session["customer_email"]
    buyer = f'<p class="quiet">For {html.escape(email)}</p>' if email else ""
    return (
        f"Pay {total}",
        f"""<main>
<section aria-label="What you buy">
<h1>{html.escape(items[0]["name"])}</h1>
<p class="amount">{total}</p>
{"".join(_line(item) for item in items)}
<div class="line"><p><strong>Total due</strong></p><p class="money"><strong>{total}</strong></p></div>
</section>
<section class="card" aria-label="Payment">
<h2>Choose what happens</h2>
{alert}{buyer}
<form method="post">
<button class="primary" name="outcome" value="paid">Pay {total}</button>
<button name="outcome" value="declined">Decline the card</button>
<p class="quiet divider">Bank transfer: the answer comes a few seconds after you return.</p>
<button name="outcome" value="later_paid">Pay later (bank confirms)</button>
<button name="outcome" value="later_failed">Pay later (bank refuses)</button>
<button class="plain" name="outcome" value="cancel">Cancel and go back</button>
</form>
</section>
</main>""",
    )


def closed_page(session: dict[str, Any]) -> tuple[str, str]:
    """The page of a session that is complete or expired."""
    if session["status"] == "expired":
        link = _link(session["cancel_url"], "Go back")
        return message_page("This checkout has expired", "Nothing was paid. Go back to start again.", link)
    link = _link(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), "Go back to the site")
    if session["payment_status"] == "paid":
        return message_page("This checkout is complete", "It was paid once and cannot be paid again.", link)
    words = "The payment was handed to the bank, which answers by itself."
    return message_page("This checkout is complete", words, link)


def message_page(title: str, words: str, link: str = "") -> tuple[str, str]:
    """A page that says one thing."""
    body = f"<h2>{html.escape(title)}</h2><p>{html.escape(words)}</p>{link}"
    return title, f'<main class="single"><section class="card">{body}</section></main>'


def _line(item: dict[str, Any]) -> str:
    description = f'<p class="quiet">{html.escape(item["description"])}</p>' if item["description"] else ""
    count = f" &times; {item['quantity']}" if item["quantity"] > 1 else ""
    amount = _money(item["unit_amount"] * item["quantity"], item["currency"])
    return (
        f'<div class="line"><div><p>{html.escape(item["name"])}{count}</p>{description}</div>'
        f'<p class="money">{amount}</p></div>'
    )


def _link(address: str, words: str) -> str:
    return f'<a class="button primary" href="{html.escape(address)}">{words}</a>'


def _money(cents: int, currency: str) -> str:
    return f"{_SYMBOLS[currency]}{cents // 100:,}.{cents % 100:02d}"
