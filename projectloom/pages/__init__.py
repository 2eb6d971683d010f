"""The pages and what each loads, in one table. The composition root calls :func:`add_pages` and nothing else."""

from typing import Any

import reflex as rx

from projectloom import routes
from projectloom.components.clerk_parts import clerk_is_on
from projectloom.pages.account import (
    confirm_email_page,
    forgot_password_page,
    kept_by_clerk_page,
    reset_password_page,
)
from projectloom.pages.activity import activity_page
from projectloom.pages.agent import agent_page
from projectloom.pages.chat import chat_page
from projectloom.pages.credits import credits_page
from projectloom.pages.not_found import not_found_page
from projectloom.pages.operator_books import operator_books_page
from projectloom.pages.operator_margins import operator_margins_page
from projectloom.pages.operator_people import operator_people_page
from projectloom.pages.operator_person import operator_person_page
from projectloom.pages.operator_prices import operator_prices_page
from projectloom.pages.operator_record import operator_record_page
from projectloom.pages.operator_troubles import operator_troubles_page
from projectloom.pages.pricing import pricing_page
from projectloom.pages.settings import settings_page
from projectloom.pages.sign_in import sign_in_page, sign_up_page
from projectloom.pages.statement import statement_page
from projectloom.state.activity import ActivityState
from projectloom.state.agent import AgentState
from projectloom.state.ahead import AheadState
from projectloom.state.api_keys import ApiKeysState
from projectloom.state.assist import AssistState
from projectloom.state.auto_top_up import AutoTopUpState
from projectloom.state.balance import BalanceState
from projectloom.state.belongings import BelongingsState
from projectloom.state.caps import CapsState
from projectloom.state.chat import ChatState
from projectloom.state.checkout import CheckoutState, PurchaseReturnState
from projectloom.state.conversations import ConversationsState
from projectloom.state.credits import CreditsState
from projectloom.state.identity import IdentityState
from projectloom.state.models import ModelState
from projectloom.state.operator_books import OperatorBooksState
from projectloom.state.operator_margins import OperatorMarginsState
from projectloom.state.operator_people import OperatorPeopleState
from projectloom.state.operator_person import OperatorPersonState
from projectloom.state.operator_prices import OperatorPricesState
from projectloom.state.operator_record import OperatorRecordState
from projectloom.state.operator_troubles import OperatorTroublesState
from projectloom.state.own_keys import OwnKeysState
from projectloom.state.preferences import PreferencesState, SettingsState
from projectloom.state.pricing import PricingState
from projectloom.state.profile import ProfileState
from projectloom.state.receipt import ReceiptState
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
    # It stays with the tab, and would lie over whatever is opened or loaded next.
    ReceiptState.close,
]
_CHAT: list[Any] = [
    *_FRAME,
    ChatState.open_from_address,
    SettingsState.load,
    ModelState.load,
    UsageState.load,
    AheadState.load,
    PurchaseReturnState.settle,
    AssistState.resume,
    PurchaseReturnState.watch,
]
_AGENT: list[Any] = [
    *_FRAME,
    AgentState.open_from_address,
    SettingsState.load,
    ModelState.load,
    AgentState.prepare_example,
    UsageState.load,
    PurchaseReturnState.watch,
]


_OPERATING: tuple[tuple[Any, str, str, list[Any]], ...] = (
    (operator_people_page, routes.OPERATOR, "People", [OperatorPeopleState.load]),
    (operator_person_page, routes.OPERATOR_PERSON, "Person", [OperatorPersonState.load]),
    (operator_troubles_page, routes.OPERATOR_TROUBLES, "Waiting", [OperatorTroublesState.load]),
    (operator_margins_page, routes.OPERATOR_MARGINS, "Margins", [OperatorMarginsState.load]),
    (operator_prices_page, routes.OPERATOR_PRICES, "Prices", [OperatorPricesState.load]),
    (operator_books_page, routes.OPERATOR_BOOKS, "Books", [OperatorBooksState.load, OperatorBooksState.follow]),
    (operator_record_page, routes.OPERATOR_RECORD, "Record", [OperatorRecordState.load]),
)


def add_pages(app: rx.App) -> None:
    """Register every page with what it loads."""
    app.add_page(chat_page, route=routes.CHAT, title="ProjectLoom", on_load=_CHAT)
    app.add_page(chat_page, route=routes.CONVERSATION, title="ProjectLoom", on_load=_CHAT)
    app.add_page(agent_page, route=routes.AGENT, title="Agent · ProjectLoom", on_load=_AGENT)
    app.add_page(agent_page, route=routes.AGENT_RUN, title="Agent · ProjectLoom", on_load=_AGENT)
    app.add_page(
        settings_page,
        route=routes.SETTINGS,
        title="Settings · ProjectLoom",
        on_load=[
            *_FRAME,
            OwnKeysState.begin,
            SettingsState.load,
            ApiKeysState.load,
            ProfileState.load,
            BelongingsState.close,
            UsageState.load,
            PurchaseReturnState.watch,
        ],
    )
    app.add_page(
        credits_page,
        route=routes.CREDITS,
        title="Credits and purchases · ProjectLoom",
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
        activity_page,
        route=routes.ACTIVITY,
        title="Activity · ProjectLoom",
        on_load=[*_FRAME, ActivityState.load, UsageState.load, PurchaseReturnState.watch],
    )
    for page, route, title, loads in _OPERATING:
        app.add_page(
            page,
            route=route,
            title=f"{title} · Operator · ProjectLoom",
            on_load=[*_FRAME, *loads, UsageState.load, PurchaseReturnState.watch],
        )
    app.add_page(
        sign_in_page, route=routes.SIGN_IN, title="Sign in · ProjectLoom", on_load=[IdentityState.skip_sign_in]
    )
    for page, route, title in (
        (forgot_password_page, routes.FORGOT_PASSWORD, "Forgot your password?"),
        (reset_password_page, routes.RESET_PASSWORD, "Choose another password"),
        (confirm_email_page, routes.CONFIRM_EMAIL, "Confirm your e-mail"),
    ):
        app.add_page(kept_by_clerk_page if clerk_is_on() else page, route=route, title=f"{title} · ProjectLoom")
    app.add_page(
        sign_up_page,
        route=routes.SIGN_UP,
        title="Create an account · ProjectLoom",
        on_load=[IdentityState.skip_sign_in],
    )
    app.add_page(pricing_page, route=routes.PRICING, title="How we charge · ProjectLoom", on_load=[PricingState.load])
    app.add_page(not_found_page, route="404", title="No such page · ProjectLoom")
