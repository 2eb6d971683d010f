"""What will soon stop this person, told in words before it does, until they put it away."""

import reflex as rx

from projectloom import routes
from projectloom.db import in_thread
from projectloom.metering.ahead import Ahead, what_lies_ahead
from projectloom.money import format_exact, format_usd
from projectloom.state.session import handled, signed_in
from projectloom.state.words import roughly, sentence


class AheadState(rx.State):
    """One line, or nothing. ``kind`` says what the next step is about: ``balance``, ``cap`` or ``key``."""

    line: str = ""
    kind: str = ""
    _put_away: set[str] = set()
    """The kinds that the person has put away in this tab, until there is nothing ahead any more."""

    @handled
    async def load(self):
        """Look again."""
        person = await signed_in(self)
        wanted = routes.conversation_in(self.router.url.path) or None
        found = await in_thread(what_lies_ahead, person.user_id, wanted)
        if found is None:
            self._put_away = set()
        line = "" if found is None or found.kind in self._put_away else ahead_words(found)
        if line != self.line:
            self.line, self.kind = line, "" if found is None else found.kind

    @rx.event
    def put_away(self):
        """It is known now."""
        self._put_away = self._put_away | {self.kind}
        self.line = ""


def ahead_words(found: Ahead) -> str:
    """What is near its end, and what is left of it."""
    if found.cap is not None:
        used = f"{format_usd(found.left_nanos)} is left of {found.cap.title} of {format_usd(found.cap.limit_nanos)}."
        return f"{used} {found.cap.renewal}"
    left = f"Your balance of {format_exact(found.left_nanos)}"
    if found.questions is None:
        return f"{left} will soon be used up."
    if found.questions < 1:
        return f"{left} may not cover your next question in full."
    return sentence(f"{left} covers {roughly(found.questions, 'more question', 'more questions')} as you ask them.")
