"""The conversation in the middle: open it, ask, stop, and take in what settled.

A reply belongs to the server. This state only starts a turn and reads the result: the streaming text goes from the
turn's own event stream to the browser and never through here, so clicks stay quick and nothing is sent twice. What was
there when the conversation was opened (``history``) is not sent again when something new is said (``fresh``).
"""

from dataclasses import dataclass

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.errors import InsufficientCredits, LoomError, MissingApiKey, NotFound, Unauthorized
from projectloom.metering.receipts import receipts_of
from projectloom.metering.send import send_message
from projectloom.metering.turn import StartedTurn, stop_turn
from projectloom.state.balance import BalanceState
from projectloom.state.caps import CapsState
from projectloom.state.checkout import PurchaseReturnState
from projectloom.state.conversations import ConversationsState
from projectloom.state.models import ModelState, model_labels
from projectloom.state.session import explain, handled, signed_in
from projectloom.state.thread import MessageRow, anchor, live_row, question_row, thread_rows
from projectloom.state.usage import UsageState
from projectloom.workspace.chats import read_messages

# What stands in the way of sending, each with a card of its own that offers the next step.
_WALLS: dict[type[LoomError], str] = {InsufficientCredits: "credits", MissingApiKey: "key"}


@dataclass(frozen=True)
class Returned:
    """A message that could not be sent and goes back into the composer. ``key`` tells one from the next."""

    key: int = 0
    text: str = ""


class ChatState(rx.State):
    """One conversation, in one tab."""

    conversation_id: str = ""
    opened: bool = False
    history: list[MessageRow] = []
    fresh: list[MessageRow] = []
    newest_question: str = ""
    running: bool = False
    wall: str = ""
    trouble: str = ""
    returned: Returned = Returned()
    announcement: str = ""
    _turn_id: str = ""
    _just_created: str = ""

    @rx.var
    def empty(self) -> bool:
        """Whether nothing was said yet."""
        return not self.history and not self.fresh

    @handled
    async def open_from_address(self):
        """On load: show the conversation that the address names, or a new chat."""
        wanted = routes.conversation_in(self.router.url.path)
        if wanted and wanted == self._just_created:
            self._just_created = ""
            return None
        person = await signed_in(self)
        self._clear(wanted)
        if wanted:
            try:
                self._take_in(await self._read(person.user_id))
            except NotFound:
                return [
                    rx.toast.error("That conversation is not here any more."),
                    rx.redirect(routes.CHAT, replace=True),
                ]
            last = len(self.history) - 2 if self.running else len(self.history)
            self.history, self.fresh = self.history[:last], self.history[last:]
        self.opened = True
        return None

    @handled
    async def send(self, text: str, request_id: str):
        """Ask. The question shows at once; the turn is started, and from then on lives on the server."""
        if self.running or not text.strip():
            return
        self._ask(text)
        yield
        try:
            started = await self._start(text, request_id)
        except LoomError as error:
            yield self._give_back(text, error)
            return
        yield self._follow(started)

    @handled
    async def stop(self):
        """End the running reply. What came stays."""
        if self._turn_id:
            person = await signed_in(self)
            await stop_turn(person.user_id, self._turn_id)

    @handled
    async def settle(self, turn_id: str):
        """The turn is over: take in the stored reply and its receipt, and let the balance move once."""
        person = await signed_in(self)
        if not self.conversation_id or turn_id not in {row.turn_id for row in self.fresh}:
            return None
        self._take_in_fresh(await self._read(person.user_id))
        return [
            BalanceState.refresh,
            UsageState.load,
            CapsState.load,
            ConversationsState.load,
            ConversationsState.await_title,
        ]

    @rx.event
    def dismiss_trouble(self):
        """Close the card that stood in the way."""
        self.wall = self.trouble = ""

    def _clear(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.history, self.fresh = [], []
        self.newest_question = self.wall = self.trouble = self._turn_id = self._just_created = ""
        self.running = self.opened = False
        self.returned = Returned(self.returned.key)

    def _ask(self, text: str) -> None:
        position = len(self.history) + len(self.fresh)
        self.fresh = [*self.fresh, question_row(position, text), live_row(position + 1, "")]
        self.newest_question = anchor(position)
        self.running, self.wall, self.trouble = True, "", ""
        self.returned = Returned(self.returned.key)
        self.announcement = "Message sent. The reply is being written."

    async def _start(self, text: str, request_id: str) -> StartedTurn:
        person = await signed_in(self)
        models = await self.get_state(ModelState)
        return await send_message(person.user_id, self.conversation_id or None, text, models.model, request_id or None)

    def _follow(self, started: StartedTurn) -> list:
        self._turn_id = started.turn_id
        position = len(self.history) + len(self.fresh) - 1
        self.fresh = [*self.fresh[:-1], live_row(position, started.turn_id)]
        events = [ConversationsState.load, PurchaseReturnState.seen]
        if started.conversation_id == self.conversation_id:
            return events
        self.conversation_id = self._just_created = started.conversation_id
        return [*events, rx.redirect(routes.conversation(started.conversation_id), replace=True)]

    def _give_back(self, text: str, error: LoomError):
        self.fresh = self.fresh[:-2]
        self.running, self.announcement = False, ""
        self.returned = Returned(self.returned.key + 1, text)
        if isinstance(error, Unauthorized):
            return explain(error)
        self.wall = _WALLS.get(type(error), "")
        self.trouble = "" if self.wall else error.message
        return [PurchaseReturnState.seen, BalanceState.refresh, ModelState.load]

    async def _read(self, user_id: str) -> list[MessageRow]:
        messages = await in_thread(read_messages, user_id, self.conversation_id)
        receipts = await in_thread(receipts_of, user_id, self.conversation_id)
        return thread_rows(messages, receipts, await model_labels())

    def _take_in(self, rows: list[MessageRow]) -> None:
        self.history = rows
        live = next((row for row in reversed(rows) if row.live), None)
        self.running, self._turn_id = live is not None, live.turn_id if live else ""

    def _take_in_fresh(self, rows: list[MessageRow]) -> None:
        self.fresh = rows[len(self.history) :]
        live = next((row for row in reversed(self.fresh) if row.live), None)
        self.running, self._turn_id = live is not None, live.turn_id if live else ""
        if not self.running:
            self.announcement = "The reply is complete."
