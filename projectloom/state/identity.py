"""Who is signed in, as the page shows it. The session itself lives in an HttpOnly cookie and in the database."""

import reflex as rx

from projectloom.db import in_thread
from projectloom.routes import CHAT
from projectloom.state.session import handled, session_token, signed_in
from projectloom.workspace.identity import identify


class IdentityState(rx.State):
    """The person's e-mail, and whether private content may be shown yet."""

    email: str = ""
    known: bool = False

    @handled
    async def require_person(self):
        """On load of every private page: know the person, or lead to the sign-in page."""
        self.known = False
        person = await signed_in(self)
        self.email = person.email
        self.known = True

    @handled
    async def skip_sign_in(self):
        """On load of the sign-in page: whoever is signed in already goes straight to the chat."""
        self.known = False
        self.email = ""
        if await in_thread(identify, session_token(self.router.headers.cookie)):
            return rx.redirect(CHAT, replace=True)
        return None
