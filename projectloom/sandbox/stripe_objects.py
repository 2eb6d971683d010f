"""Stripe's objects as API 2026-10-28.endive shows them, as far as this product looks at them.

Pure shapes: nothing here is stored or sent.
"""

from typing import Any

from projectloom.sandbox.store import stripe_id, timestamp

API_VERSION = "2026-10-28.endive"


def checkout_session(
    *,
    url_base: str,
    created: int,
    expires_at: int,
    success_url: str,
    cancel_url: str,
    client_reference_id: str | None,
    customer: dict[str, Any] | None,
    customer_email: str | None,
    options: dict[str, Any],
    metadata: dict[str, str],
) -> dict[str, Any]:
    """A new, open session whose page is ``url_base/{id}``; its amounts are null until it is priced.

    ``options`` are the fields of its mode: mode, currency, invoice_creation, payment_method_collection,
    payment_method_types, payment_status, and those that are shown as they were asked for.
    """
    session_id = stripe_id("cs_test", 58)
    email = customer["email"] if customer else customer_email
    session: dict[str, Any] = {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": cancel_url,
        "client_reference_id": client_reference_id,
        "client_secret": None,
        "created": created,
        "custom_fields": [],
        "custom_text": {},
        "customer": customer["id"] if customer else None,
        "customer_creation": None if customer else "if_required",
        "customer_details": customer_details(email) if email else None,
        "customer_email": customer_email,
        "discounts": [],
        "expires_at": expires_at,
        "invoice": None,
        "livemode": False,
        "locale": None,
        "metadata": metadata,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_options": {},
        "phone_number_collection": {"enabled": False},
        "return_url": None,
        "setup_intent": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": success_url,
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"{url_base}/{session_id}",
    }
    return session | options


def invoice_data() -> dict[str, Any]:
    """What an invoice of a session would say beyond its lines."""
    names = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    return dict.fromkeys(names) | {"metadata": {}}


def customer_details(email: str | None) -> dict[str, Any]:
    """What the buyer said of themselves on the page."""
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def payment_intent(
    *,
    amount: int,
    currency: str,
    customer: str | None,
    methods: list[str],
    asked: dict[str, Any],
) -> dict[str, Any]:
    """A new intent that awaits a payment method; ``asked`` are fields shown as they were asked for."""
    intent_id = stripe_id("pi")
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{stripe_id('s', 20)[2:]}",
        "confirmation_method": "automatic",
        "created": int(timestamp()),
        "currency": currency,
        "customer": customer,
        "description": asked.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": asked.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": methods,
        "processing": None,
        "receipt_email": asked.get("receipt_email"),
        "review": None,
        "setup_future_usage": asked.get("setup_future_usage"),
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def setup_intent(*, customer: str | None, asked: dict[str, Any], methods: list[str]) -> dict[str, Any]:
    """A new intent to save a card for later charges; ``asked`` are its description and metadata."""
    intent_id = stripe_id("seti")
    return {
        "id": intent_id,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_secret_{stripe_id('s', 20)[2:]}",
        "created": int(timestamp()),
        "customer": customer,
        "customer_account": None,
        "description": asked.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": asked.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": methods,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }


def payment_error(code: str, message: str, decline_code: str | None = None) -> dict[str, Any]:
    """Why an intent's last attempt failed."""
    error = {"type": "card_error" if decline_code else "invalid_request_error", "code": code, "message": message}
    return error | ({"decline_code": decline_code} if decline_code else {})


def event(
    kind: str, subject: dict[str, Any], *, created: int, previous: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The envelope of a snapshot event that no API request caused; ``previous`` is what an update changed."""
    return {
        "id": stripe_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": {"object": subject} | ({"previous_attributes": previous} if previous else {}),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
