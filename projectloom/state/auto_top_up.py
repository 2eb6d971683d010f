"""Auto top-up on the credits page: the saved card, the amounts, and why it is off when it stopped itself."""

import asyncio
from typing import Any

import reflex as rx

from projectloom import limits
from projectloom.billing.auto_settings import AutoTopUpView, read_auto_top_up, set_auto_top_up
from projectloom.billing.cards import CardView, collect_card, open_card_setup, remove_card
from projectloom.db import in_thread
from projectloom.errors import LoomError, PaymentUnavailable, TooManyRequests
from projectloom.money import format_usd, from_usd
from projectloom.rates import Act
from projectloom.routes import CREDITS
from projectloom.state.balance import BalanceState
from projectloom.state.credits import CreditsState
from projectloom.state.session import counted, explaining, handled, leave_for, signed_in
from projectloom.state.words import whole_number

_STOPPED = {
    "declined": "Your bank declined the last charge, so auto top-up is off. You were not charged.",
    "authentication": "Your bank wants you to confirm charges, so auto top-up is off. You were not charged. Buy credit "
    "yourself, or save another card.",
    "card_gone": "Your card can no longer be charged, so auto top-up is off. You were not charged.",
    "disputed": "Your bank has questioned a payment, so auto top-up is off.",
    "refunded": "One of your purchases was refunded, so auto top-up is off.",
}


class AutoTopUpState(rx.State):
    """One person's auto top-up as text; what they typed is checked where it is kept."""

    loaded: bool = False
    enabled: bool = False
    threshold: str = ""
    amount: str = ""
    ceiling: str = ""
    summary: str = ""
    charged: str = ""
    stopped: str = ""
    card: str = ""
    busy: bool = False
    trouble: str = ""

    @handled
    async def load(self):
        """On load: read it all, and when the person comes back from saving a card, which card it is."""
        came_back = "card" in self.router.url.query_parameters
        user_id = (await signed_in(self)).user_id
        self.busy, self.trouble = False, ""
        try:
            card = await collect_card(user_id)
        except PaymentUnavailable:
            card = None
            self.trouble = "Stripe has not told us about your card yet. Reload this page in a moment."
        self._show(await in_thread(read_auto_top_up, user_id), card)
        return rx.redirect(CREDITS, replace=True) if came_back else None

    @handled
    async def save_card(self):
        """Go to Stripe's page for saving a card."""
        if self.busy:
            return
        self.busy, self.trouble = True, ""
        yield
        person = await signed_in(self)
        try:
            await counted(self, person, Act.CHECKOUT)
            yield leave_for(await open_card_setup(person.user_id, person.email))
        except TooManyRequests as error:
            self.busy, self.trouble = False, error.message
        except LoomError:
            self.busy, self.trouble = False, "The page for saving a card could not be opened. Please try again."

    @handled
    async def remove_card(self):
        """Forget the card."""
        user_id = (await signed_in(self)).user_id
        await remove_card(user_id)
        self._show(await in_thread(read_auto_top_up, user_id), None)
        return rx.toast.success("Your card was removed, and auto top-up is off.")

    @handled
    async def keep(self, form: dict[str, Any]):
        """Keep the amounts and switch it on."""
        return await self._set(form, enabled=True)

    @handled
    async def switch_off(self):
        """Switch it off; the amounts stay."""
        form = {"threshold": self.threshold, "amount": self.amount, "ceiling": self.ceiling}
        return await self._set(form, enabled=False)

    @rx.event(background=True)
    @explaining
    async def expect(self):
        """It may charge at once: what comes of it is shown without a reload."""
        await asyncio.sleep(limits.AUTO_TOP_UP_SECONDS + 1)
        yield [AutoTopUpState.load, CreditsState.reread, BalanceState.refresh, CreditsState.watch]

    async def _set(self, form: dict[str, Any], *, enabled: bool) -> Any:
        user_id = (await signed_in(self, lasting=True)).user_id
        self.trouble = ""
        wanted = {f"{name}_usd": whole_number(form.get(name)) for name in ("threshold", "amount", "ceiling")}
        try:
            view = await in_thread(set_auto_top_up, user_id, enabled=enabled, **wanted)
        except LoomError as error:
            self.trouble = error.message
            return None
        self._tell(view)
        said = rx.toast.success("Auto top-up is on." if enabled else "Auto top-up is off.")
        return [said, AutoTopUpState.expect] if enabled else said

    def _show(self, view: AutoTopUpView, card: CardView | None) -> None:
        self.card = "" if card is None else _card_words(card)
        self._tell(view)
        self.loaded = True

    def _tell(self, view: AutoTopUpView) -> None:
        self.enabled, self.stopped = view.enabled, _STOPPED.get(view.stopped or "", "")
        self.threshold, self.amount, self.ceiling = (
            str(view.threshold_usd),
            str(view.amount_usd),
            str(view.ceiling_usd),
        )
        low, buys, most = (format_usd(from_usd(it)) for it in (view.threshold_usd, view.amount_usd, view.ceiling_usd))
        self.summary = f"When less than {low} is left, {buys} is charged to your card, at most {most} in a month."
        self.charged = f"{format_usd(view.charged_nanos)} charged this month so far."


def _card_words(card: CardView) -> str:
    return f"{card.brand.title()} •••• {card.last4}, expires {card.exp_month:02d}/{card.exp_year % 100:02d}"
