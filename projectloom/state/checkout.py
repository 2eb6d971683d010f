"""Buying credits, and coming back from the payment page."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import reflex as rx

from projectloom import limits, routes
from projectloom.billing.checkout import create_checkout
from projectloom.billing.packs import PACKS, PRESELECTED_USD, custom_pack
from projectloom.billing.returning import ReturnOutcome, settle_return
from projectloom.clock import now
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.habits import reach
from projectloom.money import format_usd
from projectloom.rates import Act
from projectloom.state.balance import BalanceState
from projectloom.state.changes import show
from projectloom.state.credits import CreditsState
from projectloom.state.session import counted, explaining, handled, leave_for, signed_in
from projectloom.state.words import roughly, whole_number

_PRESELECTED = str(PRESELECTED_USD)
NEVER = datetime.min.replace(tzinfo=UTC)


class CheckoutState(rx.State):
    """One purchase attempt at a time: a second click while the first is under way does nothing."""

    selected: str = _PRESELECTED
    busy: bool = False
    trouble: str = ""
    weighed: str = ""
    reaches: dict[str, str] = {}
    """How far each pack goes for this person, in words, by its price."""

    @rx.event
    def choose(self, amount: str):
        """Choose a pack in the balance card."""
        self.selected = amount
        self.trouble = ""

    @handled
    async def ready(self):
        """A page that was left for the payment page and is shown again can buy again."""
        self.busy = False
        self.trouble = self.weighed = ""
        person = await signed_in(self)
        found = await in_thread(reach, person.user_id, [pack.credit_nanos for pack in PACKS])
        words = [reach_words(count, found.pages_of) for count in found.counts]
        self.reaches = {str(pack.amount_usd): line for pack, line in zip(PACKS, words, strict=True)}

    @rx.event
    def buy_selected(self):
        """Buy the chosen pack."""
        return CheckoutState.buy(self.selected)

    @handled
    async def weigh(self, amount: str):
        """Say what an amount that is being typed would bring."""
        try:
            pack = custom_pack(whole_number(amount.strip()))
        except LoomError as error:
            self.weighed = error.message if amount.strip() else ""
            return
        found = await in_thread(reach, (await signed_in(self)).user_id, [pack.credit_nanos])
        bonus = f" ({pack.bonus_words})" if pack.bonus_cents else ""
        brings = f"Brings {format_usd(pack.credit_nanos)} of credit{bonus}"
        self.weighed = f"{brings}, {reach_words(found.counts[0], found.pages_of)}."

    @handled
    async def buy(self, amount: object):
        """Buy a pack."""
        async for step in self._open(amount, custom=False):
            yield step

    @handled
    async def buy_custom(self, form: dict[str, str]):
        """Buy the amount that was typed."""
        async for step in self._open(str(form.get("amount", "")).strip(), custom=True):
            yield step

    async def _open(self, amount: object, *, custom: bool) -> AsyncGenerator[Any]:
        """Open the payment page. Any refusal is said in place; nothing is charged by it."""
        if self.busy:
            return
        self.busy, self.trouble = True, ""
        yield
        try:
            person = await signed_in(self, lasting=True)
            await counted(self, person, Act.CHECKOUT)
            yield leave_for(await create_checkout(person.user_id, person.email, whole_number(amount), custom=custom))
        except LoomError as error:
            self.busy, self.trouble = False, error.message


def reach_words(count: int, pages_of: str) -> str:
    """How far an amount goes: ``"roughly 2,100 questions as you ask them"``, or pages of a model for who is new."""
    if pages_of:
        return f"{roughly(count, 'page', 'pages')} from {pages_of}"
    return f"{roughly(count, 'question', 'questions')} as you ask them"


class PurchaseReturnState(rx.State):
    """What happened to the purchase that the person has just come back from."""

    message: str = ""
    tone: str = ""
    leading_back: bool = False
    """The place that was left for the payment is about to be shown; whoever sends a message meanwhile stays with it."""
    _said_at: datetime = NEVER

    @handled
    async def settle(self):
        """On load: act on ``?purchase=…``, say what happened, and go back to where the person left for the payment."""
        purchase = self.router.url.query_parameters.get("purchase", "")
        if purchase == "cancelled":
            self._say("cancelled", "Purchase cancelled. You have not been charged.")
        elif purchase == "success":
            person = await signed_in(self)
            self._tell(await settle_return(person.user_id))
        else:
            self._grow_old()
            return None
        self.leading_back = True
        back = rx.call_script("window.loomPlace.address()", callback=PurchaseReturnState.go_back)
        return [back, BalanceState.refresh]

    @rx.event
    def go_back(self, address: str):
        """Show the place that this tab was left at; a new chat where it knows none."""
        if not self.leading_back or "purchase" not in self.router.url.query_parameters:
            # They have gone on meanwhile, into the chat of what they sent for one.
            return None
        self.leading_back = False
        return rx.redirect(routes.own_address(address) or routes.CHAT, replace=True)

    @rx.event(background=True)
    @explaining
    async def watch(self):
        """While the bank or Stripe has not answered, look again a few times, so that nobody has to reload.

        Every page starts this when it loads: Reflex ends what an earlier page had started.
        """
        for _ in range(limits.PURCHASE_POLLS):
            async with self:
                if self.tone != "waiting":
                    return
                user_id = (await signed_in(self)).user_id
            await asyncio.sleep(limits.PURCHASE_POLL_SECONDS)
            outcome = await settle_return(user_id)
            async with self:
                if self.tone == "waiting":
                    self._tell(outcome)
            yield [BalanceState.refresh, CreditsState.reread]

    @rx.event
    def dismiss(self):
        """Close the banner."""
        self.message, self.tone = "", ""

    @rx.event
    def seen(self):
        """The person has gone on: a banner that waits for nothing makes room."""
        if self.tone != "waiting":
            show(self, message="", tone="")

    def _tell(self, outcome: ReturnOutcome) -> None:
        amount = format_usd(outcome.credit_nanos)
        said = {
            "completed": ("completed", f"Purchase complete. {amount} was added to your balance."),
            "waiting": ("waiting", f"Waiting for your bank. {amount} will appear here as soon as it confirms."),
            "pending": ("waiting", "Waiting for the payment to be confirmed. This page updates by itself."),
            "set_aside": ("failed", "Your payment differs from the order, so nothing was added yet. We look into it."),
            "failed": ("failed", "Your bank did not accept this payment. You have not been charged."),
        }
        self._say(*said.get(outcome.status, ("", "")))

    def _say(self, tone: str, message: str) -> None:
        self.tone, self.message, self._said_at = tone, message, now()

    def _grow_old(self) -> None:
        """What was said a while ago is no news on the next page: the balance may be another by now."""
        if self.tone != "waiting" and now() - self._said_at > timedelta(seconds=limits.BANNER_SECONDS):
            self.message, self.tone = "", ""
