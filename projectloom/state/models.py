"""The model picker: the models on the price card, each with the price of a typical page and what it is good at."""

from dataclasses import dataclass

import reflex as rx

from projectloom.db import in_thread
from projectloom.metering.quotes import ModelOffer, offers
from projectloom.state.preferences import PROVIDER_NAMES
from projectloom.state.session import handled, signed_in
from projectloom.state.words import page_price
from projectloom.workspace import preferences

# The first choices, by what a person wants to do. Every other model of the card stands behind "More models".
_INTENTS = {
    "claude-sonnet-5-5": "Everyday work",
    "claude-haiku-5-5": "Quick and cheap",
    "claude-opus-5-5": "Hard problems",
    "gpt-6.1-sol": "A second opinion",
}
_FAMILIES = {"anthropic": "Claude", "openai": "GPT"}


@dataclass(frozen=True)
class ModelRow:
    """One line of the picker. ``missing`` and, at length, ``advice`` say what is needed before it can be used."""

    id: str = ""
    label: str = ""
    intent: str = ""
    price: str = ""
    good_at: str = ""
    missing: str = ""
    advice: str = ""


class ModelState(rx.State):
    """The models on offer and the one that answers next."""

    first: list[ModelRow] = []
    more: list[ModelRow] = []
    model: str = ""
    label: str = ""
    price: str = ""
    advice: str = ""

    @handled
    async def load(self):
        """Read the price card and the person's usual model."""
        person = await signed_in(self)
        chosen = await in_thread(preferences.read_preferences, person.user_id)
        needed = await _providers_without_key(person.user_id, chosen.api_key_mode)
        rows = [_row(offer, needed) for offer in await in_thread(offers)]
        order = list(_INTENTS)
        self.first = sorted((row for row in rows if row.intent), key=lambda row: order.index(row.id))
        self.more = [row for row in rows if not row.intent]
        self._show(self.model or chosen.default_model)

    @handled
    async def pick(self, model_id: str):
        """Use this model from now on, here and in new conversations."""
        person = await signed_in(self)
        if model_id not in {row.id for row in (*self.first, *self.more)}:
            return
        await in_thread(preferences.set_default_model, person.user_id, model_id)
        self._show(model_id)

    def _show(self, wanted: str | None) -> None:
        rows = [*self.first, *self.more]
        usable = [row for row in rows if not row.missing] or rows
        row = next((row for row in rows if row.id == wanted), usable[0])
        self.model, self.label, self.price, self.advice = row.id, row.label, row.price, row.advice


async def model_labels() -> dict[str, str]:
    """The name on screen of every model on offer, by id."""
    return {offer.model.id: offer.model.label for offer in await in_thread(offers)}


async def _providers_without_key(user_id: str, mode: str) -> set[str]:
    if mode == "credits":
        return set()
    kept = await in_thread(preferences.provider_keys, user_id)
    return set(PROVIDER_NAMES) - {view.provider for view in kept}


def _row(offer: ModelOffer, needed: set[str]) -> ModelRow:
    model = offer.model
    return ModelRow(
        id=model.id,
        label=model.label,
        intent=_INTENTS.get(model.id, ""),
        price=page_price(offer.page_nanos),
        good_at=model.good_at,
        missing=f"needs your {PROVIDER_NAMES[model.provider]} key" if model.provider in needed else "",
        advice=_advice(model.label, model.provider, needed) if model.provider in needed else "",
    )


def _advice(label: str, provider: str, needed: set[str]) -> str:
    """Which key a model needs, which ones are saved instead, and what can be done about it."""
    name = PROVIDER_NAMES[provider]
    saved = [other for other in PROVIDER_NAMES if other not in needed]
    if not saved:
        return f"{label} needs an {name} key, and you have not saved any key yet."
    other = saved[0]
    return (
        f"{label} needs an {name} key, and you have saved an {PROVIDER_NAMES[other]} one. "
        f"Add an {name} key, or choose a {_FAMILIES[other]} model."
    )
