"""What clients may send to the Stripe stand-in: nested form parameters, decoded and checked as Stripe checks them.

Trouble is a :class:`StripeFault`, whose fields are those of Stripe's error object
(https://docs.stripe.com/api/errors).
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from projectloom.sandbox.bodies import as_object

CURRENCIES = frozenset({"usd", "eur", "gbp"})
MIN_AMOUNT = 50
MAX_AMOUNT = 99_999_999
MAX_FIELDS = 1_000
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY_CHARS = 40
MAX_METADATA_VALUE_CHARS = 500
MAX_URL_CHARS = 5_000

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
        begun: bool = False,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.begun = begun
        """Whether the work had begun: what was done stays, and the answer is kept under the idempotency key."""
        fields = {"code": code, "message": message, "param": param, "type": kind} | (more or {})
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


def refuse_unknown(params: dict[str, Any], known: Iterable[str], *, at: str = "") -> None:
    """Raise for the first parameter that the route, or its hash ``at``, does not have."""
    for name in params.keys() - frozenset(known):
        param = f"{at}[{name}]" if at else name
        raise StripeFault(f"Received unknown parameter: {param}", param=param, code="parameter_unknown")


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


def flag(params: dict[str, Any], name: str, *, at: str = "") -> bool:
    """An optional parameter that is true or false."""
    value = params.get(name, "false")
    if value not in {"true", "false"}:
        raise StripeFault(f"Invalid boolean: {str(value)[:40]}", param=f"{at}[{name}]" if at else name)
    return value == "true"


def currency_of(params: dict[str, Any], *, at: str = "") -> str:
    """A required currency that the sandbox knows."""
    currency = required_text(params, "currency", at=at).lower()
    if currency not in CURRENCIES:
        raise StripeFault(f"Invalid currency: {currency[:20]}", param=f"{at}[currency]" if at else "currency")
    return currency


def one_of(params: dict[str, Any], name: str, known: Iterable[str], *, at: str = "") -> str | None:
    """An optional parameter that is one of a few words."""
    value = text(params, name, at=at)
    if value is not None and value not in known:
        words = ", ".join(known)
        raise StripeFault(f"Invalid {name}: must be one of {words}", param=f"{at}[{name}]" if at else name)
    return value


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
