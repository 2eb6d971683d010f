"""What clients may send to the Stripe stand-in: nested form parameters, decoded and checked as Stripe checks them.

Trouble is a :class:`StripeFault`, whose fields are those of Stripe's error object
(https://docs.stripe.com/api/errors).
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from projectloom.sandbox.bodies import as_object
from projectloom.sandbox.store import timestamp

CURRENCIES = frozenset({"usd", "eur", "gbp"})
MIN_AMOUNT = 50
MAX_AMOUNT = 99_999_999
MIN_LIFETIME_SECONDS = 30 * 60
MAX_LIFETIME_SECONDS = 24 * 3_600
CLOCK_SLACK_SECONDS = 60
MAX_FIELDS = 1_000
MAX_LINE_ITEMS = 100
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY_CHARS = 40
MAX_METADATA_VALUE_CHARS = 500
MAX_REFERENCE_CHARS = 200
MAX_URL_CHARS = 5_000

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

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


class StripeFault(Exception):
    """An answer with Stripe's error object instead of what was asked for."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        fields = {"code": code, "message": message, "param": param, "type": kind}
        self.body = {"error": {name: value for name, value in fields.items() if value is not None}}


def decode_form(raw: bytes) -> dict[str, Any]:
    """``a[b][0][c]=1`` as nested dicts of text. Lists stay dicts of their indexes; see :func:`items`."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise StripeFault("Invalid request: the body is not a form that can be read.") from None
    decoded: dict[str, Any] = {}
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if not match:
            raise StripeFault(f"Invalid parameter name: {key[:100]}", param=key[:100])
        _place(decoded, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, key)
    return decoded


def _place(target: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for part in path[:-1]:
        inner = as_object(target.setdefault(part or str(len(target)), {}))
        if inner is None:
            raise StripeFault(f"Invalid parameter: {key[:100]} is given twice in two shapes.", param=key[:100])
        target = inner
    name = path[-1] or str(len(target))
    if name in target:
        raise StripeFault(f"Invalid parameter: {key[:100]} is given twice.", param=key[:100])
    target[name] = value


def refuse_unknown(params: dict[str, Any], known: Iterable[str]) -> None:
    """Raise for the first parameter that the route does not have."""
    for name in params.keys() - frozenset(known):
        raise StripeFault(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def text(params: dict[str, Any], name: str, *, at: str = "", longest: int = MAX_URL_CHARS) -> str | None:
    """An optional parameter that is text. Empty text is refused where a value is expected, as Stripe does."""
    value = params.get(name)
    param = f"{at}[{name}]" if at else name
    if value is None:
        return None
    if not isinstance(value, str):
        raise StripeFault(f"Invalid string: {param}", param=param)
    if not value:
        raise StripeFault(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{param}' cannot be unset.",
            param=param,
            code="parameter_invalid_empty",
        )
    if len(value) > longest:
        raise StripeFault(f"Invalid string: {param} must be at most {longest} characters.", param=param)
    return value


def required_text(params: dict[str, Any], name: str, *, at: str = "") -> str:
    """A required parameter that is text."""
    value = text(params, name, at=at)
    if value is None:
        param = f"{at}[{name}]" if at else name
        raise StripeFault(f"Missing required param: {param}.", param=param, code="parameter_missing")
    return value


def integer(value: object, param: str, *, at_least: int, at_most: int) -> int:
    """A whole number in ASCII digits, within bounds."""
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise StripeFault(f"Invalid integer: {value}", param=param, code="parameter_invalid_integer")
    number = int(value)
    if not at_least <= number <= at_most:
        raise StripeFault(
            f"Invalid integer: {param} must be between {at_least} and {at_most}.",
            param=param,
            code="parameter_invalid_integer",
        )
    return number


def hash_of(params: dict[str, Any], name: str, *, at: str = "") -> dict[str, Any]:
    """An optional parameter that is a hash (or an indexed list)."""
    value = as_object(params.get(name, {}))
    if value is None:
        raise StripeFault("Invalid object", param=f"{at}[{name}]" if at else name)
    return value


def metadata(params: dict[str, Any], *, at: str = "") -> dict[str, str]:
    """The ``metadata`` of a hash, within Stripe's limits."""
    values = hash_of(params, "metadata", at=at)
    param = f"{at}[metadata]" if at else "metadata"
    if len(values) > MAX_METADATA_KEYS:
        raise StripeFault(f"You can store at most {MAX_METADATA_KEYS} metadata keys.", param=param)
    for key, value in values.items():
        if not isinstance(value, str):
            raise StripeFault("Metadata values must be strings.", param=f"{param}[{key}]")
        if len(key) > MAX_METADATA_KEY_CHARS or len(value) > MAX_METADATA_VALUE_CHARS:
            raise StripeFault(
                f"Metadata keys can have up to {MAX_METADATA_KEY_CHARS} characters and values up to "
                f"{MAX_METADATA_VALUE_CHARS}.",
                param=f"{param}[{key}]",
            )
    return {key: value for key, value in values.items() if value}


def web_address(params: dict[str, Any], name: str) -> str:
    """A required absolute http or https address."""
    value = required_text(params, name)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s;'\"<>]", value)
    except ValueError:
        usable = False
    if not usable:
        raise StripeFault("Not a valid URL", param=name, code="url_invalid")
    return value


def line_items(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The checked line items: currency, unit_amount, quantity, name, description."""
    given = hash_of(params, "line_items")
    if not given:
        raise StripeFault("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if len(given) > MAX_LINE_ITEMS:
        raise StripeFault(f"At most {MAX_LINE_ITEMS} line items can be given.", param="line_items")
    found = [_line_item(hash_of(given, index, at="line_items"), f"line_items[{index}]") for index in given]
    if len({item["currency"] for item in found}) > 1:
        raise StripeFault("All line items must have the same currency.", param="line_items")
    total = sum(item["unit_amount"] * item["quantity"] for item in found)
    if total > MAX_AMOUNT:
        raise StripeFault("The total amount is too large.", param="line_items", code="amount_too_large")
    return found


def _line_item(item: dict[str, Any], at: str) -> dict[str, Any]:
    refuse_unknown(item, ("price_data", "quantity", "metadata", "adjustable_quantity", "tax_rates"))
    price = hash_of(item, "price_data", at=at)
    at_price = f"{at}[price_data]"
    refuse_unknown(price, ("currency", "product_data", "unit_amount", "tax_behavior"))
    currency = required_text(price, "currency", at=at_price).lower()
    if currency not in CURRENCIES:
        raise StripeFault(f"Invalid currency: {currency[:20]}", param=f"{at_price}[currency]")
    if "unit_amount" not in price:
        param = f"{at_price}[unit_amount]"
        raise StripeFault(f"Missing required param: {param}.", param=param, code="parameter_missing")
    amount = integer(price["unit_amount"], f"{at_price}[unit_amount]", at_least=-MAX_AMOUNT, at_most=MAX_AMOUNT)
    if amount < MIN_AMOUNT:
        raise StripeFault(
            f"The amount must be at least {MIN_AMOUNT} cents.",
            param=f"{at_price}[unit_amount]",
            code="amount_too_small",
        )
    if "quantity" not in item:
        raise StripeFault(f"Quantity is required. Add `quantity` to `{at}`", param=f"{at}[quantity]")
    product = hash_of(price, "product_data", at=at_price)
    return {
        "currency": currency,
        "unit_amount": amount,
        "quantity": integer(item["quantity"], f"{at}[quantity]", at_least=1, at_most=999_999),
        "name": required_text(product, "name", at=f"{at_price}[product_data]"),
        "description": text(product, "description", at=f"{at_price}[product_data]"),
    }


def expiry(params: dict[str, Any], created: int) -> int:
    """When the session expires: as asked, within Stripe's bounds, or in 24 hours."""
    if "expires_at" not in params:
        return created + MAX_LIFETIME_SECONDS
    moment = integer(params["expires_at"], "expires_at", at_least=0, at_most=1 << 40)
    ahead = moment - timestamp()
    if not MIN_LIFETIME_SECONDS - CLOCK_SLACK_SECONDS <= ahead <= MAX_LIFETIME_SECONDS + CLOCK_SLACK_SECONDS:
        raise StripeFault(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return moment
