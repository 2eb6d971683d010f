"""Who is signed in, as the page shows it. The session itself lives in an HttpOnly cookie and in the database.

Where Clerk signs people in it lives at Clerk: each tab tells the token of it again and again, and here it is looked at.
"""

import reflex as rx
from reflex.state import OnLoadInternalState

from projectloom.config import settings
from projectloom.errors import Unauthorized
from projectloom.operating.operators import is_operator
from projectloom.routes import CHAT, PUBLIC, SIGN_IN
from projectloom.state.session import handled, keep_token, kept_token, whoever_asks


class IdentityState(rx.State):
    """The person's e-mail, and whether private content may be shown yet."""

    email: str = ""
    known: bool = False
    unconfirmed: bool = False
    """Their address has to be confirmed before they spend credit, and is not yet."""
    refused: bool = False
    """Clerk knows somebody whom this server does not let in: they left, and had their data deleted."""
    operates: bool = False
    """Whether the way to the operator's pages is shown. What they do is decided anew each time."""
    _owner: str = ""

    @handled
    async def require_person(self):
        """On load of every private page: know the person, or lead to the sign-in page."""
        self.known = self.operates = False
        person = await whoever_asks(self)
        if person is None or person.user_id != self._owner:
            await self._forget_everything()
        if person is None:
            raise Unauthorized
        self._owner, self.email, self.known = person.user_id, person.email, True
        self.unconfirmed = settings().confirm_email != "off" and not person.confirmed
        self.operates = is_operator(person)

    @handled
    async def take_token(self, token: str, asked: bool):  # noqa: FBT001 - an event's own arguments
        """Clerk's script tells this tab's token, or an empty one when nobody is signed in; ``asked`` by us for it.

        A token that is only fresher changes nothing that is seen. Of somebody else the page is loaded anew.
        """
        self.refused = False
        await keep_token(self, token)
        person = await whoever_asks(self) if token else None
        if person is None:
            await self._forget_everything()
            self.refused = bool(token)
            return None if self.router.url.path.rstrip("/") in PUBLIC else rx.redirect(SIGN_IN, replace=True)
        if self.known and person.user_id == self._owner:
            return rx.toast.info("Your sign-in was renewed. Please try that again.") if asked else None
        return OnLoadInternalState.on_load_internal

    async def _forget_everything(self) -> None:
        # A tab keeps its state while its session ends elsewhere; nobody else may find it there.
        root, token = await self.get_state(rx.State), await kept_token(self)
        for substate in root.substates.values():
            if type(substate).__module__.startswith("projectloom."):
                substate.reset()
        await keep_token(self, token)

    @handled
    async def skip_sign_in(self):
        """On load of the sign-in page: whoever is signed in already goes straight to the chat."""
        self.known = False
        self.email = ""
        if await whoever_asks(self):
            return rx.redirect(CHAT, replace=True)
        return None
