"""A program's request in its provider's own format: what of it is refused, and how it is called within the hold."""

from projectloom.config import settings
from projectloom.errors import InvalidInput, UnknownModel
from projectloom.metering.models import Funding
from projectloom.metering.terms import Terms
from projectloom.pricing import PricedModel
from projectloom.providers import WireCall, WireRequest, plain_headers, sent_body


def check_wire(wire: WireRequest, model: PricedModel, funding: str) -> None:
    """Refuse a model at another provider's door and, on credits, what has no price. No price, no call.

    Raises UnknownModel, InvalidInput.
    """
    if model.provider != wire.provider:
        raise UnknownModel(model=model.id)
    if funding == Funding.CREDITS and wire.unpriced:
        names = ", ".join(wire.unpriced)
        raise InvalidInput(
            f"There is no price here for what this asks for, so it cannot be paid from credits: {names}.",
            unpriced=wire.unpriced,
        )


def wire_call(wire: WireRequest, terms: Terms, funding: str, api_key: str) -> WireCall:
    """The call: the request as it is, but within its bound if it has one, and on credits at the card's own tier."""
    base_url = settings().provider_base(wire.provider)
    limited = terms.bounded and wire.path in ("/chat/completions", "/messages")
    return WireCall(
        request=wire,
        body=sent_body(
            wire,
            max_tokens=terms.max_output_tokens // wire.copies if limited else None,
            # An account may default to a dearer tier. Other servers than the provider's may not know the word.
            ordinary_tier=funding == Funding.CREDITS and base_url is None,
        ),
        max_tokens=terms.max_output_tokens,
        api_key=api_key,
        base_url=base_url,
        headers=plain_headers(wire) if funding == Funding.CREDITS else wire.headers,
    )
