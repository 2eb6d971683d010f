"""What is done to conversations: named, pinned, put aside, deleted and taken back.

The list itself is the browser's: it asks for its pages over HTTP (``api/conversation_lists``), so that thousands of
lines pass through no state. When ``version`` grows it looks again, and after ``changes`` also at what was scrolled to.
"""

import asyncio

import reflex as rx

from projectloom import limits, routes
from projectloom.db import in_thread
from projectloom.errors import NotFound
from projectloom.state.changes import show
from projectloom.state.session import explaining, handled, signed_in
from projectloom.workspace import chats


class ConversationsState(rx.State):
    """The conversation that the address names, as the frame shows it, and changes to any."""

    version: int = 0
    changes: int = 0
    title: str = ""
    archived: bool = False
    loaded: bool = False
    begun: bool = False
    """The person has conversations."""
    _nameless: bool = False

    @handled
    async def load(self):
        """Something may have changed: read the name of the open conversation, and let the list look."""
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

    @handled
    async def rename(self, conversation_id: str, title: str):
        """Give a conversation another title; an empty one changes nothing."""
        person = await signed_in(self)
        if title.strip():
            await in_thread(chats.rename_conversation, person.user_id, conversation_id, title)
        await self._changed(person.user_id)

    @handled
    async def pin(self, conversation_id: str, pinned: bool):  # noqa: FBT001 - events come by place
        """Pin a conversation to the top of the list, or let it go."""
        person = await signed_in(self)
        try:
            await in_thread(chats.pin_conversation, person.user_id, conversation_id, pinned=pinned)
        finally:
            # The line has moved already; where it may not, it moves back.
            await self._changed(person.user_id)

    @handled
    async def archive(self, conversation_id: str):
        """Put a conversation aside, with ten seconds to take it back."""
        person = await signed_in(self)
        await in_thread(chats.archive_conversation, person.user_id, conversation_id, archived=True)
        await self._changed(person.user_id)
        return _undo("Conversation archived.", ConversationsState.unarchive(conversation_id))

    @handled
    async def unarchive(self, conversation_id: str):
        """Put a conversation back among the others."""
        person = await signed_in(self)
        await in_thread(chats.archive_conversation, person.user_id, conversation_id, archived=False)
        await self._changed(person.user_id)

    @handled
    async def delete(self, conversation_id: str):
        """Move a conversation to the trash, with ten seconds to take it back at once."""
        person = await signed_in(self)
        await in_thread(chats.delete_conversation, person.user_id, conversation_id)
        await self._changed(person.user_id)
        undo = _undo("Conversation deleted.", ConversationsState.restore(conversation_id))
        return [undo, rx.redirect(routes.CHAT)] if self._shows(conversation_id) else undo

    @handled
    async def restore(self, conversation_id: str):
        """Bring a deleted conversation back."""
        person = await signed_in(self)
        await in_thread(chats.restore_conversation, person.user_id, conversation_id)
        await self._changed(person.user_id)

    def _shows(self, conversation_id: str) -> bool:
        return routes.conversation_in(self.router.url.path) == conversation_id

    async def _changed(self, user_id: str) -> None:
        self.changes += 1
        await self._reload(user_id)

    async def _reload(self, user_id: str) -> None:
        self.version += 1
        show(self, begun=await in_thread(chats.has_conversations, user_id), loaded=True)
        view = await in_thread(_opened, user_id, routes.conversation_in(self.router.url.path))
        self._nameless = view is not None and view.nameless
        show(self, title=view.title if view else "", archived=view is not None and view.archived)


def _opened(user_id: str, conversation_id: str) -> chats.ConversationView | None:
    try:
        return chats.read_conversation(user_id, conversation_id) if conversation_id else None
    except NotFound:
        return None


def _undo(words: str, event: rx.event.EventSpec) -> rx.event.EventSpec:
    return rx.toast(words, action={"label": "Undo", "on_click": event}, duration=limits.UNDO_SECONDS * 1000)
