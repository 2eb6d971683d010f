"""A person's password and sessions, as the settings show them."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from projectloom.config import settings
from projectloom.db import in_sign_in_thread, in_thread
from projectloom.errors import LoomError
from projectloom.state.session import handled, session_token, signed_in
from projectloom.state.words import day_and_time
from projectloom.workspace import profile
from projectloom.workspace.account_links import send_confirmation


@dataclass(frozen=True)
class SessionRow:
    """One place where the person is signed in."""

    id: str = ""
    device: str = ""
    since: str = ""
    current: bool = False


class ProfileState(rx.State):
    """The form for another password is shown while ``changing``."""

    loaded: bool = False
    has_password: bool = False
    changing: bool = False
    trouble: str = ""
    sessions: list[SessionRow] = []
    others: bool = False
    unconfirmed: bool = False
    link_sent: bool = False

    @handled
    async def load(self):
        """Read where the person is signed in."""
        person = await signed_in(self)
        user_id, self.unconfirmed = person.user_id, not person.confirmed and settings().sends_mails
        self.changing, self.trouble = False, ""
        self.has_password = await in_thread(profile.has_password, user_id)
        found = await in_thread(profile.my_sessions, user_id, await self._token())
        self.sessions = [SessionRow(one.id, one.device, _since(one), one.current) for one in found]
        self.others = len(found) > 1
        self.loaded = True

    @handled
    async def send_link(self):
        """Send the link that confirms the person's address."""
        self.link_sent = await in_thread(send_confirmation, (await signed_in(self)).user_id)
        if not self.link_sent:
            return [ProfileState.load, rx.toast.info("No further link was sent. Look for the last one, or try later.")]
        return None

    @rx.event
    def begin_change(self):
        """Show the form."""
        self.changing, self.trouble = True, ""

    @rx.event
    def cancel_change(self):
        """Hide the form."""
        self.changing, self.trouble = False, ""

    @handled
    async def keep(self, form: dict[str, Any]):
        """Give the account another password; a refusal is said in place."""
        user_id = (await signed_in(self)).user_id
        old, new = str(form.get("old", "")), str(form.get("new", ""))
        try:
            await in_sign_in_thread(profile.change_password, user_id, await self._token(), old=old, new=new)
        except LoomError as error:
            self.trouble = error.message
            return None
        return [ProfileState.load, rx.toast.success("Your password is changed. Other sessions were signed out.")]

    @handled
    async def end(self, session_id: str):
        """Sign out one place."""
        user_id = (await signed_in(self, lasting=True)).user_id
        await in_thread(profile.end_session, user_id, session_id)
        return [ProfileState.load, rx.toast.success("That session is signed out.")]

    @handled
    async def end_others(self):
        """Sign out every place but this one."""
        user_id = (await signed_in(self, lasting=True)).user_id
        await in_thread(profile.end_other_sessions, user_id, await self._token())
        return [ProfileState.load, rx.toast.success("Every other session is signed out.")]

    async def _token(self) -> str:
        return await session_token(self) or ""


def _since(session: profile.SessionView) -> str:
    return f"since {day_and_time(session.created_at)}"
