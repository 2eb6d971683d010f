"""What a checkout session may be asked for: parameters, lines and lifetime, checked as Stripe checks them."""

from typing import Any

from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.store import timestamp
from projectloom.sandbox.stripe_forms import StripeFault
from projectloom.sandbox.stripe_objects import invoice_data

MIN_LIFETIME_SECONDS = 30 * 60
MAX_LIFETIME_SECONDS = 24 * 3_600
CLOCK_SLACK_SECONDS = 60
MAX_LINE_ITEMS = 100
MAX_REFERENCE_CHARS = 200

_METHODS = ("card", "us_bank_account")
_TAX_BEHAVIORS = ("exclusive", "inclusive", "unspecified")
_INTENT_DATA = ("description", "metadata", "receipt_email", "setup_future_usage", "statement_descriptor_suffix")
_PRODUCT = ("description", "images", "metadata", "name", "tax_code", "tax_details", "unit_label")
_NEVER_IN_PAYMENT = ("setup_intent_data", "subscription_data")
_NEVER_IN_SETUP = (
    "allow_promotion_codes",
    "automatic_tax",
    "discounts",
    "invoice_creation",
    "line_items",
    "optional_items",
    "payment_intent_data",
    "shipping_options",
    "submit_type",
    "subscription_data",
)

SESSION_PARAMETERS = frozenset(
    """
    adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types automatic_tax
    billing_address_collection branding_settings cancel_url client_reference_id consent_collection currency
    custom_fields custom_text customer customer_account customer_creation customer_email customer_update
    discounts excluded_payment_method_types expand expires_at integration_identifier invoice_creation line_items
    locale managed_payments metadata mode name_collection optional_items origin_context payment_intent_data
    payment_method_collection payment_method_configuration payment_method_data payment_method_options
    permissions phone_number_collection redirect_on_completion return_url saved_payment_method_options
    setup_intent_data shipping_address_collection shipping_options submit_type subscription_data success_url
    tax_id_collection ui_mode wallet_options
    """.split()  # noqa: SIM905 - eighty names, one to a line, would hide the rest of the file
)
"""Top-level parameters of ``POST /v1/checkout/sessions`` in API 2026-10-28. Anything else is refused."""


def line_items(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The checked line items: currency, unit_amount, quantity, name, description."""
    given = forms.hash_of(params, "line_items")
    if not given:
        raise StripeFault("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if len(given) > MAX_LINE_ITEMS:
        raise StripeFault(f"At most {MAX_LINE_ITEMS} line items can be given.", param="line_items")
    found = [_line_item(forms.hash_of(given, index, at="line_items"), f"line_items[{index}]") for index in given]
    if len({item["currency"] for item in found}) > 1:
        raise StripeFault("All line items must have the same currency.", param="line_items")
    total = sum(item["unit_amount"] * item["quantity"] for item in found)
    if total > forms.MAX_AMOUNT:
        raise StripeFault("The total amount is too large.", param="line_items", code="amount_too_large")
    return found


def _line_item(item: dict[str, Any], at: str) -> dict[str, Any]:
    forms.refuse_unknown(item, ("price_data", "quantity", "metadata", "adjustable_quantity", "tax_rates"), at=at)
    price = forms.hash_of(item, "price_data", at=at)
    at_price = f"{at}[price_data]"
    forms.refuse_unknown(price, ("currency", "product_data", "unit_amount", "tax_behavior"), at=at_price)
    currency = forms.currency_of(price, at=at_price)
    if "unit_amount" not in price:
        param = f"{at_price}[unit_amount]"
        raise StripeFault(f"Missing required param: {param}.", param=param, code="parameter_missing")
    amount = forms.integer(
        price["unit_amount"], f"{at_price}[unit_amount]", at_least=-forms.MAX_AMOUNT, at_most=forms.MAX_AMOUNT
    )
    if amount < forms.MIN_AMOUNT:
        raise StripeFault(
            f"The amount must be at least {forms.MIN_AMOUNT} cents.",
            param=f"{at_price}[unit_amount]",
            code="amount_too_small",
        )
    if "quantity" not in item:
        raise StripeFault(f"Quantity is required. Add `quantity` to `{at}`", param=f"{at}[quantity]")
    product = forms.hash_of(price, "product_data", at=at_price)
    forms.refuse_unknown(product, _PRODUCT, at=f"{at_price}[product_data]")
    return {
        "currency": currency,
        "unit_amount": amount,
        "tax_included": forms.one_of(price, "tax_behavior", _TAX_BEHAVIORS, at=at_price) == "inclusive",
        "quantity": forms.integer(item["quantity"], f"{at}[quantity]", at_least=1, at_most=999_999),
        "name": forms.required_text(product, "name", at=f"{at_price}[product_data]"),
        "description": forms.text(product, "description", at=f"{at_price}[product_data]"),
    }


def expiry(params: dict[str, Any], created: int) -> int:
    """When the session expires: as asked, within Stripe's bounds, or in 24 hours."""
    if "expires_at" not in params:
        return created + MAX_LIFETIME_SECONDS
    moment = forms.integer(params["expires_at"], "expires_at", at_least=0, at_most=1 << 40)
    ahead = moment - timestamp()
    if not MIN_LIFETIME_SECONDS - CLOCK_SLACK_SECONDS <= ahead <= MAX_LIFETIME_SECONDS + CLOCK_SLACK_SECONDS:
        raise StripeFault(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return moment


def payment_fields(params: dict[str, Any], customer: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of a session that takes a payment, but for its lines and amounts."""
    _refuse(params, _NEVER_IN_PAYMENT, "payment")
    taxed = _switched_on(params, "automatic_tax", "liability")
    tax = {"enabled": taxed, "liability": None, "provider": None, "status": None}
    return {
        "allow_promotion_codes": forms.flag(params, "allow_promotion_codes") or None,
        "automatic_tax": tax
        | ({"liability": {"type": "self"}, "provider": "stripe", "status": "complete"} if taxed else {}),
        "customer_creation": _customer_creation(params, customer),
        "invoice_creation": {
            "enabled": _switched_on(params, "invoice_creation", "invoice_data"),
            "invoice_data": invoice_data(),
        },
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_types": _methods(params, _METHODS),
        "payment_status": "unpaid",
    }


def setup_fields(params: dict[str, Any], customer: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of a session that saves a card and takes no payment: it has no amounts."""
    _refuse(params, _NEVER_IN_SETUP, "setup")
    needed = "allowed_payment_method_types" not in params
    return {
        "currency": forms.currency_of(params) if needed or "currency" in params else None,
        "customer_creation": _customer_creation(params, customer),
        "invoice_creation": None,
        "mode": "setup",
        "payment_method_collection": "always",
        "payment_method_types": _methods(params, ("card",)),
        "payment_status": "no_payment_required",
    }


def intent_data(params: dict[str, Any]) -> dict[str, Any]:
    """What the payment intent of a session is told."""
    at = "payment_intent_data"
    asked = forms.hash_of(params, at)
    forms.refuse_unknown(asked, _INTENT_DATA, at=at)
    return {
        "metadata": forms.metadata(asked, at=at),
        "description": forms.text(asked, "description", at=at),
        "receipt_email": forms.text(asked, "receipt_email", at=at),
        "setup_future_usage": forms.one_of(asked, "setup_future_usage", ("off_session", "on_session"), at=at),
    }


def setup_data(params: dict[str, Any]) -> dict[str, Any]:
    """What the setup intent of a session is told."""
    at = "setup_intent_data"
    asked = forms.hash_of(params, at)
    forms.refuse_unknown(asked, ("description", "metadata"), at=at)
    return {"metadata": forms.metadata(asked, at=at), "description": forms.text(asked, "description", at=at)}


def customer_update(params: dict[str, Any], customer: dict[str, Any] | None, *, taxed: bool) -> dict[str, Any]:
    """Which of the customer's fields the page may overwrite. Tax needs an address that is known or will be saved.

    The refusal is https://docs.stripe.com/error-codes#customer-tax-location-invalid.
    """
    at = "customer_update"
    asked = forms.hash_of(params, at)
    forms.refuse_unknown(asked, ("address", "name", "shipping"), at=at)
    update = {name: forms.one_of(asked, name, ("auto", "never"), at=at) for name in asked}
    if customer is None:
        if asked:
            raise StripeFault("`customer_update` can only be used with `customer`.", param=at)
        return update
    if taxed and not customer["address"] and "auto" not in (update.get("address"), update.get("shipping")):
        raise StripeFault(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' "
            "to save the address entered in Checkout to the Customer.",
            code="customer_tax_location_invalid",
        )
    return update


def _switched_on(params: dict[str, Any], name: str, *others: str) -> bool:
    asked = forms.hash_of(params, name)
    forms.refuse_unknown(asked, ("enabled", *others), at=name)
    return forms.flag(asked, "enabled", at=name)


def _refuse(params: dict[str, Any], names: tuple[str, ...], mode: str) -> None:
    for name in names:
        if name in params:
            raise StripeFault(f"You can not pass `{name}` in `{mode}` mode.", param=name)


def _customer_creation(params: dict[str, Any], customer: dict[str, Any] | None) -> str | None:
    asked = forms.one_of(params, "customer_creation", ("always", "if_required"))
    if customer is None:
        return asked or "if_required"
    if asked:
        words = "You may only specify one of these parameters: customer, customer_creation."
        raise StripeFault(words, param="customer_creation")
    return None


def _methods(params: dict[str, Any], offered: tuple[str, ...]) -> list[str]:
    """The kinds of payment method that the page offers."""
    allowed = forms.hash_of(params, "allowed_payment_method_types").values()
    excluded = forms.hash_of(params, "excluded_payment_method_types").values()
    if allowed and excluded:
        raise StripeFault(
            "You may only specify one of these parameters: allowed_payment_method_types, "
            "excluded_payment_method_types.",
            param="allowed_payment_method_types",
        )
    left = [kind for kind in offered if (not allowed or kind in allowed) and kind not in excluded]
    if not left:
        raise StripeFault("No valid payment method types for this Checkout Session.")
    return left
