"""The pages and what each loads, in one table. The composition root calls :func:`add_pages` and nothing else."""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.pages.chat import chat_page
from projectloom.pages.credits import credits_page
from projectloom.pages.not_found import not_found_page
from projectloom.pages.pricing import pricing_page
from projectloom.pages.settings import settings_page
from projectloom.pages.sign_in import sign_in_page
from projectloom.pages.statement import statement_page
from projectloom.state.auto_top_up import AutoTopUpState
from projectloom.state.balance import BalanceState
from projectloom.state.caps import CapsState
from projectloom.state.chat import ChatState
from projectloom.state.checkout import CheckoutState, PurchaseReturnState
from projectloom.state.conversations import ConversationsState
from projectloom.state.credits import CreditsState
from projectloom.state.identity import IdentityState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState, SettingsState
from projectloom.state.pricing import PricingState
from projectloom.state.statement import StatementState
from projectloom.state.usage import UsageState

# What the frame shows on every private page. Who is asking comes first: the rest is only for somebody.
_FRAME: list[Any] = [
    IdentityState.require_person,
    PreferencesState.load,
    BalanceState.refresh,
    ConversationsState.load,
    CheckoutState.ready,
    CapsState.load,
]
_CHAT: list[Any] = [
    *_FRAME,
    ChatState.open_from_address,
    SettingsState.load,
    ModelState.load,
    UsageState.load,
    PurchaseReturnState.settle,
    PurchaseReturnState.watch,
]


def add_pages(app: rx.App) -> None:
    """Register every page with what it loads."""
    app.add_page(chat_page, route=routes.CHAT, title="ProjectLoom", on_load=_CHAT)
    app.add_page(chat_page, route=routes.CONVERSATION, title="ProjectLoom", on_load=_CHAT)
    app.add_page(
        settings_page,
        route=routes.SETTINGS,
        title="Settings · ProjectLoom",
        on_load=[*_FRAME, SettingsState.load, UsageState.load, PurchaseReturnState.watch],
    )
    app.add_page(
        credits_page,
        route=routes.CREDITS,
        title="Credits · ProjectLoom",
        on_load=[
            *_FRAME,
            CreditsState.load,
            AutoTopUpState.load,
            UsageState.load,
            PurchaseReturnState.watch,
        ],
    )
    app.add_page(
        statement_page,
        route=routes.STATEMENT,
        title="Statement · ProjectLoom",
        on_load=[*_FRAME, StatementState.load, UsageState.load, PurchaseReturnState.watch],
    )
    app.add_page(
        sign_in_page, route=routes.SIGN_IN, title="Sign in · ProjectLoom", on_load=[IdentityState.skip_sign_in]
    )
    app.add_page(pricing_page, route=routes.PRICING, title="How we charge · ProjectLoom", on_load=[PricingState.load])
    app.add_page(not_found_page, route="404", title="No such page · ProjectLoom")
