"""Caps that a person sets for what replies on credits may cost, and how far they are used."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.caps import CapView, read_caps, set_caps
from projectloom.metering.models import CapScope
from projectloom.money import NANOS_PER_USD, format_usd
from projectloom.state.changes import show
from projectloom.state.session import handled, signed_in
from projectloom.state.words import whole_number

_NAMES = {CapScope.DAY: "Today", CapScope.MONTH: "This month"}
_FULL, _NEAR = 100, 80


@dataclass(frozen=True)
class CapRow:
    """One cap with its use, all text."""

    name: str = ""
    used: str = ""
    percent: int = 0
    tone: str = "calm"


class CapsState(rx.State):
    """Whole dollars as typed; empty is no cap."""

    loaded: bool = False
    day: str = ""
    month: str = ""
    conversation: str = ""
    rows: list[CapRow] = []
    trouble: str = ""

    @handled
    async def load(self):
        """Read the caps and their use."""
        caps = await in_thread(read_caps, (await signed_in(self)).user_id)
        typed = {cap.scope.value: str(cap.limit_nanos // NANOS_PER_USD) for cap in caps}
        rows = [_row(cap) for cap in caps if cap.scope in _NAMES]
        show(self, **{scope.value: typed.get(scope.value, "") for scope in CapScope}, rows=rows, loaded=True)

    @handled
    async def keep(self, form: dict[str, Any]):
        """Keep what was typed; an empty field takes its cap away."""
        user_id = (await signed_in(self)).user_id
        self.trouble = ""
        try:
            await in_thread(set_caps, user_id, {scope: _typed(form.get(scope.value)) for scope in CapScope})
        except LoomError as error:
            self.trouble = error.message
            return None
        return [CapsState.load, rx.toast.success("Your caps are saved. They hold from the next reply on.")]


def _typed(value: object) -> object:
    text = str(value or "").strip()
    return whole_number(text) if text else None


def _row(cap: CapView) -> CapRow:
    percent = min((cap.spent_nanos + cap.held_nanos) * 100 // cap.limit_nanos, _FULL)
    tone = "full" if percent == _FULL else "near" if percent >= _NEAR else "calm"
    return CapRow(
        name=_NAMES[cap.scope],
        used=f"{format_usd(cap.spent_nanos)} of {format_usd(cap.limit_nanos)}",
        percent=percent,
        tone=tone,
    )
