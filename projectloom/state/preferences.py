"""The guide's preferences store: who pays, mirrored from the database.

``api_key_mode`` is only a mirror: the meter reads the stored preference by itself and never asks the browser.
"""

from dataclasses import dataclass

import reflex as rx

from projectloom import limits, routes
from projectloom.db import in_thread
from projectloom.metering.own_key_caps import OwnKeyUse, own_key_uses
from projectloom.money import NANOS_PER_USD, format_usd
from projectloom.state.balance import BalanceState
from projectloom.state.own_keys import OwnKeysState
from projectloom.state.session import handled, signed_in
from projectloom.state.words import calendar_day, day_and_time
from projectloom.workspace import preferences
from projectloom.workspace.preferences import KeyView

PROVIDER_NAMES = {"anthropic": "Anthropic", "openai": "OpenAI"}


@dataclass(frozen=True)
class KeyRow:
    """A provider's key, all text: its hint (``sk-ant-…abcd``) is empty while no key is kept."""

    provider: str = ""
    label: str = ""
    placeholder: str = ""
    hint: str = ""
    used: str = ""
    spent: str = ""
    limit: str = ""
    """In whole dollars, as typed; empty is none."""


_PLACEHOLDERS = {"anthropic": "sk-ant-…", "openai": "sk-…"}
_MODE_WORDS = {"own": "with your own API keys", "credits": "with credits"}


class PreferencesState(rx.State):
    """The payment mode of this person, ``own`` or ``credits``, and whether the guide is put away."""

    api_key_mode: str = "own"
    guide: str = "new"
    loaded: bool = False

    @rx.var
    def uses_credits(self) -> bool:
        """Whether credits pay for replies."""
        return self.api_key_mode == "credits"

    @handled
    async def load(self):
        """Mirror the stored preferences."""
        person = await signed_in(self)
        kept = await in_thread(preferences.read_preferences, person.user_id)
        self.api_key_mode, self.guide = kept.api_key_mode, kept.guide
        self.loaded = True

    @handled
    async def set_api_key_mode(self, mode: str):
        """Store the mode for every tab and device, then mirror what was stored."""
        person = await signed_in(self, lasting=True)
        await in_thread(preferences.set_api_key_mode, person.user_id, mode)
        self.api_key_mode = (await in_thread(preferences.read_preferences, person.user_id)).api_key_mode
        return BalanceState.refresh

    @handled
    async def switch_mode(self, mode: str):
        """As :meth:`set_api_key_mode`, said in a toast from which it can be taken back."""
        before = self.api_key_mode
        if mode == before:
            return None
        said = rx.toast(
            f"Replies are paid {_MODE_WORDS.get(mode, '')} from now on.",
            action={"label": "Undo", "on_click": PreferencesState.set_api_key_mode(before)},
            duration=limits.UNDO_SECONDS * 1000,
        )
        return [PreferencesState.set_api_key_mode(mode), said]

    @handled
    async def close_guide(self):
        """Put the guide away, here and on every device."""
        person = await signed_in(self)
        await in_thread(preferences.set_guide, person.user_id, "closed")
        self.guide = "closed"

    @handled
    async def replay_guide(self):
        """Show the guide once more, in a new chat."""
        person = await signed_in(self)
        await in_thread(preferences.set_guide, person.user_id, "again")
        self.guide = "again"
        return rx.redirect(routes.CHAT)


class SettingsState(rx.State):
    """The person's own provider keys, of which only a hint ever leaves the server."""

    keys: list[KeyRow] = []
    has_keys: bool = False
    loaded: bool = False

    @handled
    async def load(self):
        """Show which keys are kept."""
        person = await signed_in(self)
        await self._reload(person.user_id)

    @handled
    async def save_key(self, form: dict[str, str]):
        """Keep the key of one provider, encrypted, and ask the provider whether it works."""
        person = await signed_in(self, lasting=True)
        provider = form.get("provider", "")
        await in_thread(preferences.save_provider_key, person.user_id, provider, form.get("key", "").strip())
        await self._reload(person.user_id)
        return [rx.toast.success(f"{PROVIDER_NAMES.get(provider, provider)} key saved."), OwnKeysState.saved(provider)]

    @handled
    async def delete_key(self, provider: str):
        """Forget the key of one provider."""
        person = await signed_in(self)
        await in_thread(preferences.delete_provider_key, person.user_id, provider)
        await self._reload(person.user_id)
        return [rx.toast(f"{PROVIDER_NAMES.get(provider, provider)} key deleted."), OwnKeysState.put_away]

    async def _reload(self, user_id: str) -> None:
        kept = {view.provider: view for view in await in_thread(preferences.provider_keys, user_id)}
        uses = await in_thread(own_key_uses, user_id, list(kept))
        self.keys = [_row(provider, kept.get(provider), uses.get(provider)) for provider in PROVIDER_NAMES]
        self.has_keys = bool(kept)
        self.loaded = True


def _row(provider: str, kept: KeyView | None, use: OwnKeyUse | None) -> KeyRow:
    name, placeholder = PROVIDER_NAMES[provider], _PLACEHOLDERS[provider]
    if kept is None or use is None or kept.created_at is None:
        return KeyRow(provider, name, placeholder)
    used = f"used {day_and_time(use.last_used_at)}" if use.last_used_at else "not used yet"
    limit = "" if kept.limit_month_nanos is None else str(kept.limit_month_nanos // NANOS_PER_USD)
    most = "" if kept.limit_month_nanos is None else f" of {format_usd(kept.limit_month_nanos)}"
    return KeyRow(
        provider=provider,
        label=name,
        placeholder=placeholder,
        hint=kept.hint,
        used=f"Added {calendar_day(kept.created_at)}, {used}",
        spent=f"{format_usd(use.spent_nanos)}{most} this month at {name}",
        limit=limit,
    )
