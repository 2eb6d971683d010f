"""The guide's preferences store: who pays, mirrored from the database.

``api_key_mode`` is only a mirror: the meter reads the stored preference by itself and never asks the browser.
"""

from dataclasses import dataclass

import reflex as rx

from projectloom.db import in_thread
from projectloom.state.balance import BalanceState
from projectloom.state.session import handled, signed_in
from projectloom.workspace import preferences

PROVIDER_NAMES = {"anthropic": "Anthropic", "openai": "OpenAI"}


@dataclass(frozen=True)
class KeyRow:
    """A provider's key field: its hint (``sk-ant-…abcd``) is empty while no key is kept."""

    provider: str = ""
    label: str = ""
    placeholder: str = ""
    hint: str = ""


_PLACEHOLDERS = {"anthropic": "sk-ant-…", "openai": "sk-…"}


class PreferencesState(rx.State):
    """The payment mode of this person. ``own`` or ``credits``."""

    api_key_mode: str = "own"
    loaded: bool = False

    @rx.var
    def uses_credits(self) -> bool:
        """Whether credits pay for replies."""
        return self.api_key_mode == "credits"

    @handled
    async def load(self):
        """Mirror the stored preferences."""
        person = await signed_in(self)
        self.api_key_mode = (await in_thread(preferences.read_preferences, person.user_id)).api_key_mode
        self.loaded = True

    @handled
    async def set_api_key_mode(self, mode: str):
        """Store the mode for every tab and device, then mirror what was stored."""
        person = await signed_in(self)
        await in_thread(preferences.set_api_key_mode, person.user_id, mode)
        self.api_key_mode = (await in_thread(preferences.read_preferences, person.user_id)).api_key_mode
        return BalanceState.refresh


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
        """Keep the key of one provider, encrypted."""
        person = await signed_in(self)
        provider = form.get("provider", "")
        await in_thread(preferences.save_provider_key, person.user_id, provider, form.get("key", "").strip())
        await self._reload(person.user_id)
        return rx.toast.success(f"{PROVIDER_NAMES.get(provider, provider)} key saved.")

    @handled
    async def delete_key(self, provider: str):
        """Forget the key of one provider."""
        person = await signed_in(self)
        await in_thread(preferences.delete_provider_key, person.user_id, provider)
        await self._reload(person.user_id)
        return rx.toast(f"{PROVIDER_NAMES.get(provider, provider)} key deleted.")

    async def _reload(self, user_id: str) -> None:
        kept = {view.provider: view.hint for view in await in_thread(preferences.provider_keys, user_id)}
        self.keys = [
            KeyRow(provider, name, _PLACEHOLDERS[provider], kept.get(provider, ""))
            for provider, name in PROVIDER_NAMES.items()
        ]
        self.has_keys = bool(kept)
        self.loaded = True
