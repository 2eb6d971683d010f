"""What is done with a person's own provider keys besides keeping them: tried, replaced, limited, doubted."""

from typing import Any

import reflex as rx

from projectloom.db import in_thread
from projectloom.errors import KeyRefused, LoomError
from projectloom.state.session import explaining, handled, signed_in
from projectloom.state.words import whole_number
from projectloom.workspace.provider_keys import limit_provider_key, try_provider_key


class OwnKeysState(rx.State):
    """``verdicts`` by provider: what it said of the key. ``tones``: ``good``, ``bad`` or ``unknown``."""

    trying: str = ""
    replacing: str = ""
    doubted: str = ""
    verdicts: dict[str, str] = {"anthropic": "", "openai": ""}
    tones: dict[str, str] = {"anthropic": "", "openai": ""}
    limit_trouble: str = ""

    @rx.event
    def begin(self):
        """On load of the page: nothing is being asked, and nothing was said."""
        self.reset()

    @rx.event
    def saved(self, provider: str):
        """A key was kept: the form goes, and its provider is asked about it."""
        self.replacing = ""
        return OwnKeysState.attempt(provider)

    @rx.event
    def replace(self, provider: str):
        """Show the field for another key in place of the one that is kept, or put it away again."""
        self.replacing = provider

    @rx.event
    def doubt(self, provider: str):
        """Ask before a key is deleted."""
        self.doubted = provider

    @rx.event
    def put_away(self):
        """Close what is open, and forget what was said of keys that are gone."""
        self.reset()

    @rx.event(background=True)
    @explaining
    async def attempt(self, provider: str):
        """Ask the provider whether it takes the key that is kept. Costs nothing; the page goes on meanwhile."""
        async with self:
            user_id = (await signed_in(self)).user_id
            self.trying = provider
        words, tone = await _verdict(user_id, provider)
        async with self:
            self.trying = ""
            self.verdicts = {**self.verdicts, provider: words}
            self.tones = {**self.tones, provider: tone}

    @handled
    async def limit(self, form: dict[str, Any]):
        """Keep the most that a key may cost in a month; an empty field takes the limit away."""
        user_id = (await signed_in(self)).user_id
        provider, typed = str(form.get("provider", "")), str(form.get("limit") or "").strip()
        self.limit_trouble = ""
        try:
            await in_thread(limit_provider_key, user_id, provider, whole_number(typed) if typed else None)
        except LoomError as error:
            self.limit_trouble = error.message
            return None
        words = "The limit is saved. It holds from the next reply on." if typed else "The key has no limit any more."
        return rx.toast.success(words)


async def _verdict(user_id: str, provider: str) -> tuple[str, str]:
    try:
        await try_provider_key(user_id, provider)
    except KeyRefused as error:
        return f"{error.message} Replace it, or delete it.", "bad"
    except LoomError as error:
        return f"{error.message} The key is kept; whether it works is not known yet.", "unknown"
    return "The key works.", "good"
