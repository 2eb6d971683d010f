"""What a checkout session may be asked for: parameters, lines and lifetime, checked as Stripe checks them."""

from typing import Any

from projectloom.sandbox import stripe_forms as forms
from projectloom.sandbox.store import timestamp
from projectloom.sandbox.stripe_forms import StripeFault

MIN_LIFETIME_SECONDS = 30 * 60
MAX_LIFETIME_SECONDS = 24 * 3_600
CLOCK_SLACK_SECONDS = 60
MAX_LINE_ITEMS = 100
MAX_REFERENCE_CHARS = 200

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
    forms.refuse_unknown(item, ("price_data", "quantity", "metadata", "adjustable_quantity", "tax_rates"))
    price = forms.hash_of(item, "price_data", at=at)
    at_price = f"{at}[price_data]"
    forms.refuse_unknown(price, ("currency", "product_data", "unit_amount", "tax_behavior"))
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
    return {
        "currency": currency,
        "unit_amount": amount,
        "tax_included": forms.text(price, "tax_behavior", at=at_price) == "inclusive",
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
