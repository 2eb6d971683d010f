"""The price before you press send: an estimate for the draft, asked for after a pause in typing.

Beside it a cheaper model is pointed out where it would do, unless the person does not want to know.
"""

import reflex as rx

from projectloom import limits
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.quotes import Cheaper, Estimate, estimate
from projectloom.state.changes import show
from projectloom.state.chat import ChatState
from projectloom.state.models import ModelState
from projectloom.state.session import handled, signed_in
from projectloom.state.words import about, cents, words_in

# What no choice of money helps with: the prompt itself, or the model, has to be another.
_CANNOT = ("no_pictures", "too_large", "prompt_too_long")
# Events take their values by place.
_YES, _NO = True, False


class EstimateState(ChatState):
    """What the next reply may cost, in words.

    ``tone``: ``calm``, ``dear`` (more than is usual for this person), ``short`` (a clamped reply), ``none`` or
    ``capped``.

    ``basis`` is the page's name for what the words rest on: conversation, model, payer and balance. The page asks again
    when that changes, and shows no words that rest on anything else.
    """

    text: str = ""
    tone: str = "calm"
    basis: str = ""
    long_chat: str = ""
    """What each message costs for what was said before it, where that is much."""
    cheaper: str = ""
    """The model that would do for far less, and what choosing it saves, in words."""
    cheaper_label: str = ""
    _cheaper_id: str = ""

    @handled
    async def consider(self, draft: str, files: list[str], conversation_id: str, basis: str):
        """The draft, its files, or what its price rests on, has changed."""
        show(self, text="", tone="calm", basis=basis, long_chat="", cheaper="")
        models = await self.get_state(ModelState)
        if not (draft.strip() or files) or not (model := models.model):
            return
        person, place = await signed_in(self), self._place()
        try:
            chat, told = conversation_id or None, self.new_instructions
            found = await in_thread(estimate, person.user_id, model, chat, draft, place, files=files, instructions=told)
            self._say(found)
            self._point_out(found.cheaper if models.cheaper_told else None)
        except LoomError:
            # Whatever is wrong with the draft is said when it is sent; an estimate never interrupts typing.
            self.text = ""

    @handled
    async def take_cheaper(self):
        """Answer with the cheaper model from now on, with ten seconds to take it back."""
        models = await self.get_state(ModelState)
        if not self._cheaper_id or models.model == self._cheaper_id:
            return None
        said = rx.toast(
            f"{self.cheaper_label} answers from now on.",
            action={"label": "Undo", "on_click": ModelState.pick(models.model)},
            duration=limits.UNDO_SECONDS * 1000,
        )
        return [ModelState.pick(self._cheaper_id), said]

    @handled
    async def never_cheaper(self):
        """Point no cheaper model out any more; the picker has the switch that brings it back."""
        self.cheaper = ""
        said = rx.toast(
            "Cheaper models are not pointed out any more.",
            action={"label": "Undo", "on_click": ModelState.tell_cheaper(_YES)},
            duration=limits.UNDO_SECONDS * 1000,
        )
        return [ModelState.tell_cheaper(_NO), said]

    def _point_out(self, found: Cheaper | None) -> None:
        if found is not None:
            self._cheaper_id, self.cheaper_label = found.model.id, found.model.label
            self.cheaper = f"About {found.times} × cheaper with {found.model.label}"

    def _say(self, found: Estimate) -> None:
        if found.past_nanos >= limits.LONG_CHAT_NANOS:
            self.long_chat = cents(found.past_nanos)
        if found.obstacle == "insufficient_credits":
            self.text, self.tone = "Your balance does not cover a reply.", "none"
        elif found.obstacle == "cap_reached":
            self.text, self.tone = found.obstacle_words.partition(". ")[0] + ".", "capped"
        elif found.obstacle in _CANNOT:
            self.text, self.tone = found.obstacle_words, "short"
        elif found.clamped:
            what = "cap" if found.capped else "balance"
            self.text, self.tone = f"Your {what} covers a reply of {words_in(found.max_output_tokens)}.", "short"
        else:
            self.text, self.tone = about(found.likely_nanos, found.at_most_nanos), "calm"
            if found.usual_nanos is not None:
                self.text, self.tone = f"{self.text}, usually {cents(found.usual_nanos)} ¢", "dear"
