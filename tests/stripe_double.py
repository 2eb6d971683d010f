"""A Stripe whose every word a test decides: an HTTP server for the real SDK, and events signed as Stripe signs.

The sandbox behaves like Stripe; this double remembers what it was asked and says whatever it is told to.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from stripe import WebhookSignature

from projectloom.config import settings
from projectloom.ids import new_id

SECRET = "whsec_of_the_tests"


def sign(body: bytes, secret: str = SECRET, at: int | None = None) -> str:
    """The ``Stripe-Signature`` of a body, now or at another moment."""
    return WebhookSignature.generate_signature_header(body.decode(), secret, at)


def event(kind: str, subject: object, *, event_id: str | None = None, **changes: Any) -> bytes:
    """The body of an event about an object."""
    envelope = {"id": event_id or new_id("evt"), "object": "event", "type": kind, "livemode": False}
    return json.dumps(envelope | {"data": {"object": subject}} | changes).encode()


def session_of(order_id: str, *, cents: int = 2_500, **changes: Any) -> dict[str, Any]:
    """A paid Checkout Session of an order."""
    session = {
        "id": f"cs_{order_id}",
        "object": "checkout.session",
        "amount_subtotal": cents,
        "amount_total": cents,
        "currency": "usd",
        "livemode": False,
        "metadata": {"orderId": order_id},
        "payment_intent": f"pi_{order_id}",
        "payment_status": "paid",
        "status": "complete",
        "url": None,
    }
    return session | changes


def intent_of(order_id: str, *, cents: int = 2_500, **changes: Any) -> dict[str, Any]:
    """A succeeded PaymentIntent of an order."""
    intent = {
        "id": f"pi_{order_id}",
        "object": "payment_intent",
        "amount": cents,
        "amount_received": cents,
        "currency": "usd",
        "livemode": False,
        "metadata": {"orderId": order_id},
        "status": "succeeded",
    }
    return intent | changes


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class StripeDouble:
    """What it was asked, the sessions it opened, and how it misbehaves next."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the idempotency key that they were asked for under."""
    disputes: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Charges of saved cards, by the idempotency key that they were asked for under."""
    refusal: str = ""
    """Why the saved card is refused: Stripe's code, or empty."""
    forgotten: list[str] = field(default_factory=list)
    """Cards that were detached."""
    customers: int = 0
    answers: list[tuple[int, bytes] | None] = field(default_factory=list)
    """The next answers in place of the usual ones: a status and a body, or None to hang up without one."""

    def only_session(self) -> dict[str, Any]:
        (session,) = self.sessions.values()
        return session

    def answer(self, asked: Asked) -> tuple[int, bytes] | None:
        self.asked.append(asked)
        if self.answers:
            return self.answers.pop(0)
        path, _, query = asked.path.partition("?")
        if path in LISTS and asked.method == "GET":
            held = {
                "/v1/checkout/sessions": self.sessions,
                "/v1/refunds": self.refunds,
                "/v1/disputes": self.disputes,
                "/v1/payment_intents": self._intents_of(dict(parse_qsl(query)).get("customer")),
            }.get(path, {})
            body = {"object": "list", "data": list(held.values()), "has_more": False, "url": path}
            return 200, json.dumps(body).encode()
        made = _MAKERS.get(path)
        if made is not None and asked.method == "POST":
            status, body = made(self, asked)
            return status, json.dumps(body).encode()
        one = self._one(path)
        if one is not None:
            return 200, json.dumps(one).encode()
        if asked.method == "POST" and asked.form["mode"] == "setup":
            return 200, json.dumps(self._setup_page(asked)).encode()
        if asked.method == "POST":
            order_id = asked.form["metadata[orderId]"]
            cents = int(asked.form["line_items[0][price_data][unit_amount]"])
            opened = session_of(order_id, cents=cents, payment_status="unpaid", status="open", payment_intent=None)
            self.sessions.setdefault(f"cs_{order_id}", opened | {"url": f"https://pay.example/{order_id}"})
            return 200, json.dumps(self.sessions[f"cs_{order_id}"]).encode()
        found = self.sessions.get(path.rsplit("/", 1)[-1])
        if found is None:
            return 404, b'{"error": {"type": "invalid_request_error", "code": "resource_missing"}}'
        return 200, json.dumps(found).encode()

    def _one(self, path: str) -> dict[str, Any] | None:
        if path.startswith("/v1/disputes/"):
            return self.disputes[path.rsplit("/", 1)[-1]]
        if path.endswith("/detach"):
            self.forgotten.append(path.split("/")[-2])
            return {"id": self.forgotten[-1], "object": "payment_method"}
        return None

    def _intents_of(self, customer: str | None) -> dict[str, dict[str, Any]]:
        return {key: it for key, it in self.intents.items() if customer in (None, it.get("customer"))}

    def _customer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        self.customers += 1
        return 200, {"id": f"cus_{self.customers}", "object": "customer", "email": asked.form["email"]}

    def _setup_page(self, asked: Asked) -> dict[str, Any]:
        session = {
            "id": f"cs_setup_{len(self.sessions) + 1}",
            "object": "checkout.session",
            "mode": "setup",
            "customer": asked.form["customer"],
            "metadata": {"userId": asked.form["metadata[userId]"], "purpose": asked.form["metadata[purpose]"]},
            "payment_status": "no_payment_required",
            "setup_intent": None,
            "status": "open",
            "url": "https://pay.example/card",
        }
        return self.sessions.setdefault(session["id"], session)

    def _charge(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        form, key = asked.form, asked.headers["idempotency-key"]
        cents = int(form["amount"])
        intent = intent_of(
            form["metadata[orderId]"], cents=cents, customer=form["customer"], payment_method=form["payment_method"]
        )
        if self.refusal:
            error = {"type": "card_error", "code": self.refusal, "message": "No."}
            refused = {"status": "requires_payment_method", "amount_received": 0, "last_payment_error": error}
            known = self.intents.setdefault(key, intent | refused)
        else:
            known = self.intents.setdefault(key, intent)
        if known["status"] != "succeeded":
            return 402, {"error": known["last_payment_error"] | {"payment_intent": known}}
        return 200, known

    def _refund(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        key = asked.headers["idempotency-key"]
        made = {
            "id": f"re_{len(self.refunds) + 1}",
            "object": "refund",
            "amount": int(asked.form["amount"]),
            "charge": "ch_1",
            "currency": "usd",
            "payment_intent": asked.form["payment_intent"],
            "status": "succeeded",
        }
        return 200, self.refunds.setdefault(key, made)


LISTS = ("/v1/checkout/sessions", "/v1/refunds", "/v1/disputes", "/v1/payment_intents")
_MAKERS: dict[str, Callable[[StripeDouble, Asked], tuple[int, dict[str, Any]]]] = {
    "/v1/customers": StripeDouble._customer,
    "/v1/payment_intents": StripeDouble._charge,
    "/v1/refunds": StripeDouble._refund,
}


@contextmanager
def serving() -> Iterator[StripeDouble]:
    double = StripeDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            asked = Asked(
                self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, dict(parse_qsl(body))
            )
            answer = double.answer(asked)
            self.close_connection = True
            if answer is not None:
                self.send_response(answer[0])
                self.send_header("content-length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def configured(patch: pytest.MonkeyPatch, **changes: str) -> Iterator[StripeDouble]:
    """The double, with this process's settings pointing at it. What is already known of the database stays."""
    with serving() as double:
        environment = {
            "BASE_URL": "https://loom.example",
            "STRIPE_SECRET_KEY": "sk_test_of_the_tests",
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": double.url,
            "OPENAI_API_KEY": "sk-of-the-tests",
        }
        for name, value in (environment | changes).items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield double
