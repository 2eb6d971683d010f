"""Leaving: every word and name goes, the books stay whole, and nothing is lost that was not agreed to."""

from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from sqlalchemy import text
from sqlmodel import Session, SQLModel, select

from projectloom import db, limits
from projectloom.accounts.models import User
from projectloom.belongings import deleting
from projectloom.belongings.deleting import BOOKS, NAMELESS, delete_everything, tables_to_empty, what_is_left
from projectloom.clock import now
from projectloom.conversations.attachments import attach_files
from projectloom.conversations.chats import instruct
from projectloom.conversations.models import Message
from projectloom.db import reading, transaction
from projectloom.errors import CreditLeft, InvalidInput, NotFound, RepliesRunning, Unauthorized
from projectloom.jobs.audit import report, run_audit
from projectloom.ledger.credits import grant
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail
from projectloom.metering.models import Turn, TurnState, UsageRecord
from projectloom.workspace.api_keys import NewKey, create_key, identify_key, my_keys
from projectloom.workspace.attachments import keep_file
from projectloom.workspace.identity import identify, sign_in, sign_up
from projectloom.workspace.preferences import save_provider_key, set_api_key_mode
from tests.belongings.test_taking_and_bringing import talk
from tests.spending import spend

WORDS = "Unmistakable-words-of-mine"
EMAIL = "leaver@example.org"
PASSWORD = "correct horse battery"
KEY = "sk-own-secret-0123456789"


def somebody() -> tuple[str, str]:
    """A person with something of everything; their id and session."""
    entered = sign_up(EMAIL, PASSWORD)
    user_id = entered.person.user_id
    with transaction() as session:
        grant(session, user_id=user_id, reason="test", amount_nanos=5 * 10**9, expires_at=None)
    talk(user_id, WORDS, WORDS)
    spend(user_id, 10**9)
    with transaction() as session:
        turn = session.exec(select(Turn)).one()
        turn.text = WORDS
        session.add(turn)
        put_mail(
            session, user_id=user_id, to=EMAIL, kind=MailKind.CAP, subject=WORDS, body=WORDS, dedupe_key=f"x:{user_id}"
        )
    drafted = keep_file(user_id, f"{WORDS}.txt", WORDS.encode())
    with transaction() as session:
        message = session.exec(select(Message).where(Message.text == WORDS)).first()
        assert message is not None
        attach_files(session, user_id=user_id, message_id=message.id, files=[drafted])
        instruct(session, user_id=user_id, conversation_id=message.conversation_id, instructions=WORDS)
    keep_file(user_id, "never sent.txt", WORDS.encode())
    save_provider_key(user_id, "openai", KEY)
    set_api_key_mode(user_id, "credits")
    return user_id, entered.token


def everything() -> str:
    """All that the database holds, as text."""
    with db.engine().connect() as connection:
        return "\n".join(
            repr(row)
            for table in SQLModel.metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))
        )


async def test_no_word_or_name_is_left_and_the_books_hold(books):
    user_id, token = somebody()
    secret = create_key(user_id, WORDS, None).secret
    assert identify_key(secret) is not None
    assert WORDS in everything()
    await delete_everything(user_id, f" {EMAIL.upper()} ", give_up_credit=True)
    left = everything()
    for gone in (WORDS, EMAIL, "sk-…6789"):
        assert gone not in left
    with reading() as session:
        assert session.exec(select(UsageRecord)).one().charged_nanos == 10**9
        assert session.get_one(User, user_id).deleted_at is not None
    checks = run_audit(full=True)
    assert all(check.holds for check in checks), report(checks)
    with pytest.raises(NotFound):
        await delete_everything(user_id, EMAIL)
    again = sign_up(EMAIL, PASSWORD)
    assert again.person.user_id != user_id
    assert sign_in(EMAIL, PASSWORD).person.user_id == again.person.user_id
    assert token != again.token


async def test_sessions_and_keys_end(books):
    user_id, token = somebody()
    secret = create_key(user_id, "Notebook", None).secret
    await delete_everything(user_id, EMAIL, give_up_credit=True)
    assert identify(token) is None
    assert identify_key(secret) is None


async def test_a_key_that_is_made_while_somebody_is_deleted_waits_and_is_not_made(books, monkeypatch):
    user_id, _ = somebody()
    making: list[Future[NewKey]] = []
    delete_rows = deleting._delete_rows

    with ThreadPoolExecutor(1) as pool:

        def delete_while_one_is_made(session: Session, leaver: str) -> None:
            making.append(pool.submit(create_key, user_id, "Late"))
            wait(making, timeout=0.3)
            assert not making[0].done()
            delete_rows(session, leaver)

        monkeypatch.setattr(deleting, "_delete_rows", delete_while_one_is_made)
        await delete_everything(user_id, EMAIL, give_up_credit=True)
        with pytest.raises(Unauthorized):
            making[0].result(timeout=30)
    assert my_keys(user_id) == []
    with pytest.raises(Unauthorized):
        create_key(user_id, "Later")


def test_no_key_of_somebody_who_left_opens_anything(books):
    user_id, _ = somebody()
    secret = create_key(user_id, "Notebook").secret
    with transaction() as session:
        person = session.get_one(User, user_id)
        person.deleted_at = now()
        session.add(person)
    assert identify_key(secret) is None


async def test_who_has_left_is_nobody_at_once_though_they_were_known_a_moment_ago(books):
    come = sign_up("ada.leaves@example.org", "correct horse battery")
    assert identify(come.token) == come.person
    await delete_everything(come.person.user_id, come.person.email)
    assert identify(come.token) is None


async def test_nothing_is_deleted_by_another_e_mail_while_a_reply_runs_or_while_credit_is_left(
    books, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "LEAVING_LOOK_SECONDS", 0)
    user_id, _ = somebody()
    before = everything()
    with pytest.raises(InvalidInput):
        await delete_everything(user_id, "other@example.org", give_up_credit=True)
    with pytest.raises(CreditLeft, match=r"\$4\.00"):
        await delete_everything(user_id, EMAIL)
    assert what_is_left(user_id).credit_nanos == 4 * 10**9
    assert everything() == before
    with transaction() as session:
        turn = session.exec(select(Turn)).one()
        turn.state = TurnState.STREAMING
        session.add(turn)
    with pytest.raises(RepliesRunning):
        await delete_everything(user_id, EMAIL, give_up_credit=True)
    assert WORDS in everything()


async def test_nobody_else_loses_anything(books, stranger: str):
    user_id, _ = somebody()
    conversation_id = talk(stranger, "Their words")
    save_provider_key(stranger, "openai", KEY)
    await delete_everything(user_id, EMAIL, give_up_credit=True)
    left = everything()
    assert conversation_id in left
    assert "Their words" in left
    assert "stranger@example.org" in left


def test_every_table_stays_nameless_or_is_emptied_and_no_money_is_in_what_is_emptied():
    emptied = {table.name: table for table, _, _ in tables_to_empty()}
    named = {table.name for table in SQLModel.metadata.sorted_tables}
    assert named == BOOKS | NAMELESS | set(emptied)
    assert not BOOKS & NAMELESS
    amounts = {
        (name, column.name)
        for name, table in emptied.items()
        for column in table.columns
        if column.name.endswith(("_nanos", "_cents", "_usd"))
    }
    # Limits and wishes, all of them: nothing that was paid.
    assert amounts == {
        ("provider_keys", "limit_month_nanos"),
        ("spending_caps", "limit_nanos"),
        ("agent_runs", "budget_nanos"),
        ("auto_top_ups", "threshold_cents"),
        ("auto_top_ups", "amount_usd"),
        ("auto_top_ups", "monthly_ceiling_cents"),
    }
