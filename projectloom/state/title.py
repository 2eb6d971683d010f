"""Naming the conversation that is open, from its own menu: on a phone the list is out of sight."""

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.state.conversations import ConversationsState
from projectloom.state.session import handled, signed_in
from projectloom.workspace import chats


class TitleState(rx.State):
    """The small dialog with the title, while it is open."""

    shown: bool = False

    @rx.event
    def open(self):
        """Ask for another title."""
        self.shown = True

    @rx.event
    def close(self):
        """Leave the title as it is."""
        self.shown = False

    @handled
    async def save(self, form: dict[str, str]):
        """Give the conversation in the address its new title; an empty one changes nothing."""
        self.shown = False
        conversation_id, title = routes.conversation_in(self.router.url.path), str(form.get("title", "")).strip()
        if not conversation_id or not title:
            return None
        person = await signed_in(self)
        await in_thread(chats.rename_conversation, person.user_id, conversation_id, title)
        return ConversationsState.load
