"""Redeeming a promotional code: what it added, or why it did not, said where it was entered."""

import reflex as rx

from projectloom.billing.codes import Redeemed, redeem_code
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.money import format_usd
from projectloom.state.balance import BalanceState
from projectloom.state.credits import CreditsState
from projectloom.state.session import handled, signed_in

CODE_FIELD = "redeem-code"


class RedeemState(rx.State):
    """One code at a time: a second press while the first is under way does nothing."""

    busy: bool = False
    said: str = ""
    trouble: str = ""

    @rx.event
    def ready(self):
        """The page is shown afresh: what was said before is over."""
        self.busy, self.said, self.trouble = False, "", ""

    @handled
    async def redeem(self, form: dict[str, str]):
        """Give the credit of the code. A refusal is said in place and leaves the code to be corrected."""
        if self.busy:
            return
        person = await signed_in(self, lasting=True)
        self.busy, self.said, self.trouble = True, "", ""
        yield
        try:
            self.said = _said(await in_thread(redeem_code, person.user_id, str(form.get("code", ""))))
            yield [rx.set_value(CODE_FIELD, ""), BalanceState.refresh, CreditsState.reread]
        except LoomError as error:
            self.trouble = error.message
        self.busy = False


def _said(redeemed: Redeemed) -> str:
    if redeemed.already:
        return "You have redeemed this code before. Nothing was added."
    added, day = f"{format_usd(redeemed.amount_nanos)} of credit was added.", redeemed.expires_at
    return added if day is None else f"{added} It expires on {day.day} {day:%B %Y}."
