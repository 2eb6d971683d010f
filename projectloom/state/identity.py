"""Who is signed in, as the page shows it. The session itself lives in an HttpOnly cookie and in the database."""

import reflex as rx

from projectloom.db import in_thread
from projectloom.errors import Unauthorized
from projectloom.routes import CHAT
from projectloom.state.session import handled, session_token
from projectloom.workspace.identity import identify


class IdentityState(rx.State):
    """The person's e-mail, and whether private content may be shown yet."""

    email: str = ""
    known: bool = False
    _owner: str = ""

    @handled
    async def require_person(self):
        """On load of every private page: know the person, or lead to the sign-in page."""
        self.known = False
        person = await in_thread(identify, session_token(self.router.headers.cookie))
        if person is None or person.user_id != self._owner:
            await self._forget_everything()
        if person is None:
            raise Unauthorized
        self._owner, self.email, self.known = person.user_id, person.email, True

    async def _forget_everything(self) -> None:
        # A tab keeps its state while its session ends elsewhere; nobody else may find it there.
        root = await self.get_state(rx.State)
        for substate in root.substates.values():
            if type(substate).__module__.startswith("projectloom."):
                substate.reset()

    @handled
    async def skip_sign_in(self):
        """On load of the sign-in page: whoever is signed in already goes straight to the chat."""
        self.known = False
        self.email = ""
        if await in_thread(identify, session_token(self.router.headers.cookie)):
            return rx.redirect(CHAT, replace=True)
        return None
