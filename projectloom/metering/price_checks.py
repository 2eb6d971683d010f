"""What a price card must not say, however well it is formed: mistakes by which something would be given away.

A card that was stored before is read as it is, since what was charged by it must stay provable; this is asked of a
card before it is proposed and again before it comes into force.
"""

from projectloom.errors import InvalidInput
from projectloom.pricing import PriceCard, PricedModel


def check_offer(card: PriceCard) -> None:
    """Refuse a card that the product could not run on. Raises InvalidInput, which names the first mistake."""
    if not card.chat_models():
        raise InvalidInput("The card has no model to chat with.")
    for model in card.models:
        mistake = _mistake_in(model)
        if mistake is not None:
            raise InvalidInput(f"The card is mistaken about {model.id}: {mistake}")


def _mistake_in(model: PricedModel) -> str | None:
    """In words; None where there is none. Long-context rates need no look: a card has none that are cheaper."""
    is_chat = model.kind == "chat"
    if model.provider == "anthropic" and not is_chat:
        return "Anthropic has no models that make vectors."
    if not model.rates.input or (is_chat and not model.rates.output):
        return "a rate of zero is no price: no price, no call."
    if model.max_output_tokens > model.context_tokens:
        return "its output limit is above its context, which input and output share."
    if model.web_search is not None and not model.web_search:
        return "a fee of zero would give web searches away; where none are sold there is no fee (null)."
    return None
