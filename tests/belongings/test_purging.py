"""The trash empties itself after the named number of days: every word goes, what it cost stays in the books."""

from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from projectloom.belongings.purging import purge_trash
from projectloom.clock import now
from projectloom.config import settings
from projectloom.conversations.models import Conversation, Message
from projectloom.db import reading, transaction
from projectloom.errors import NotFound
from projectloom.jobs.audit import report, run_audit
from projectloom.ledger.credits import grant
from projectloom.metering.models import Turn, TurnState, UsageRecord
from projectloom.workspace.chats import delete_conversation, read_conversation, restore_conversation
from tests.belongings.test_deleting import everything
from tests.belongings.test_taking_and_bringing import talk
from tests.spending import spend

WORDS = "Unmistakable-words-of-mine"


def in_trash_since(person: str, conversation_id: str, age: timedelta) -> None:
    delete_conversation(person, conversation_id)
    with transaction() as session:
        row = session.get_one(Conversation, conversation_id)
        row.deleted_at = now() - age
        session.add(row)


def kept(conversation_id: str) -> bool:
    with reading() as session:
        return session.get(Conversation, conversation_id) is not None


def test_what_rested_for_the_named_days_goes_and_nothing_that_is_younger_or_listed(
    person: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRASH_DAYS", "7")
    settings.cache_clear()
    old, young, listed = (talk(person, f"Talk {number}") for number in range(3))
    in_trash_since(person, old, timedelta(days=7, minutes=1))
    in_trash_since(person, young, timedelta(days=6, hours=23))
    assert purge_trash() == 1
    assert [kept(one) for one in (old, young, listed)] == [False, True, True]
    restore_conversation(person, young)
    assert read_conversation(person, young).title == "Talk 1"
    with pytest.raises(NotFound):
        restore_conversation(person, old)


def test_more_than_one_batch_goes_at_once(person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("projectloom.limits.PURGE_BATCH", 2)
    for number in range(5):
        in_trash_since(person, talk(person, f"Talk {number}"), timedelta(days=31))
    assert purge_trash() == 5
    with reading() as session:
        assert not session.exec(select(Message)).all()
    assert purge_trash() == 0


def test_no_word_of_it_is_left_and_what_it_cost_stays_in_the_books(person: str):
    with transaction() as session:
        grant(session, user_id=person, reason="test", amount_nanos=5 * 10**9, expires_at=None)
    conversation_id = talk(person, WORDS, WORDS)
    spend(person, 10**9)
    with transaction() as session:
        turn = session.exec(select(Turn)).one()
        turn.text, turn.conversation_id = WORDS, conversation_id
        session.add(turn)
    in_trash_since(person, conversation_id, timedelta(days=31))
    assert purge_trash() == 1
    assert WORDS not in everything()
    with reading() as session:
        assert session.exec(select(UsageRecord)).one().charged_nanos == 10**9
    checks = run_audit(full=True)
    assert all(check.holds for check in checks), report(checks)


def test_a_conversation_in_which_a_reply_is_being_written_waits(person: str):
    with transaction() as session:
        grant(session, user_id=person, reason="test", amount_nanos=5 * 10**9, expires_at=None)
    conversation_id = talk(person, WORDS)
    spend(person, 10**9)
    with transaction() as session:
        values = {"conversation_id": conversation_id, "state": TurnState.STREAMING, "ended_at": None}
        session.connection().execute(update(Turn).where(col(Turn.user_id) == person).values(**values))
    in_trash_since(person, conversation_id, timedelta(days=31))
    assert purge_trash() == 0
    assert kept(conversation_id)
