"""The price before you press send: an estimate for the draft, asked for after a pause in typing."""

import reflex as rx

from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.quotes import Estimate, estimate
from projectloom.state.models import ModelState
from projectloom.state.session import handled, signed_in
from projectloom.state.words import about, words_in


class EstimateState(rx.State):
    """What the next reply may cost, in words. ``tone`` is ``calm``, ``short`` (a clamped reply) or ``none``."""

    text: str = ""
    tone: str = "calm"
    _draft: str = ""
    _conversation_id: str = ""

    @handled
    async def consider(self, draft: str, conversation_id: str):
        """The draft has changed."""
        self._draft, self._conversation_id = draft, conversation_id
        await self._estimate()

    @handled
    async def again(self):
        """The model, the balance or the conversation has changed."""
        await self._estimate()

    async def _estimate(self) -> None:
        person = await signed_in(self)
        models = await self.get_state(ModelState)
        if not self._draft.strip() or not models.model:
            self.text, self.tone = "", "calm"
            return
        conversation = self._conversation_id or None
        try:
            self._say(await in_thread(estimate, person.user_id, models.model, conversation, self._draft))
        except LoomError:
            # Whatever is wrong with the draft is said when it is sent; an estimate never interrupts typing.
            self.text, self.tone = "", "calm"

    def _say(self, found: Estimate) -> None:
        if found.obstacle == "insufficient_credits":
            self.text, self.tone = "Your balance does not cover a reply.", "none"
        elif found.clamped:
            self.text, self.tone = f"Your balance covers a reply of {words_in(found.max_output_tokens)}.", "short"
        else:
            self.text, self.tone = about(found.likely_nanos, found.at_most_nanos), "calm"
