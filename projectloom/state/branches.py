"""Branches of the conversation that is open: other versions of a message, asking again or otherwise, and the map.

Messages are named by their position on the path that the page shows; which messages these are, the server knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.errors import LoomError, NotFound
from projectloom.metering.quotes import estimate, retry_estimates
from projectloom.metering.receipts import Outline, outlines_of_conversation
from projectloom.metering.send import ask_again, send_message
from projectloom.money import format_usd
from projectloom.rates import Act
from projectloom.state.chat import ChatState
from projectloom.state.conversations import ConversationsState
from projectloom.state.files import file_rows
from projectloom.state.models import ModelState, model_labels, short_label
from projectloom.state.session import counted, handled, signed_in
from projectloom.state.thread import price_words
from projectloom.state.words import count_of
from projectloom.workspace import chats
from projectloom.workspace.attachments import files_of_message


@dataclass(frozen=True)
class Choice:
    """A model that may answer again, and what that may cost."""

    id: str = ""
    label: str = ""
    price: str = ""
    same: bool = False


@dataclass(frozen=True)
class MapRow:
    """One stretch of messages on the map. ``parent`` is the row that it follows, -1 for a beginning."""

    words: str = ""
    about: str = ""
    depth: int = 0
    parent: int = -1
    shown: bool = False


class BranchState(ChatState):
    """Travelling between branches and beginning them."""

    @handled
    async def switch(self, position: int, step: int):
        """Show the version of a message before or after the one that is shown, and remember it."""
        person = await signed_in(self)
        here = self._message_id(position)
        version = await in_thread(chats.switch_version, person.user_id, self.conversation_id, here, step)
        await self._show_path(person.user_id, through=version, since=min(self.earlier, position))

    @handled
    async def edit(self, position: int, text: str, request_id: str):
        """Ask otherwise: a new version beside the question, which stays as it is."""
        person = await signed_in(self)
        if self.running or not text.strip():
            return
        kept = await in_thread(files_of_message, person.user_id, self.conversation_id, self._message_id(position))
        rows = file_rows(kept)
        self._end_path_before(position)
        self._ask(text, rows)
        yield
        model, place = (await self.get_state(ModelState)).model, self._place()
        try:
            await counted(self, person, Act.CHAT)
            started = await send_message(
                person.user_id,
                self.conversation_id,
                text,
                model,
                request_id or None,
                place=place,
                files=[file.id for file in kept],
            )
        except LoomError as error:
            # The page stays where the branch would begin, so that sending what is back in the composer begins it.
            yield self._give_back(text, rows, error)
            return
        yield await self._follow(started)

    @handled
    async def retry(self, position: int, model: str):
        """Have the question before a reply answered once more by this model; both replies stay."""
        person = await signed_in(self)
        if self.running:
            return
        self._message_id(position)
        question = self._message_id(position - 1)
        self._end_path_before(position)
        self._ask("")
        yield
        try:
            await counted(self, person, Act.CHAT)
            started = await ask_again(person.user_id, self.conversation_id, question, model)
        except LoomError as error:
            await self._show_path(person.user_id)
            yield self._say_why(error)
            return
        yield await self._follow(started)

    @handled
    async def go_on_from(self, position: int):
        """End the path after a message: what is asked next begins a branch there."""
        self._message_id(position)
        if position + 1 < self._length() and not self.running:
            self._end_path_before(position + 1)
        return rx.call_script("document.getElementById('composer')?.focus()")

    @handled
    async def go_back(self):
        """Show again the path that was left for a branch which was not begun."""
        person = await signed_in(self)
        await self._show_path(person.user_id)

    @handled
    async def into_new_chat(self, position: int):
        """Copy what leads to a message into a chat of its own, and open that."""
        person = await signed_in(self)
        copy = await in_thread(chats.branch_out, person.user_id, self.conversation_id, self._message_id(position))
        return [ConversationsState.load, rx.redirect(routes.conversation(copy))]

    @handled
    async def show_earlier(self):
        """Somebody scrolls up to what is shown first."""
        person = await signed_in(self)
        if self.earlier:
            await self._show_earlier(person.user_id)


class RetryState(ChatState):
    """What asking again may cost: the models to choose from, and the price of an edited question."""

    anchor: str = ""
    """Of the message that the prices are for."""
    choices: list[Choice] = []
    price: str = ""

    @handled
    async def offer(self, position: int, anchor: str, answered_by: str):
        """The menu of a reply opened: price its question once more, the same model first."""
        self.anchor, self.choices = anchor, []
        person, models = await signed_in(self), await self.get_state(ModelState)
        labels = {row.id: row.label for row in (*models.first, *models.more) if not row.missing}
        question = self._message_id(max(position - 1, 0))
        priced = await in_thread(retry_estimates, person.user_id, self.conversation_id, question, list(labels))
        choices = [Choice(one, labels[one], price_words(found), one == answered_by) for one, found in priced]
        self.choices = sorted(choices, key=lambda choice: not choice.same)

    @handled
    async def consider(self, position: int, anchor: str, draft: str):
        """A question is being edited: price it where it stands."""
        self.anchor, self.price = anchor, ""
        person, models = await signed_in(self), await self.get_state(ModelState)
        if draft.strip() and models.model:
            place, chat = self._place_before(position), self.conversation_id
            kept = await in_thread(files_of_message, person.user_id, chat, self._message_id(position))
            ids = [file.id for file in kept]
            found = await in_thread(estimate, person.user_id, models.model, chat, draft, place, files=ids)
            self.price = price_words(found)


class MapState(ChatState):
    """The map of all branches, read when it is opened."""

    map_shown: bool = False
    rows: list[MapRow] = []
    _ends: list[str] = []

    @handled
    async def open(self):
        """Read the branches and show them."""
        person = await signed_in(self)
        found = await in_thread(chats.read_map, person.user_id, self.conversation_id)
        replies = await in_thread(outlines_of_conversation, person.user_id, self.conversation_id)
        labels = await model_labels()
        self._ends = [stretch.last_id for stretch in found]
        self.rows = [
            _map_row(stretch, [replies[one] for one in stretch.turn_ids if one in replies], labels) for stretch in found
        ]
        self.map_shown = True

    @handled
    async def travel(self, row: int):
        """Show the branch of a stretch, and remember it."""
        person = await signed_in(self)
        if not 0 <= row < len(self._ends):
            raise NotFound("There is no such branch.")
        await in_thread(chats.show_branch, person.user_id, self.conversation_id, self._ends[row])
        self.map_shown = False
        await self._show_path(person.user_id)

    @rx.event
    def close(self):
        """Put the map away."""
        self.map_shown = False


_ENDINGS = {"stopped": "Stopped", "partial": "Cut off", "failed": "Failed", None: "Being written"}


def _map_row(stretch: chats.Stretch, replies: Sequence[Outline], labels: Mapping[str, str]) -> MapRow:
    return MapRow(
        words=stretch.words.lstrip("#>*-` ") or ("No text came." if stretch.role == "assistant" else ""),
        about=" · ".join(
            [
                *(["You asked"] if stretch.role == "user" else [] if replies else ["Reply"]),
                *reply_words(replies, labels),
                *([] if stretch.count == 1 else [count_of(stretch.count, "message", "messages")]),
            ]
        ),
        depth=stretch.depth,
        parent=-1 if stretch.parent is None else stretch.parent,
        shown=stretch.shown,
    )


def reply_words(replies: Sequence[Outline], labels: Mapping[str, str]) -> list[str]:
    """What tells a stretch's replies from others: who wrote the first one, how it ended, and what all of them cost."""
    if not replies:
        return []
    first, models = replies[0], {one.model for one in replies}
    others = f" and {count_of(len(models) - 1, 'other', 'others')}" if len(models) > 1 else ""
    ending = [] if first.completion == "complete" else [_ENDINGS[first.completion]]
    cost = format_usd(sum(one.cost_nanos for one in replies))
    return [short_label(labels.get(first.model, first.model)) + others, cost, *ending]
