"""The summary of a conversation: its price first, then its text as it comes, then a new chat that begins with it.

A summary is a turn of the server's own: whoever closes the sheet or reloads finds it again, running or ended, and never
pays for it twice.
"""

import reflex as rx

from projectloom import routes
from projectloom.assistants.summaries import (
    SummaryRequest,
    SummaryView,
    chat_from_summary,
    estimate_summary,
    latest_summary,
    read_summary,
    start_summary,
)
from projectloom.db import in_thread
from projectloom.errors import InsufficientCredits, LoomError, MissingApiKey
from projectloom.metering.quotes import Estimate
from projectloom.metering.turn import stop_turn
from projectloom.rates import Act
from projectloom.state.balance import BalanceState
from projectloom.state.caps import CapsState
from projectloom.state.conversations import ConversationsState
from projectloom.state.models import ModelState, model_labels
from projectloom.state.session import counted, handled, signed_in
from projectloom.state.thread import cost_words, ending_words, payer_words
from projectloom.state.usage import UsageState
from projectloom.state.words import about, day_and_time

# What stands in the way, with a next step of its own.
_WALLS: dict[type[LoomError], str] = {InsufficientCredits: "credits", MissingApiKey: "key"}


def wall_of(error: LoomError) -> str:
    """The card that explains an error, or an empty string where its own words do."""
    return _WALLS.get(type(error), "")


def price_words(found: Estimate) -> str:
    """What something costs, or why it cannot be begun, before it is."""
    if found.obstacle == "insufficient_credits":
        return "Your balance does not cover this."
    if found.obstacle == "missing_api_key":
        return "This model needs an API key that you have not saved."
    if found.obstacle is not None:
        return found.obstacle_words
    return about(found.low_nanos, found.high_nanos)


class AssistState(rx.State):
    """The sheet with the summary of the conversation that is open."""

    shown: bool = False
    model: str = ""
    price: str = ""
    turn_id: str = ""
    live: bool = False
    busy: bool = False
    text: str = ""
    cost: str = ""
    payer: str = ""
    note: str = ""
    made: str = ""
    wall: str = ""
    trouble: str = ""
    _conversation_id: str = ""

    @handled
    async def summarize(self):
        """Open the sheet for the conversation that the address names: its last summary, and what another costs."""
        self._clear(routes.conversation_in(self.router.url.path))
        self.shown = bool(self._conversation_id)
        if self.shown:
            await self._look()

    @handled
    async def resume(self):
        """On load: a summary that was open, or is being written, is there again."""
        wanted = routes.conversation_in(self.router.url.path)
        was_open = self.shown and wanted == self._conversation_id
        self._clear(wanted)
        if not wanted:
            return
        person = await signed_in(self)
        found = await in_thread(latest_summary, person.user_id, wanted)
        self.shown = was_open or (found is not None and found.running)
        if self.shown:
            await self._look()

    @handled
    async def run(self):
        """Write a summary. What stands in the way is said in the sheet; then nothing was charged."""
        if self.live or self.busy:
            return
        self.busy, self.wall, self.trouble = True, "", ""
        yield
        try:
            person = await signed_in(self)
            await counted(self, person, Act.CHAT)
            started = await start_summary(await self._request(person.user_id))
        except LoomError as error:
            self.busy, self.wall = False, wall_of(error)
            self.trouble = error.message
            return
        self.busy, self.live, self.turn_id = False, True, started.turn_id
        self.text = self.cost = self.note = self.made = ""

    @handled
    async def stop(self):
        """End the summary where it is. What came stays."""
        if self.live:
            person = await signed_in(self)
            await stop_turn(person.user_id, self.turn_id)

    @handled
    async def settle(self, turn_id: str):
        """It is over: take in the stored text and what it cost."""
        if turn_id != self.turn_id:
            return None
        person = await signed_in(self)
        await self._take_in(await in_thread(read_summary, person.user_id, turn_id))
        return [BalanceState.refresh, UsageState.load, CapsState.load]

    @handled
    async def begin_chat(self):
        """A new conversation whose first message is this summary."""
        if self.busy or self.live or not self.turn_id:
            return None
        self.busy = True
        person = await signed_in(self)
        fresh = await in_thread(chat_from_summary, person.user_id, self.turn_id)
        self._clear("")
        return [rx.redirect(routes.conversation(fresh)), ConversationsState.load]

    @rx.event
    def close(self):
        """Put the sheet away. What is being written goes on."""
        self.shown = False

    async def _look(self) -> None:
        person = await signed_in(self)
        self.model = (await self.get_state(ModelState)).label
        try:
            self.price = price_words(await in_thread(estimate_summary, await self._request(person.user_id)))
        except LoomError as error:
            self.price, self.trouble = "", error.message
        found = await in_thread(latest_summary, person.user_id, self._conversation_id)
        if found is not None:
            await self._take_in(found)

    async def _request(self, user_id: str) -> SummaryRequest:
        model = (await self.get_state(ModelState)).model
        return SummaryRequest(user_id, conversation_id=self._conversation_id, model=model or None)

    async def _take_in(self, found: SummaryView) -> None:
        receipt = found.receipt
        self.turn_id, self.live = receipt.turn_id, found.running
        self.text = "" if found.running else found.text
        if found.running:
            return
        self.cost, self.payer, self.note = cost_words(receipt), payer_words(receipt), ending_words(receipt)
        labels = await model_labels()
        self.made = f"{labels.get(receipt.model, receipt.model)}, {day_and_time(receipt.created_at)}"

    def _clear(self, conversation_id: str) -> None:
        self._conversation_id = conversation_id
        self.shown = self.live = self.busy = False
        self.turn_id = self.text = self.cost = self.note = self.made = ""
        self.price = self.wall = self.trouble = ""
