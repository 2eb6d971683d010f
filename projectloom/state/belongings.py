"""Leaving: what would be lost is said, and deleting everything is confirmed by typing one's e-mail."""

from typing import Any

import reflex as rx

from projectloom.belongings.deleting import delete_everything, what_is_left
from projectloom.db import in_thread
from projectloom.errors import LoomError
from projectloom.money import format_exact
from projectloom.state.session import handled, signed_in

# Everything that this browser keeps of the person goes, also in its other tabs, and their session at Clerk.
_GONE = (
    "(async () => { if (window.Clerk?.session) await window.Clerk.signOut(); "
    "sessionStorage.clear(); localStorage.clear(); localStorage.setItem('loom:person-changed', String(Date.now())); "
    "window.location.assign('/sign-in') })()"
)


class BelongingsState(rx.State):
    """The dialog that deletes everything. ``credit`` is what would be given up, or empty."""

    asking: bool = False
    credit: str = ""
    trouble: str = ""

    @handled
    async def ask(self):
        """Open the dialog with what is left."""
        left = await in_thread(what_is_left, (await signed_in(self)).user_id)
        self.credit = format_exact(left.credit_nanos) if left.credit_nanos else ""
        self.asking, self.trouble = True, ""

    @rx.event
    def close(self):
        """Leave everything as it is."""
        self.asking, self.trouble = False, ""

    @handled
    async def leave(self, form: dict[str, Any]):
        """Delete everything, once it is confirmed; a refusal is said in place."""
        user_id = (await signed_in(self, lasting=True)).user_id
        try:
            await delete_everything(user_id, str(form.get("email", "")), give_up_credit=bool(form.get("give_up")))
        except LoomError as error:
            self.trouble = error.message
            return None
        self.asking = False
        return rx.call_script(_GONE)
