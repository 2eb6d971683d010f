"""The price card: which models there are, and what a million of their tokens and a thousand of their uses cost.

A card is a plain immutable value. It can only be built whole and sane (rates finite and not negative, tiers rising), so
that arithmetic never has to ask. Its JSON form is canonical: the same prices always make the same text and the same
digest, which is how a usage record can prove what it was charged by. Format 2 knows fees per use, format 3 models that
take no pictures; a card without any is still written in the format before, so that every card that was ever stored
keeps its text and its digest.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal, cast, get_args

from projectloom.errors import UnknownModel

Provider = Literal["anthropic", "openai"]
Kind = Literal["chat", "embedding"]

# Limits of a sane card. They also keep every product exact within the precision that arithmetic works in.
MAX_RATE_USD = Decimal(100_000)
MAX_MARKUP_PERCENT = Decimal(10_000)
MAX_DECIMAL_PLACES = 12

_FORMAT_WITHOUT_FEES = 1
_FORMAT_WITH_FEES = 2
_FORMAT = 3
_DECIMAL = re.compile(r"[0-9]{1,7}(\.[0-9]{1,12})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens, one rate for each pool of :class:`projectloom.tokens.Usage`."""

    input: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    output: Decimal

    def __post_init__(self) -> None:
        for name, rate in self.items():
            _require_decimal(rate, MAX_RATE_USD, f"rate {name}")

    def items(self) -> Iterator[tuple[str, Decimal]]:
        """Name and rate of each pool, in a fixed order."""
        for pool in fields(self):
            yield pool.name, getattr(self, pool.name)

    @property
    def dearest_input(self) -> Decimal:
        """The highest rate that a token of the prompt can be charged at, whichever pool a cache puts it in."""
        return max(self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h)


@dataclass(frozen=True, slots=True)
class Tier:
    """Long-context rates: they apply to the whole request when its input is above the line."""

    above_input_tokens: int
    rates: Rates

    def __post_init__(self) -> None:
        _require_whole(self.above_input_tokens, "above_input_tokens", least=0)


@dataclass(frozen=True, slots=True)
class PricedModel:
    """One model as people see it and as the meter charges it."""

    id: str
    """The provider's own model id, as sent to it."""
    provider: Provider
    label: str
    """The name on screen."""
    kind: Kind
    context_tokens: int
    """Input and output together cannot exceed this."""
    max_output_tokens: int
    """The most that the provider accepts as an output limit; 0 for embeddings."""
    good_at: str
    """What to choose it for, in a few plain words."""
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    web_search: Decimal | None = None
    """USD per thousand web searches. None is no price, which is not zero: no call may ask for a search."""
    takes_pictures: bool = True
    """Whether pictures may be sent to it."""

    def __post_init__(self) -> None:
        if not self.id or not self.label:
            raise ValueError("a model needs an id and a label")
        if self.provider not in get_args(Provider) or self.kind not in get_args(Kind):
            raise ValueError(f"model {self.id}: unknown provider or kind")
        _require_whole(self.context_tokens, f"model {self.id}: context_tokens", least=1)
        _require_whole(self.max_output_tokens, f"model {self.id}: max_output_tokens", least=0)
        if self.kind == "chat" and not self.max_output_tokens:
            raise ValueError(f"model {self.id}: a chat model without output")
        if self.web_search is not None:
            _require_decimal(self.web_search, MAX_RATE_USD, f"model {self.id}: fee web_search")
        line, below = -1, self.rates
        for tier in self.tiers:
            if tier.above_input_tokens <= line:
                raise ValueError(f"model {self.id}: tiers are not in rising order")
            # A cheaper tier would make a longer prompt cost less, and a quote for the longer one no upper bound.
            if any(rate < lower for (_, rate), (_, lower) in zip(tier.rates.items(), below.items(), strict=True)):
                raise ValueError(f"model {self.id}: a long-context tier is cheaper than the one below it")
            line, below = tier.above_input_tokens, tier.rates

    def rates_for(self, input_tokens: int) -> Rates:
        """The rates of a request with so many input tokens, all pools counted."""
        chosen = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                chosen = tier.rates
        return chosen


@dataclass(frozen=True, slots=True)
class PriceCard:
    """Every model that may be called, and the operator's markup. No price, no call."""

    models: tuple[PricedModel, ...]
    markup_percent: Decimal
    source: str
    """Where the rates came from, for people."""
    _by_id: dict[str, PricedModel] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _require_decimal(self.markup_percent, MAX_MARKUP_PERCENT, "markup_percent")
        by_id = {model.id: model for model in self.models}
        if len(by_id) != len(self.models):
            raise ValueError("two models share an id")
        object.__setattr__(self, "_by_id", by_id)

    def model(self, model_id: str) -> PricedModel:
        """The model with this id. Raises :class:`UnknownModel`, whose data names the id."""
        try:
            return self._by_id[model_id]
        except KeyError:
            raise UnknownModel(model=model_id) from None

    def chat_models(self) -> tuple[PricedModel, ...]:
        """The models that hold a conversation, in the card's order."""
        return tuple(model for model in self.models if model.kind == "chat")


def to_json(card: PriceCard) -> str:
    """The card as canonical JSON: sorted keys, no spaces, decimals as plain strings without trailing zeros."""
    form = _FORMAT_WITHOUT_FEES
    if any(model.web_search is not None for model in card.models):
        form = _FORMAT_WITH_FEES
    if not all(model.takes_pictures for model in card.models):
        form = _FORMAT
    value = {
        "format": form,
        "markup_percent": _plain(card.markup_percent),
        "models": [_model_to_value(model) | _later_values(model, form) for model in card.models],
        "source": card.source,
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def from_json(text: str) -> PriceCard:
    """The card that :func:`to_json` wrote. Raises ``ValueError`` for anything that is not a whole and sane card."""
    value = _object(json.loads(text), {"format", "markup_percent", "models", "source"}, "card")
    form = _whole(value["format"], "format")
    if not _FORMAT_WITHOUT_FEES <= form <= _FORMAT:
        raise ValueError("unknown price card format")
    return PriceCard(
        models=tuple(_model_from_value(entry, form) for entry in _list(value["models"], "models")),
        markup_percent=_decimal(value["markup_percent"], "markup_percent"),
        source=_text(value["source"], "source"),
    )


def digest(card: PriceCard) -> str:
    """SHA-256 of the canonical JSON, in hex: equal for equal cards."""
    return hashlib.sha256(to_json(card).encode("ascii")).hexdigest()


def _model_to_value(model: PricedModel) -> dict[str, Any]:
    return {
        "context_tokens": model.context_tokens,
        "good_at": model.good_at,
        "id": model.id,
        "kind": model.kind,
        "label": model.label,
        "max_output_tokens": model.max_output_tokens,
        "provider": model.provider,
        "rates": _rates_to_value(model.rates),
        "tiers": [
            {"above_input_tokens": tier.above_input_tokens, "rates": _rates_to_value(tier.rates)}
            for tier in model.tiers
        ],
    }


def _later_values(model: PricedModel, form: int) -> dict[str, Any]:
    """What formats after the first know of a model."""
    value: dict[str, Any] = {}
    if form >= _FORMAT_WITH_FEES:
        value["fees"] = {"web_search": None if model.web_search is None else _plain(model.web_search)}
    if form >= _FORMAT:
        value["takes_pictures"] = model.takes_pictures
    return value


def _model_from_value(entry: object, form: int) -> PricedModel:
    names = {part.name for part in fields(PricedModel)} - {"web_search", "takes_pictures"}
    with_fees, with_pictures = form >= _FORMAT_WITH_FEES, form >= _FORMAT
    names |= ({"fees"} if with_fees else set[str]()) | ({"takes_pictures"} if with_pictures else set[str]())
    value = _object(entry, names, "model")
    return PricedModel(
        id=_text(value["id"], "id"),
        # The constructor refuses other words; the cast only tells the type checker so.
        provider=cast("Provider", _text(value["provider"], "provider")),
        label=_text(value["label"], "label"),
        kind=cast("Kind", _text(value["kind"], "kind")),
        context_tokens=_whole(value["context_tokens"], "context_tokens"),
        max_output_tokens=_whole(value["max_output_tokens"], "max_output_tokens"),
        good_at=_text(value["good_at"], "good_at"),
        rates=_rates_from_value(value["rates"]),
        tiers=tuple(_tier_from_value(tier) for tier in _list(value["tiers"], "tiers")),
        web_search=_fee_from_value(value["fees"]) if with_fees else None,
        takes_pictures=not with_pictures or _flag(value["takes_pictures"], "takes_pictures"),
    )


def _fee_from_value(entry: object) -> Decimal | None:
    fee = _object(entry, {"web_search"}, "fees")["web_search"]
    return None if fee is None else _decimal(fee, "fee web_search")


def _tier_from_value(entry: object) -> Tier:
    value = _object(entry, {"above_input_tokens", "rates"}, "tier")
    return Tier(_whole(value["above_input_tokens"], "above_input_tokens"), _rates_from_value(value["rates"]))


def _rates_to_value(rates: Rates) -> dict[str, str]:
    return {name: _plain(rate) for name, rate in rates.items()}


def _rates_from_value(entry: object) -> Rates:
    names = {pool.name for pool in fields(Rates)}
    value = _object(entry, names, "rates")
    return Rates(**{name: _decimal(value[name], f"rate {name}") for name in names})


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _object(value: object, names: set[str], what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    entries = cast("dict[str, object]", value)
    if set(entries) != names:
        raise ValueError(f"{what}: missing or unknown names: {', '.join(sorted(set(entries) ^ names))}")
    return entries


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is not a list")
    return cast("list[object]", value)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is not text")
    return value


def _flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} is neither true nor false")
    return value


def _whole(value: object, what: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{what} is not a whole number")
    return value


def _decimal(value: object, what: str) -> Decimal:
    text = _text(value, what)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{what} is not a plain decimal, zero or above")
    return Decimal(text)


def _require_decimal(value: object, most: Decimal, what: str) -> None:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError(f"{what} is not a finite Decimal")
    # Negative zero would pass a comparison and then print a sign.
    if value.is_signed() or value > most:
        raise ValueError(f"{what} is out of range")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -MAX_DECIMAL_PLACES <= exponent <= MAX_DECIMAL_PLACES:
        raise ValueError(f"{what} has too many places")


def _require_whole(value: object, what: str, *, least: int) -> None:
    if type(value) is not int or value < least:
        raise ValueError(f"{what} is not a whole number of at least {least}")
