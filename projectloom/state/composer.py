"""The price before you press send: an estimate for the draft, asked for after a pause in typing.

Beside it a cheaper model is pointed out where it would do, unless the person does not want to know.
"""

import reflex as rx

from projectloom import limits
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.metering.quotes import Cheaper, Estimate, estimate
from projectloom.money import format_exact
from projectloom.state.changes import show
from projectloom.state.chat import ChatState
from projectloom.state.models import ModelState, short_label
from projectloom.state.session import handled, signed_in
from projectloom.state.words import about, cents, usually, words_in

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
    compared: str = ""
    """What is usual for this person, where this costs more."""
    terms: list[str] = []
    """What a range means and the most that it can come to; empty where the text says all."""
    tone: str = "calm"
    basis: str = ""
    long_chat: str = ""
    """What each message costs for what was said before it, where that is much."""
    cheaper: str = ""
    """The model that would do for far less, and what choosing it saves, in words."""
    cheaper_short: str = ""
    cheaper_label: str = ""
    _cheaper_id: str = ""

    @handled
    async def consider(self, draft: str, files: list[str], conversation_id: str, basis: str):
        """The draft, its files, or what its price rests on, has changed."""
        show(self, text="", compared="", terms=[], tone="calm", basis=basis, long_chat="", cheaper="")
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
            self.cheaper_short = f"{found.times} × cheaper: {short_label(found.model.label)}"

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
            self.text, self.tone = about(found.low_nanos, found.high_nanos), "calm"
            if found.usual_nanos is not None:
                self.compared, self.tone = f", usually {cents(found.usual_nanos)} ¢", "dear"
            self.terms = _terms(found)


def _terms(found: Estimate) -> list[str]:
    """What the short words beside Send stand for: what is usual and by what, and the most that it can come to."""
    range_ = usually(found.low_nanos, found.high_nanos)
    by = "by the length of your latest replies" if found.by_habit else "going by typical replies"
    most = format_exact(found.at_most_nanos)
    if found.funding == "credits":
        held = "So much is held while it is written; what it does not need is yours again."
        return [f"Usually {range_}, {by}.", f"At most {most}. {held}"]
    return [f"Usually {range_}, {by}.", f"At most {most}, which the provider bills to your own key."]
