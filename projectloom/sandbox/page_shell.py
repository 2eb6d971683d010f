"""How every page of the sandbox looks: the product's colours, and "Sandbox" in sight all the time."""

import html
import secrets
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
.quiet { color: var(--quiet); font-size: 14px; overflow-wrap: anywhere; }
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
.notice { margin: 0 0 16px; padding: 12px 16px; border-radius: 8px; background: var(--inset); }
label { display: grid; gap: 4px; font-size: 14px; color: var(--quiet); }
label.pick { display: flex; gap: 8px; align-items: center; min-height: 40px; color: var(--text); }
input, select { min-height: 40px; padding: 8px 12px; border-radius: 8px; border: 1px solid var(--strong); min-width: 0;
  background: var(--canvas); color: var(--text); font: inherit; }
input[type=radio], input[type=checkbox] { width: 18px; min-height: 18px; margin: 0; flex: none;
  accent-color: var(--accent); }
fieldset { margin: 0 0 8px; padding: 0; border: 0; }
legend { padding: 0; font-size: 14px; color: var(--quiet); }
.row { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; }
.row > label { flex: 1 1 120px; }
.row button { width: auto; }
main.wide { max-width: 1200px; gap: 24px; align-items: start; }
.wide .span { grid-column: 1 / -1; }
.wide section form { margin: 0 0 16px; }
.wide section .line form { margin: 0; }
.wide section .line { align-items: center; }
.scroll { overflow-x: auto; }
table { width: 100%; min-width: 800px; border-collapse: collapse; font-size: 14px; }
th { text-align: left; color: var(--quiet); font-weight: 500; }
th, td { padding: 8px 12px 8px 0; border-top: 1px solid var(--border); vertical-align: middle; }
td form { display: inline-flex; margin: 0 4px 4px 0 !important; }
td .row { align-items: center; }
td:last-child { white-space: nowrap; }
td button { width: auto; min-height: 32px; padding: 4px 12px; font-size: 14px; }
.letter { white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--accent); }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
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
<title>{title} · Sandbox</title>
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
        # Not "no-referrer": browsers then post forms with an origin of "null", which the control page refuses.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    text = _SHELL.format(title=html.escape(title), nonce=nonce, style=_STYLE, body=body)
    return Response(text, status, headers, "text/html; charset=utf-8")


def message_page(title: str, words: str, link: str = "") -> tuple[str, str]:
    """A page that says one thing."""
    body = f"<h2>{html.escape(title)}</h2><p>{html.escape(words)}</p>{link}"
    return title, f'<main class="single"><section class="card">{body}</section></main>'


def money(cents: int, currency: str) -> str:
    """An amount as people read it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{_SYMBOLS[currency]}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
