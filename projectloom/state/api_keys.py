"""A person's access keys for their tools: the list, the dialog that makes one, and the secret that is shown once."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import LoomError, Unauthorized
from projectloom.metering.key_caps import KeySpending, spending_of_keys
from projectloom.money import format_usd
from projectloom.state.session import handled, session_token, signed_in
from projectloom.state.words import calendar_day, day_and_time
from projectloom.workspace.api_keys import PersonalKey, create_key, my_keys, revoke_key

_WINDOWS = ("day", "month", "total")


@dataclass(frozen=True)
class AccessKey:
    """One key, all text."""

    id: str = ""
    name: str = ""
    hint: str = ""
    dates: str = ""
    spent: str = ""
    allowed: str = ""


class ApiKeysState(rx.State):
    """At most one dialog is open: ``dialog`` is empty, ``new``, ``secret`` or ``revoke``."""

    loaded: bool = False
    address: str = ""
    """Where people reach this server. Known as it runs: pages are built once for any port or name."""
    rows: list[AccessKey] = []
    dialog: str = ""
    trouble: str = ""
    secret: str = ""
    """Shown once: dropped as its dialog closes."""
    chosen: AccessKey = AccessKey()

    @handled
    async def load(self):
        """Read the keys and what they spent. A secret of an earlier visit is over."""
        self.dialog, self.secret, self.trouble = "", "", ""
        self.address = settings().public_url
        await self._reload((await signed_in(self)).user_id)

    @rx.event
    def ask(self):
        """Open the dialog that makes a key."""
        self.dialog, self.trouble = "new", ""

    @rx.event
    def close(self):
        """Put away whichever dialog is open, and its secret for good."""
        self.dialog, self.secret, self.trouble = "", "", ""

    @handled
    async def make(self, form: dict[str, Any]):
        """Make a key and show its secret; a refusal is said in place."""
        user_id = (await signed_in(self)).user_id
        allowed = {window: str(form.get(window) or "").strip() or None for window in _WINDOWS}
        try:
            name, token = str(form.get("name", "")), await session_token(self)
            made = await in_thread(create_key, user_id, name, allowed, token=token)
        except Unauthorized:
            raise
        except LoomError as error:
            self.trouble = error.message
            return
        self.dialog, self.trouble, self.secret = "secret", "", made.secret
        await self._reload(user_id)

    @rx.event
    def doubt(self, key_id: str):
        """Ask before a key is revoked."""
        self.chosen = next((row for row in self.rows if row.id == key_id), AccessKey())
        self.dialog = "revoke"

    @handled
    async def revoke(self):
        """End the key that was asked about."""
        user_id = (await signed_in(self)).user_id
        await in_thread(revoke_key, user_id, self.chosen.id)
        self.dialog = ""
        await self._reload(user_id)
        return rx.toast.success("The key is revoked. Nothing can use it any more.")

    async def _reload(self, user_id: str) -> None:
        keys = await in_thread(my_keys, user_id)
        spent = await in_thread(spending_of_keys, [key.id for key in keys])
        self.rows = [_row(key, spent.get(key.id, KeySpending())) for key in keys]
        self.loaded = True


def _row(key: PersonalKey, spent: KeySpending) -> AccessKey:
    used = f"used {day_and_time(key.last_used_at)}" if key.last_used_at else "never used"
    parts = [
        (spent.day_nanos, key.day_nanos, "today"),
        (spent.month_nanos, key.month_nanos, "this month"),
        (spent.total_nanos, key.total_nanos, "in total"),
    ]
    limited = [f"{format_usd(one)} of {format_usd(most)} {words}" for one, most, words in parts if most is not None]
    month = [] if key.month_nanos is not None else [f"{format_usd(spent.month_nanos)} this month"]
    return AccessKey(
        id=key.id,
        name=key.name,
        hint=key.hint,
        dates=f"Made {calendar_day(key.created_at)} · {used}",
        spent=" · ".join([*month, *limited]),
        allowed="" if limited else "no limit of its own",
    )
