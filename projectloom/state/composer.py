"""The price before you press send: an estimate for the draft, asked for after a pause in typing."""

import reflex as rx

from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.quotes import Estimate, estimate
from projectloom.state.models import ModelState
from projectloom.state.session import handled, signed_in
from projectloom.state.words import about, words_in


class EstimateState(rx.State):
    """What the next reply may cost, in words. ``tone``: ``calm``, ``short`` (a clamped reply), ``none`` or ``capped``.

    ``basis`` is the page's name for what the words rest on: conversation, model, payer and balance. The page asks again
    when that changes, and shows no words that rest on anything else.
    """

    text: str = ""
    tone: str = "calm"
    basis: str = ""

    @handled
    async def consider(self, draft: str, conversation_id: str, basis: str):
        """The draft, or what its price rests on, has changed."""
        self.text, self.tone, self.basis = "", "calm", basis
        model = (await self.get_state(ModelState)).model
        if not draft.strip() or not model:
            return
        person = await signed_in(self)
        try:
            self._say(await in_thread(estimate, person.user_id, model, conversation_id or None, draft))
        except LoomError:
            # Whatever is wrong with the draft is said when it is sent; an estimate never interrupts typing.
            self.text = ""

    def _say(self, found: Estimate) -> None:
        if found.obstacle == "insufficient_credits":
            self.text, self.tone = "Your balance does not cover a reply.", "none"
        elif found.obstacle == "cap_reached":
            self.text, self.tone = found.obstacle_words.partition(". ")[0] + ".", "capped"
        elif found.clamped:
            what = "cap" if found.capped else "balance"
            self.text, self.tone = f"Your {what} covers a reply of {words_in(found.max_output_tokens)}.", "short"
        else:
            self.text, self.tone = about(found.likely_nanos, found.at_most_nanos), "calm"
