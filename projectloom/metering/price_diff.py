"""What differs between two price cards, row by row, for an operator who decides.

The rows are found by walking whatever a card holds, so that a new kind of price is compared without being named here.
Two cards without a difference charge the same and offer the same; where the prices came from is no difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal, cast

from projectloom.pricing import PriceCard

Kind = Literal["new", "gone", "dearer", "cheaper", "changed"]

_NOT_COMPARED = {"models", "source", "markup_percent"}
_MARKUP_ROW = "markup, %"
_PERCENT_PLACES = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Change:
    """One row. Prices are the provider's own: USD for a million tokens, or for a thousand uses such as searches."""

    kind: Kind
    model: str
    """The model's id; empty where the row is about the whole card."""
    what: str
    old: str = ""
    new: str = ""
    percent: str = ""
    """How much dearer or cheaper: ``"+50 %"``."""


def changes(old: PriceCard, new: PriceCard) -> list[Change]:
    """Every difference, in the order of the cards; empty when both cards are alike."""
    before, after = _rows(old), _rows(new)
    found = [_compared(key, before.get(key), after.get(key)) for key in {**before, **after}]
    ids_before, ids_after = [model.id for model in old.models], [model.id for model in new.models]
    if ids_before != ids_after and sorted(ids_before) == sorted(ids_after):
        found.append(Change("changed", "", "order of the models", ", ".join(ids_before), ", ".join(ids_after)))
    return [change for change in found if change is not None]


def report(found: Sequence[Change], *, markup_percent: Decimal) -> str:
    """The rows as text for an operator; ``markup_percent`` is that of the new card."""
    table = [
        (change.kind, change.model or "all models", change.what, _arrow(change), change.percent) for change in found
    ]
    widths = [max((len(row[column]) for row in table), default=0) for column in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    note = (
        "Prices are the provider's, in USD for a million tokens or a thousand uses; "
        f"{plain(markup_percent)} % markup comes on top."
    )
    return "\n".join([*lines, note])


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros: ``"7.5"``."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _arrow(change: Change) -> str:
    if change.kind == "new":
        return change.new
    return change.old if change.kind == "gone" else f"{change.old} → {change.new}"


def _compared(key: tuple[str, str], old: Any, new: Any) -> Change | None:
    model, what = key
    if old == new:
        return None
    was, becomes = _text(old), _text(new)
    if old is None or new is None:
        return Change("new" if old is None else "gone", model, what, was, becomes)
    if not isinstance(old, Decimal) or not isinstance(new, Decimal):
        return Change("changed", model, what, was, becomes)
    percent = "" if what == _MARKUP_ROW or not old else _percent(old, new)
    return Change("dearer" if new > old else "cheaper", model, what, was, becomes, percent)


def _percent(old: Decimal, new: Decimal) -> str:
    share = ((new - old) / old * 100).quantize(_PERCENT_PLACES, rounding=ROUND_HALF_EVEN)
    return f"{'+' if share > 0 else ''}{plain(share)} %"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return plain(value) if isinstance(value, Decimal) else str(value)


def _rows(card: PriceCard) -> dict[tuple[str, str], Any]:
    rows: dict[tuple[str, str], Any] = {("", _MARKUP_ROW): card.markup_percent}
    for part in fields(card):
        if part.init and part.name not in _NOT_COMPARED:
            rows |= {("", what): value for what, value in _leaves(getattr(card, part.name), _words(part.name))}
    for model in card.models:
        rows |= {(model.id, what): value for what, value in _leaves(model, "") if what != "id"}
    return rows


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every plain value inside, with its name in words."""
    if is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            if part.init:
                # The pools' own names say enough.
                inner = "" if part.name == "rates" else _words(part.name)
                yield from _leaves(getattr(value, part.name), _joined(name, inner))
    elif isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            yield from _leaves(item, _joined(name, _words(str(key))))
    elif isinstance(value, tuple | list):
        for place, item in enumerate(cast("Sequence[Any]", value), 1):
            yield from _item(item, name, place)
    elif value is not None:
        yield name, value


def _item(item: Any, name: str, place: int) -> Iterator[tuple[str, Any]]:
    """One of several: known by its first part, as a tier is by its line, or by its place."""
    if is_dataclass(item) and not isinstance(item, type):
        first, *rest = fields(item)
        line = _joined(name, f"{_words(first.name)} {getattr(item, first.name)}")
        for part in rest:
            inner = "" if part.name == "rates" else _words(part.name)
            yield from _leaves(getattr(item, part.name), _joined(line, inner))
    elif isinstance(item, tuple):
        first, *others = cast("tuple[Any, ...]", item)
        yield from _leaves(others[0] if len(others) == 1 else tuple(others), _joined(name, _words(str(first))))
    else:
        yield from _leaves(item, _joined(name, str(place)))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _joined(outer: str, inner: str) -> str:
    return f"{outer}, {inner}" if outer and inner else outer or inner
