"""What a conversation tells every model before anything that was said, and the sheet in which it is written."""

import reflex as rx

from projectloom.conversations.chats import clean_instructions
from projectloom.db import in_thread
from projectloom.state.chat import ChatState
from projectloom.state.session import handled, signed_in
from projectloom.workspace import chats


class InstructionsState(ChatState):
    """The sheet, while it is open."""

    sheet_shown: bool = False

    @rx.event
    def open(self):
        """Show what is told, to be changed."""
        self.sheet_shown = True

    @rx.event
    def close(self):
        """Leave it as it is."""
        self.sheet_shown = False

    @handled
    async def save(self, form: dict[str, str]):
        """Keep what is told from now on; a new chat keeps it until its first message begins it."""
        person, written = await signed_in(self), clean_instructions(str(form.get("instructions", "")))
        if self.conversation_id:
            await in_thread(chats.instruct, person.user_id, self.conversation_id, written)
            self.own_instructions = written
        else:
            self.new_instructions = written
        self.sheet_shown = False
        # The price of the next message is another.
        self.path_name += 1
