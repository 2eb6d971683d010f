"""Deleting everything that is a person's: what they said, their keys and sessions go at once and for good.

The books stay whole, because others were paid: orders, credit, turns and usage keep their amounts and lose every word
and name. Every table that is not named here as one that stays is emptied of the person's rows. What is left of them is
an id that nobody can sign in as.
"""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, delete, update
from sqlmodel import Session, SQLModel, col, select

from projectloom import limits
from projectloom.accounts.clerk import let_go
from projectloom.accounts.models import ApiKey, User
from projectloom.assistants.agent_models import AgentRun
from projectloom.billing.auto_rules import switch_off
from projectloom.billing.cards import read_saved_card, remove_card
from projectloom.clock import now
from projectloom.conversations.models import Conversation, Message
from projectloom.db import in_thread, reading, transaction
from projectloom.errors import CreditLeft, InvalidInput, NotFound, RepliesRunning
from projectloom.ledger.accounts import lock_accounts, read_balances
from projectloom.mails.models import MailOut
from projectloom.metering.models import OPEN_STATES, Turn
from projectloom.money import Nanos, format_exact
from projectloom.workspace.identity import forget_person

BOOKS = frozenset(
    {
        "books_stamp", "orders", "stripe_events", "reversals", "job_leases", "promotional_codes", "ledger_accounts",
        "journal_entries", "postings", "holds", "credit_lots", "lot_movements", "audit_marks", "price_card_versions",
        "price_proposals", "usage_records", "audited_accounts", "audited_lots", "operator_actions", "proof_outcomes",
        "full_audits", "clerk_events", "sign_in_waits",
    }
)  # fmt: skip
"""Tables that leaving changes nothing in: they hold amounts and ids, and nobody's words."""

NAMELESS = frozenset({"users", "turns", "api_keys", "mail_outbox"})
"""Tables whose rows stay without their words and names."""

WORDLESS = {"text": "", "input_hash": "", "client_request_id": None, "error_message": None}
"""What a turn whose words go is left with: nor can it confirm a guess at them."""

# By which a row is the person's, the nearest first.
_OWNERS = ("users", "conversations", "agent_runs", "messages")


@dataclass(frozen=True, slots=True)
class Left:
    """What stands in the way of leaving, or would be lost."""

    credit_nanos: Nanos
    """Given up by who leaves with it."""
    running: bool


def what_is_left(user_id: str) -> Left:
    """What a person should know before they leave."""
    with reading() as session:
        return _left(session, user_id)


async def delete_everything(user_id: str, typed_email: str, *, give_up_credit: bool = False) -> None:
    """Delete what is the person's and make their books nameless. There is no way back.

    Raises:
        InvalidInput: the e-mail that was typed to confirm it is not theirs. NotFound: there is no such person any more.
        RepliesRunning: a reply is being written. CreditLeft: there is credit, and giving it up was not agreed to.
        PaymentUnavailable: the saved card could not be forgotten at Stripe; then nothing is deleted.
    """
    await _await_quiet(user_id)
    await in_thread(_check, user_id, typed_email, give_up_credit=give_up_credit)
    await _delete_all(user_id, give_up_credit=give_up_credit)


async def delete_because_gone(user_id: str) -> None:
    """Delete what is somebody's whom the sign-in service has deleted, as if they had asked for it here.

    Nothing more can be done in their name from now on, and credit that is left is given up. Doing it again is fine.

    Raises:
        RepliesRunning: a reply is being written; the rest is to be done once it has ended.
        PaymentUnavailable: the saved card could not be forgotten at Stripe; the rest is to be done once it can be.
    """
    if not await in_thread(_shut, user_id):
        return
    forget_person(user_id)
    await _await_quiet(user_id)
    await _delete_all(user_id, give_up_credit=True)


def _shut(user_id: str) -> bool:
    with transaction() as session:
        person = session.get(User, user_id, with_for_update=True)
        if person is None or person.deleted_at is not None:
            return False
        let_go(session, user=person)
    # While their last replies end, nobody is to buy credit for who has left. On its own, once nobody can switch it on
    # again: an order that is being placed holds this row and needs the person's.
    with transaction() as session:
        switch_off(session, user_id=user_id)
    return True


async def _delete_all(user_id: str, *, give_up_credit: bool) -> None:
    if await in_thread(read_saved_card, user_id) is not None:
        await remove_card(user_id)
    await in_thread(_delete, user_id, give_up_credit=give_up_credit)
    forget_person(user_id)


async def _await_quiet(user_id: str) -> None:
    """Wait a moment for what the person never saw begin, such as a title that is being found."""
    for _ in range(limits.LEAVING_LOOKS):
        if not (await in_thread(what_is_left, user_id)).running:
            return
        await asyncio.sleep(limits.LEAVING_LOOK_SECONDS)


def _check(user_id: str, typed_email: str, *, give_up_credit: bool) -> None:
    with reading() as session:
        person = session.get(User, user_id)
        if person is None or person.deleted_at is not None:
            raise NotFound
        if typed_email.strip().lower() != person.email:
            raise InvalidInput("That is not the e-mail of this account. Nothing was deleted.")
        _allow(_left(session, user_id), give_up_credit=give_up_credit)


def _allow(left: Left, *, give_up_credit: bool) -> None:
    if left.running:
        raise RepliesRunning
    if left.credit_nanos and not give_up_credit:
        raise CreditLeft(
            f"You have {format_exact(left.credit_nanos)} of credit. Take purchases back on the credits page first, or "
            "say that you give the credit up.",
            credit_nanos=left.credit_nanos,
        )


def _left(session: Session, user_id: str) -> Left:
    balances = read_balances(session, user_id=user_id)
    running = select(Turn.id).where(Turn.user_id == user_id, col(Turn.state).in_(OPEN_STATES)).limit(1)
    credit = Nanos(balances.posted_nanos + balances.frozen_nanos) if balances else Nanos(0)
    return Left(credit, running=session.exec(running).first() is not None)


def _delete(user_id: str, *, give_up_credit: bool) -> None:
    with transaction() as session:
        # No reply begins, and no credit comes, between the look and the end.
        lock_accounts(session, user_id=user_id)
        person = session.get_one(User, user_id, with_for_update=True)
        _allow(_left(session, user_id), give_up_credit=give_up_credit)
        _make_nameless(session, user_id)
        _delete_rows(session, user_id)
        person.email, person.password_hash, person.deleted_at = f"{user_id.lower()}@deleted.invalid", None, now()
        person.email_confirmed_at = None
        let_go(session, user=person)
        session.add(person)


def tables_to_empty() -> list[tuple[Table, Column[Any], str]]:
    """Every other table, those that refer to others first, with the column that says whose its rows are and of what.

    Raises:
        RuntimeError: of some table nobody could say whose its rows are.
    """
    kept = BOOKS | NAMELESS
    return [(table, *_owner_of(table)) for table in reversed(SQLModel.metadata.sorted_tables) if table.name not in kept]


def _owner_of(table: Table) -> tuple[Column[Any], str]:
    referred = {key.column.table.name: key.parent for key in table.foreign_keys}
    owner = next((name for name in _OWNERS if name in referred), None)
    if owner is None:
        raise RuntimeError(f"whose the rows of {table.name} are is not known")
    return referred[owner], owner


def _delete_rows(session: Session, user_id: str) -> None:
    conversations = select(Conversation.id).where(Conversation.user_id == user_id)
    theirs = {
        "conversations": conversations,
        "agent_runs": select(AgentRun.id).where(AgentRun.user_id == user_id),
        "messages": select(Message.id).where(col(Message.conversation_id).in_(conversations)),
    }
    for table, column, owner in tables_to_empty():
        condition = column == user_id if owner == "users" else column.in_(theirs[owner])
        session.connection().execute(delete(table).where(condition))


def _make_nameless(session: Session, user_id: str) -> None:
    # Of turns the words go, and what could confirm a guess at them.
    turns = update(Turn).where(col(Turn.user_id) == user_id)
    session.connection().execute(turns.values(conversation_id=None, **WORDLESS))
    for key in session.exec(select(ApiKey).where(ApiKey.user_id == user_id)).all():
        key.name, key.hint, key.revoked_at = "A key of somebody who left", "", key.revoked_at or now()
        key.secret_hash = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
        session.add(key)
    mails = update(MailOut).where(col(MailOut.user_id) == user_id)
    session.connection().execute(mails.values(to="", subject="", body="", next_try_at=None, error=None))
