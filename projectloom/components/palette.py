"""The command palette: what it leads to, and the button that opens it where there is no keyboard."""

import reflex as rx

from projectloom import routes
from projectloom.components.controls import icon_button
from projectloom.components.islands import Palette
from projectloom.config import settings
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState

# What it says, where it leads, further words by which it is found, and its shortcut where it has one.
PAGES: tuple[tuple[str, str, str, str], ...] = (
    ("Credits", routes.CREDITS, "buy balance purchases refund auto top-up redeem", ""),
    ("Activity", routes.ACTIVITY, "usage spending charts models days csv", ""),
    ("Agent", routes.AGENT, "assistant task tidy titles", ""),
    ("Statement", routes.STATEMENT, "movements history csv money", ""),
    ("How we charge", routes.PRICING, "prices pricing markup models", ""),
    ("Settings", routes.SETTINGS, "preferences options", "settings"),
    ("Settings: who pays and your API keys", f"{routes.SETTINGS}#payer", "own key anthropic openai credits", ""),
    ("Settings: spending caps", f"{routes.SETTINGS}#caps", "limit budget", ""),
    ("Settings: access keys for your tools", f"{routes.SETTINGS}#access", "api token program", ""),
    ("Settings: password and sessions", f"{routes.SETTINGS}#profile", "e-mail profile account sign-in", ""),
    ("Settings: appearance", f"{routes.SETTINGS}#look", "theme dark light", ""),
    ("Settings: your data", f"{routes.SETTINGS}#data", "export import download delete privacy", ""),
)


def palette() -> rx.Component:
    """Listens on every private page."""
    pages = [{"words": words, "to": to, "also": also, "shortcut": shortcut} for words, to, also, shortcut in PAGES]
    return Palette.create(
        pages=pages,
        models=ModelState.first + ModelState.more,
        mode=PreferencesState.api_key_mode,
        model=ModelState.model,
        sells_credits=settings().sells_credits,
        on_open=ModelState.load,
        on_model=ModelState.pick,
        on_mode=lambda mode: [PreferencesState.switch_mode(mode), ModelState.load],
        on_guide=PreferencesState.replay_guide,
    )


def palette_button() -> rx.Component:
    """The way in by touch or mouse."""
    return icon_button(
        "search",
        "Search and commands",
        test="open-palette",
        more={"data-palette": "commands", "data-shortcut": "palette", "aria-haspopup": "dialog"},
    )
