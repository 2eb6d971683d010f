"""The list of conversations: by day, renamed in place, deleted with an undo."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from projectloom import limits, routes
from projectloom.db import in_thread
from projectloom.state.session import explaining, handled, signed_in
from projectloom.state.words import day_heading
from projectloom.workspace import chats


@dataclass(frozen=True)
class ConversationRow:
    """One line of the list. ``heading`` is set on the first line of each day group."""

    id: str = ""
    title: str = ""
    heading: str = ""
    href: str = ""


class ConversationsState(rx.State):
    """The person's conversations, newest first."""

    loaded: bool = False
    rows: list[ConversationRow] = []
    renaming: str = ""
    title: str = ""
    _nameless: bool = False

    @handled
    async def load(self):
        """Read the list."""
        person = await signed_in(self)
        await self._reload(person.user_id)

    @rx.event(background=True)
    @explaining
    async def await_title(self):
        """A model names a new conversation a moment after its first reply: look until it has."""
        for _ in range(limits.TITLE_LOOKS):
            async with self:
                if not self._nameless:
                    return
            await asyncio.sleep(limits.TITLE_SECONDS)
            yield ConversationsState.load

    @rx.event
    def start_rename(self, conversation_id: str):
        """Turn one line into a field."""
        self.renaming = conversation_id

    @rx.event
    def cancel_rename(self):
        """Leave the title as it was."""
        self.renaming = ""

    @handled
    async def rename(self, form: dict[str, str]):
        """Give the conversation being renamed its new title; an empty one changes nothing."""
        conversation_id, title = self.renaming, form.get("title", "").strip()
        self.renaming = ""
        if conversation_id and title:
            person = await signed_in(self)
            await in_thread(chats.rename_conversation, person.user_id, conversation_id, title)
            await self._reload(person.user_id)

    @handled
    async def delete(self, conversation_id: str):
        """Move a conversation out of sight, with ten seconds to take it back."""
        person = await signed_in(self)
        await in_thread(chats.delete_conversation, person.user_id, conversation_id)
        await self._reload(person.user_id)
        undo = rx.toast(
            "Conversation deleted.",
            action={"label": "Undo", "on_click": ConversationsState.restore(conversation_id)},
            duration=limits.UNDO_SECONDS * 1000,
        )
        return [undo, rx.redirect(routes.CHAT)] if self._shows(conversation_id) else undo

    @handled
    async def restore(self, conversation_id: str):
        """Bring a deleted conversation back."""
        person = await signed_in(self)
        await in_thread(chats.restore_conversation, person.user_id, conversation_id)
        await self._reload(person.user_id)

    def _shows(self, conversation_id: str) -> bool:
        return routes.conversation_in(self.router.url.path) == conversation_id

    async def _reload(self, user_id: str) -> None:
        rows: list[ConversationRow] = []
        shown = ""
        found = await in_thread(chats.list_conversations, user_id)
        # Where no name comes, an old conversation would be waited for in vain.
        self._nameless = bool(found) and found[0].nameless
        for view in found:
            heading = day_heading(view.updated_at)
            fresh = heading if heading != shown else ""
            rows.append(ConversationRow(view.id, view.title, fresh, routes.conversation(view.id)))
            shown = heading
        self.rows = rows
        self.title = next((row.title for row in rows if self._shows(row.id)), "")
        self.loaded = True
