"""The model picker: the models on the price card, each with what a page costs, what it reads and what it is good at."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import reflex as rx

from projectloom.db import in_thread
from projectloom.metering.quotes import ModelOffer, offers
from projectloom.state.changes import show
from projectloom.state.preferences import PROVIDER_NAMES
from projectloom.state.session import handled, signed_in
from projectloom.state.words import amount_words, page_price, reads_words, sentence
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
    maker: str = ""
    intent: str = ""
    price: str = ""
    """Of a page, in words: ``about half a cent``; ``exact`` has the number."""
    exact: str = ""
    reads: str = ""
    good_at: str = ""
    favourite: bool = False
    missing: str = ""
    advice: str = ""


class ModelState(rx.State):
    """The models on offer and the one that answers next."""

    first: list[ModelRow] = []
    more: list[ModelRow] = []
    model: str = ""
    label: str = ""
    short: str = ""
    """The label where there is little room."""
    price: str = ""
    page: str = ""
    """The price where there is little room."""
    advice: str = ""
    cheaper_told: bool = True
    """Whether a cheaper model is pointed out where it would do."""

    @handled
    async def load(self):
        """Read the price card and the person's usual model."""
        person = await signed_in(self)
        chosen = await in_thread(preferences.read_preferences, person.user_id)
        needed = await _providers_without_key(person.user_id, chosen.api_key_mode)
        rows = [_row(offer, needed, chosen.favourites) for offer in await in_thread(offers)]
        order = list(_INTENTS)
        show(
            self,
            first=sorted((row for row in rows if row.intent), key=lambda row: order.index(row.id)),
            more=[row for row in rows if not row.intent],
            cheaper_told=chosen.cheaper_told,
        )
        # Who never chose a model, and pastes the key of another provider, is answered by one that it opens.
        unchosen = chosen.default_model is None and self.model in {row.id for row in rows if row.missing}
        self._show(None if unchosen else self.model or chosen.default_model)

    @handled
    async def pick(self, model_id: str):
        """Use this model from now on, here and in new conversations."""
        person = await signed_in(self)
        if model_id not in {row.id for row in (*self.first, *self.more)}:
            return
        await in_thread(preferences.set_default_model, person.user_id, model_id)
        self._show(model_id)

    @handled
    async def like(self, model_id: str, liked: bool):  # noqa: FBT001 - events come by place
        """Put a model among the favourites, or take it from them, on every device."""
        person = await signed_in(self)
        if model_id not in {row.id for row in (*self.first, *self.more)}:
            return
        favourites = await in_thread(preferences.set_favourite, person.user_id, model_id, liked=liked)
        self.first, self.more = (
            [replace(row, favourite=row.id in favourites) for row in rows] for rows in (self.first, self.more)
        )

    @handled
    async def tell_cheaper(self, told: bool):  # noqa: FBT001 - events come by place
        """Point out where a cheaper model would do, or never again."""
        person = await signed_in(self)
        await in_thread(preferences.set_cheaper_told, person.user_id, told=told)
        self.cheaper_told = told

    def _show(self, wanted: str | None) -> None:
        rows = [*self.first, *self.more]
        usable = [row for row in rows if not row.missing] or rows
        row = next((row for row in rows if row.id == wanted), usable[0])
        show(
            self,
            model=row.id,
            label=row.label,
            short=short_label(row.label),
            price=sentence(f"{row.price} a page"),
            page=row.exact.removeprefix("About "),
            advice=row.advice,
        )


def short_label(label: str) -> str:
    """A model's name without that of its family, where there is little room: ``"Sonnet 5.5"``."""
    return label.removeprefix("Claude ")


async def model_labels() -> dict[str, str]:
    """The name on screen of every model on offer, by id."""
    return {offer.model.id: offer.model.label for offer in await in_thread(offers)}


async def _providers_without_key(user_id: str, mode: str) -> set[str]:
    if mode == "credits":
        return set()
    kept = await in_thread(preferences.provider_keys, user_id)
    return set(PROVIDER_NAMES) - {view.provider for view in kept}


def _row(offer: ModelOffer, needed: set[str], favourites: Collection[str]) -> ModelRow:
    model = offer.model
    return ModelRow(
        id=model.id,
        label=model.label,
        maker=PROVIDER_NAMES[model.provider],
        intent=_INTENTS.get(model.id, ""),
        price=amount_words(offer.page_nanos),
        exact=page_price(offer.page_nanos),
        reads=reads_words(model.context_tokens),
        good_at=model.good_at,
        favourite=model.id in favourites,
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
