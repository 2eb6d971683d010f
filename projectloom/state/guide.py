"""The first-run guide: from an empty account to a first reply. Whether it is put away is a stored preference."""

import secrets
from typing import Any

import reflex as rx

from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import KeyRefused, LoomError, NotFound, ProviderError
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState, SettingsState
from projectloom.state.session import handled, signed_in
from projectloom.workspace.preferences import provider_keys, save_provider_key
from projectloom.workspace.provider_keys import try_provider_key


def _to_the_message() -> Any:
    """What was being written goes with one press now. On a phone the keyboard would cover what has just been said."""
    return rx.call_script("matchMedia('(pointer: coarse)').matches || document.getElementById('composer')?.focus()")


class GuideState(rx.State):
    """``own``: the person said that they pay with keys of their own, and has yet to paste one."""

    own: bool = False
    trying: bool = False
    trouble: str = ""

    @rx.event
    def choose_own(self):
        """Pay with one's own keys."""
        self.own, self.trouble = True, ""
        return [PreferencesState.set_api_key_mode("own"), ModelState.load]

    @rx.event
    def choose_credits(self):
        """Pay with credits."""
        self.own, self.trouble = False, ""
        return [PreferencesState.set_api_key_mode("credits"), ModelState.load, _to_the_message()]

    @handled
    async def paste(self, form: dict[str, Any]):
        """Take a key of either provider, once that provider has said that it works or nothing at all."""
        self.trying, self.trouble = True, ""
        yield
        try:
            await self._keep(str(form.get("key", "")).strip())
        except LoomError as error:
            self.trouble = error.message
        self.trying = False
        yield [SettingsState.load, ModelState.load, *([] if self.trouble else [_to_the_message()])]

    @handled
    async def practise(self):
        """Keep keys that the sandbox's stand-ins take, so that every model answers."""
        if not settings().sandbox_on:
            raise NotFound
        self.own, self.trouble = True, ""
        user_id = (await signed_in(self, lasting=True)).user_id
        kept = {view.provider for view in await in_thread(provider_keys, user_id)}
        for provider, beginning in (("anthropic", "sk-ant-practice"), ("openai", "sk-practice")):
            if provider not in kept:
                await self._keep(f"{beginning}-{secrets.token_hex(8)}")
        return [PreferencesState.set_api_key_mode("own"), SettingsState.load, ModelState.load, _to_the_message()]

    async def _keep(self, key: str) -> None:
        user_id = (await signed_in(self, lasting=True)).user_id
        provider = "anthropic" if key.startswith("sk-ant-") else "openai"
        try:
            await try_provider_key(user_id, provider, key)
        except KeyRefused:
            raise
        except ProviderError:
            # It did not say. Whether the key works shows with the first reply, which says so.
            pass
        # The provider may have taken its time, and a session ends at any moment.
        await signed_in(self, lasting=True)
        await in_thread(save_provider_key, user_id, provider, key)
