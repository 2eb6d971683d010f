"""Receipts and invoices as pages: where ``receipt_url``, ``hosted_invoice_url`` and ``invoice_pdf`` lead.

Whoever knows the address may read them, as with Stripe's own; the id in it cannot be guessed.
"""

import html
import sqlite3
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from projectloom.sandbox import store
from projectloom.sandbox.checkout_page import PageFault
from projectloom.sandbox.page_shell import money, respond
from projectloom.sandbox.store import Store


def receipt_router(kept: Store) -> APIRouter:
    """The routes below ``/receipts``."""
    router = APIRouter()

    async def find(kind: str, object_id: str) -> dict[str, Any]:
        def read(db: sqlite3.Connection) -> store.Kept | None:
            return store.find(db, kind, object_id)

        def run() -> store.Kept | None:
            with kept.transaction() as db:
                return read(db)

        known = await run_in_threadpool(run)
        if known is None:
            raise PageFault(404, "There is no such receipt", "The link may be cut short.")
        return known.body

    @router.get("/invoices/{invoice_id}")
    async def invoice(invoice_id: str) -> Response:
        return respond(_invoice_page(await find("invoice", invoice_id)))

    @router.get("/invoices/{invoice_id}/pdf")
    async def invoice_pdf(invoice_id: str) -> Response:
        made = await find("invoice", invoice_id)
        name = f'inline; filename="{made["number"]}.pdf"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(_pdf(_invoice_lines(made)), 200, headers, "application/pdf")

    @router.get("/{charge_id}")
    async def receipt(charge_id: str) -> Response:
        return respond(_receipt_page(await find("charge", charge_id)))

    return router


def _receipt_page(charge: dict[str, Any]) -> tuple[str, str]:
    currency = charge["currency"]
    method = charge["payment_method_details"]
    rows = [
        ("Paid", money(charge["amount"], currency)),
        ("Date", _day(charge["created"])),
        ("With", f"{method['type'].replace('_', ' ')} ending in {method[method['type']]['last4']}"),
        ("For", charge["description"] or "ProjectLoom"),
    ]
    if charge["amount_refunded"]:
        rows.append(("Refunded", money(charge["amount_refunded"], currency)))
    return f"Receipt of {money(charge['amount'], currency)}", _sheet("Receipt", charge["id"], rows)


def _invoice_page(invoice: dict[str, Any]) -> tuple[str, str]:
    return f"Invoice {invoice['number']}", _sheet("Invoice", invoice["number"], _invoice_lines(invoice)[1:])


def _invoice_lines(invoice: dict[str, Any]) -> list[tuple[str, str]]:
    currency = invoice["currency"]
    lines = [(line["description"], money(line["amount"], currency)) for line in invoice["lines"]["data"]]
    discount = sum(one["amount"] for one in invoice["total_discount_amounts"])
    tax = sum(one["amount"] for one in invoice["total_taxes"])
    return [
        ("Invoice", invoice["number"]),
        ("Date", _day(invoice["created"])),
        ("To", invoice["customer_email"] or ""),
        *lines,
        *([("Discount", money(-discount, currency))] if discount else []),
        *([("Tax", money(tax, currency))] if tax else []),
        ("Total, paid", money(invoice["total"], currency)),
    ]


def _sheet(title: str, name: str, rows: list[tuple[str, str]]) -> str:
    lines = "".join(
        f'<div class="line"><p>{html.escape(left)}</p><p class="money">{html.escape(right)}</p></div>'
        for left, right in rows
    )
    head = f"<h1>{html.escape(name)}</h1><h2>{title}</h2>"
    return f'<main class="single"><section class="card">{head}{lines}</section></main>'


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %B %Y")


def _pdf(rows: list[tuple[str, str]]) -> bytes:
    """One page of text lines, written by hand after ISO 32000-1, 7.5: a header, objects, their offsets, a trailer."""
    lines = ["ProjectLoom sandbox - no real money", "", *(f"{left}: {right}" for left, right in rows)]
    shown = "".join(f"({_pdf_text(line)}) Tj T* " for line in lines)
    content = f"BT /F1 12 Tf 18 TL 72 770 Td {shown}ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    made, offsets = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, body in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start, size = len(made), len(objects) + 1
    made += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(made)


def _pdf_text(text: str) -> str:
    plain = text.encode("latin-1", "replace").decode("latin-1")
    return plain.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
