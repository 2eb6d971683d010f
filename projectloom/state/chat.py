"""The conversation in the middle: open it, ask, stop, and take in what settled.

A reply belongs to the server. This state only starts a turn and reads the result: the streaming text goes from the
turn's own event stream to the browser and never through here, so clicks stay quick and nothing is sent twice. What was
there when the conversation was opened (``history``) is not sent again when something new is said (``fresh``), and what
was asked in this tab before (``asked``) once for each reply. Together they are the end of one path through the
conversation's tree; what lies before is read when somebody scrolls there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import reflex as rx

from projectloom import limits, routes
from projectloom.conversations.tree import Place
from projectloom.db import in_thread
from projectloom.errors import (
    LoomError,
    NotFound,
    Unauthorized,
)
from projectloom.metering.quotes import retry_estimates
from projectloom.metering.receipts import cost_of_conversation, receipts_of
from projectloom.metering.send import send_message
from projectloom.metering.turn import StartedTurn, stop_turn
from projectloom.rates import Act
from projectloom.state.ahead import AheadState
from projectloom.state.balance import BalanceState
from projectloom.state.caps import CapsState
from projectloom.state.checkout import PurchaseReturnState
from projectloom.state.conversations import ConversationsState
from projectloom.state.files import FileRow, file_rows
from projectloom.state.models import ModelState, model_labels
from projectloom.state.obstacles import obstacle_of
from projectloom.state.session import counted, explain, handled, signed_in
from projectloom.state.thread import MessageRow, anchor, live_row, price_words, question_row, thread_rows
from projectloom.state.usage import UsageState
from projectloom.state.words import together
from projectloom.workspace.attachments import outlines
from projectloom.workspace.chats import ThreadView, read_conversation, read_thread


@dataclass(frozen=True)
class Returned:
    """A message that could not be sent and goes back into the composer. ``key`` tells one from the next."""

    key: int = 0
    text: str = ""
    files: list[FileRow] = field(default_factory=list[FileRow])


class ChatState(rx.State):
    """One conversation, in one tab."""

    conversation_id: str = ""
    opened: bool = False
    trashed: bool = False
    history: list[MessageRow] = []
    asked: list[MessageRow] = []
    fresh: list[MessageRow] = []
    earlier: int = 0
    """So many messages of the path lie before ``history``."""
    branching: bool = False
    """The path ends before its last message, so that what is asked next begins a branch."""
    path_name: int = 0
    """Another number for each path that is shown."""
    forked: bool = False
    total: str = ""
    own_instructions: str = ""
    """What this conversation tells every model first."""
    new_instructions: str = ""
    """The same of the next new one, kept by this tab until it begins."""
    newest_question: str = ""
    running: bool = False
    wall: str = ""
    trouble: str = ""
    way: str = ""
    """What can be done about the trouble: ``caps``, ``payer``, ``profile``, ``model``, ``again``, or nothing."""
    returned: Returned = Returned()
    taken: str = ""
    """The id of the request that was answered for last: it became a turn, or was given back."""
    announcement: str = ""
    _turn_id: str = ""
    _just_created: str = ""
    _ids: list[str] = []
    """Of the messages on the path, from its beginning."""
    _streamed: set[str] = set()
    """Turns whose text this page has from their streams."""

    @rx.var
    def empty(self) -> bool:
        """Whether nothing was said yet."""
        return not self.history and not self.asked and not self.fresh

    @rx.var
    def instructions(self) -> str:
        """What the conversation that is shown, or the new one, tells every model first."""
        return self.own_instructions if self.conversation_id else self.new_instructions

    @rx.var
    def first_anchor(self) -> str:
        """The page id of the first message that is shown."""
        return anchor(self.earlier)

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
                await self._show_path(person.user_id, found=self.router.url.query_parameters.get("at"))
            except NotFound:
                return await self._explain_absence(person.user_id)
        self.opened = True
        return None

    async def _explain_absence(self, user_id: str):
        try:
            await in_thread(read_conversation, user_id, self.conversation_id)
        except NotFound:
            return [rx.toast.error("That conversation is not here any more."), rx.redirect(routes.CHAT, replace=True)]
        # It is in the trash, or is just being taken out of it.
        self.opened = self.trashed = True
        return None

    @handled
    async def send(self, text: str, request_id: str, files: list[str]):
        """Ask. The question shows at once; the turn is started, and from then on lives on the server."""
        if self.running or not (text.strip() or files):
            return
        rows = await self._file_rows(files)
        (await self.get_state(PurchaseReturnState)).leading_back = False
        self._ask(text, rows)
        yield
        try:
            started = await self._start(text, request_id, files)
        except LoomError as error:
            self.taken = request_id
            yield self._give_back(text, rows, error)
            return
        self.taken = request_id
        yield await self._follow(started)

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
        self._streamed.add(turn_id)
        await self._take_in_fresh(person.user_id)
        return self._after_the_end()

    @rx.event
    def dismiss_trouble(self):
        """Close the card that stood in the way."""
        self.wall = self.trouble = ""

    def _after_the_end(self) -> list:
        """What the end of the newest reply changes beside the thread."""
        if self.fresh and self.fresh[-1].key_failed:
            # Asked at once, so that nothing else is charged unasked.
            self.wall = "key_failed"
        return [
            BalanceState.refresh,
            UsageState.load,
            CapsState.load,
            AheadState.load,
            ConversationsState.load,
            ConversationsState.await_title,
        ]

    @rx.event
    def offer(self):
        """Show the packs here, where what is being written stays in sight."""
        self.wall, self.trouble = "packs", ""

    def _clear(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.history, self.asked, self.fresh, self.earlier, self.total = [], [], [], 0, ""
        self.own_instructions = ""
        self._ids, self._streamed, self.branching = [], set(), False
        self.forked = False
        self.path_name += 1
        self.newest_question = self.wall = self.trouble = self._turn_id = self._just_created = ""
        self.running = self.opened = self.trashed = False
        self.returned = Returned(self.returned.key)

    def _length(self) -> int:
        """How many messages the path has, as far as it is shown."""
        return self._settled() + len(self.fresh)

    def _settled(self) -> int:
        """How many of them come before ``fresh``."""
        return self.earlier + len(self.history) + len(self.asked)

    def _message_id(self, position: int) -> str:
        """The message at a place of the path. Raises NotFound."""
        if not 0 <= position < len(self._ids):
            raise NotFound("There is no such message in that conversation.")
        return self._ids[position]

    def _place(self) -> Place | None:
        """Where what is asked next goes: after the last message that is shown; None in a new chat."""
        return Place(self._ids[-1] if self._ids else None) if self.conversation_id else None

    def _place_before(self, position: int) -> Place:
        """The place of the message at a position: after the one before it. Raises NotFound."""
        self._message_id(position)
        return Place(self._ids[position - 1] if position else None)

    def _end_path_before(self, position: int) -> None:
        """Show the path only as far as it leads to a position."""
        kept = max(position - self.earlier, 0)
        rows, settled = len(self.history), len(self.history) + len(self.asked)
        if kept < rows:
            self.history = self.history[:kept]
        if kept < settled:
            self.asked = self.asked[: max(kept - rows, 0)]
        self.fresh = self.fresh[: max(kept - settled, 0)]
        self._ids = self._ids[:position]
        self.branching, self.running = True, False
        self.path_name += 1

    async def _file_rows(self, ids: Sequence[str]) -> list[FileRow]:
        person = await signed_in(self)
        return file_rows(await in_thread(outlines, person.user_id, ids)) if ids else []

    def _ask(self, text: str, files: Sequence[FileRow] = ()) -> None:
        """Show a question and the place of its reply; without a text or files only the reply's."""
        position = self._length()
        if self.fresh:
            # Asking once more is offered under the last reply alone.
            self.asked = [*self.asked, *(replace(row, again="") for row in self.fresh)]
        question = [replace(question_row(position, text), files=list(files))] if text or files else []
        self.fresh = [*question, live_row(position + len(question), "")]
        self.newest_question = anchor(position if question else position - 1)
        self.running, self.wall, self.trouble = True, "", ""
        self.returned = Returned(self.returned.key)
        self.announcement = "Message sent. The reply is being written."

    async def _start(self, text: str, request_id: str, files: Sequence[str]) -> StartedTurn:
        person = await signed_in(self)
        await counted(self, person, Act.CHAT)
        model, place = (await self.get_state(ModelState)).model, self._place()
        return await send_message(
            person.user_id,
            self.conversation_id or None,
            text,
            model,
            request_id or None,
            place=place,
            files=files,
            instructions=self.new_instructions,
        )

    async def _follow(self, started: StartedTurn) -> list:
        """Show the reply of a turn that has begun."""
        self._turn_id, self.branching = started.turn_id, False
        begins = started.conversation_id != self.conversation_id
        self.conversation_id = started.conversation_id
        person = await signed_in(self)
        await self._take_in_fresh(person.user_id, through=started.message_id)
        # A reply that was over before it could be shown has no end that the page could see.
        events = [ConversationsState.load] if self.running else self._after_the_end()
        events.append(PurchaseReturnState.seen)
        if not begins:
            return events
        self._just_created, self.new_instructions = started.conversation_id, ""
        return [*events, rx.redirect(routes.conversation(started.conversation_id), replace=True)]

    def _give_back(self, text: str, files: list[FileRow], error: LoomError):
        self.fresh = []
        self.returned = Returned(self.returned.key + 1, text, files)
        return self._say_why(error)

    def _say_why(self, error: LoomError):
        """Nothing was asked: the card that says what stands in the way."""
        self.running, self.announcement = False, ""
        if isinstance(error, Unauthorized):
            return explain(error)
        self.wall, self.trouble, self.way = obstacle_of(error)
        return [PurchaseReturnState.seen, BalanceState.refresh, ModelState.load]

    async def _show_path(
        self, user_id: str, *, through: str | None = None, since: int | None = None, found: str | None = None
    ) -> None:
        """Read the path that was chosen last, or the one through a message, from a position on, and show it.

        Raises NotFound where the conversation is not there any more.
        """
        view = await in_thread(read_thread, user_id, self.conversation_id, through=through, since=since, found=found)
        rows = await self._rows(user_id, view)
        self._take_in(view, rows)
        settled = len(rows) - 2 if self.running else len(rows)
        self.history, self.asked, self.fresh, self.earlier = rows[:settled], [], rows[settled:], view.first
        self.branching = False
        self.path_name += 1

    async def _show_earlier(self, user_id: str) -> None:
        """Read some of what lies before what is shown."""
        first = max(self.earlier - limits.MESSAGES_SHOWN, 0)
        last = self._ids[-1] if self._ids else None
        view = await in_thread(read_thread, user_id, self.conversation_id, through=last, since=first)
        rows = await self._rows(user_id, replace(view, messages=view.messages[: self.earlier - first]))
        self.history, self.earlier = [*rows, *self.history], first

    async def _take_in_fresh(self, user_id: str, through: str | None = None) -> None:
        through = through or (self._ids[-1] if self._ids else None)
        since = self._settled()
        view = await in_thread(read_thread, user_id, self.conversation_id, through=through, since=since)
        self.fresh = await self._rows(user_id, view)
        self._take_in(view, self.fresh)
        if not self.running:
            self.announcement = _spoken(self.fresh)

    async def _rows(self, user_id: str, view: ThreadView) -> list[MessageRow]:
        turns = [message.turn_id for message in view.messages if message.turn_id]
        receipts = await in_thread(receipts_of, user_id, turns)
        self.total = together(*await in_thread(cost_of_conversation, user_id, self.conversation_id))
        rows = thread_rows(view, receipts, await model_labels(), self._streamed)
        if rows and rows[-1].broken and rows[-1].position == len(view.ids) - 1 > 0:
            models = [rows[-1].model_id]
            priced = await in_thread(retry_estimates, user_id, self.conversation_id, view.ids[-2], models)
            rows[-1] = replace(rows[-1], again=price_words(priced[0][1]) if priced else "")
        return rows

    def _take_in(self, view: ThreadView, rows: list[MessageRow]) -> None:
        self._ids, self.forked, self.own_instructions = list(view.ids), view.forked, view.instructions
        live = next((row for row in reversed(rows) if row.live), None)
        self.running, self._turn_id = live is not None, live.turn_id if live else ""


def _spoken(rows: list[MessageRow]) -> str:
    """How the newest reply ended, for who hears the page: the note under it says why one did not finish."""
    if rows and rows[-1].broken:
        return f"The reply did not finish. {rows[-1].note}"
    return "The reply is complete."
