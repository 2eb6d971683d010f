"""What Clerk tells of its people: believed with its signature alone, done once, in whatever order it comes."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
from sqlmodel import Session, select

from projectloom import limits
from projectloom.accounts.clerk import admit
from projectloom.accounts.models import ClerkEvent, User
from projectloom.accounts.users import email_of
from projectloom.belongings import deleting
from projectloom.belongings.clerk_inbox import receive_clerk_event, retry_clerk_events
from projectloom.billing.grants import give
from projectloom.billing.models import AutoTopUp
from projectloom.clerk import fetch_person
from projectloom.clerk.people import ClerkPerson
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import InvalidEvent, InvalidSignature, NotFound, RepliesRunning, SignInUnavailable, Unauthorized
from projectloom.jobs.audit import report, run_audit
from projectloom.ledger.accounts import read_balances
from projectloom.mails.models import MailOut
from projectloom.operating.operators import is_operator
from projectloom.workspace import identity
from projectloom.workspace.api_keys import create_key
from projectloom.workspace.identity import identify
from tests.clerk.conftest import HERE, clerk
from tests.clerk_double import ClerkDouble, event, signed
from tests.conftest import forget_settings

__all__ = ["clerk"]

ADA = "user_ada"


@pytest.fixture
def ada(books, clerk: ClerkDouble) -> str:
    """Somebody who came in with Clerk; our id of them."""
    clerk.join(ADA, "ada@example.org", at=100)
    person = identify(clerk.token(ADA, HERE))
    assert person is not None
    return person.user_id


async def tell(kind: str, data: dict, event_id: str = "msg_1", **options) -> None:
    body = event(kind, data)
    await receive_clerk_event(body, signed(body, event_id, **options))


def kept() -> list[ClerkEvent]:
    with reading() as session:
        return list(session.exec(select(ClerkEvent)).all())


async def test_a_new_address_is_followed_once_and_nothing_of_the_person_stays_in_the_inbox(ada, clerk: ClerkDouble):
    changed = clerk.join(ADA, "ada@new.example.org", at=200)
    for _ in range(3):
        await tell("user.updated", changed)
    found = identify(clerk.token(ADA, HERE))
    assert found is not None
    assert found.email == "ada@new.example.org"
    (row,) = kept()
    assert (row.kind, row.clerk_id, row.email) == ("user.updated", "", None)
    assert row.handled_at is not None


async def test_a_change_that_comes_late_does_not_undo_a_later_one(ada, clerk: ClerkDouble):
    await tell("user.updated", clerk.join(ADA, "third@example.org", at=300), "msg_3")
    await tell("user.updated", clerk.join(ADA, "second@example.org", at=200), "msg_2")
    with reading() as session:
        assert email_of(session, user_id=ada) == "third@example.org"


async def test_an_address_that_is_no_longer_confirmed_is_not_taken_for_confirmed(ada, clerk: ClerkDouble):
    await tell("user.updated", clerk.join(ADA, "ada@new.example.org", verified=False, at=200))
    with reading() as session:
        user = session.get_one(User, ada)
    assert (user.email, user.email_confirmed_at) == ("ada@new.example.org", None)


async def test_the_address_of_somebody_else_is_not_taken_over_and_the_old_one_is_theirs_no_more(
    ada, clerk: ClerkDouble, monkeypatch
):
    monkeypatch.setenv("ADMIN_EMAILS", "ada@example.org")
    forget_settings()
    assert is_operator(identify(clerk.token(ADA, HERE)))
    clerk.join("user_eve", "eve@example.org")
    assert identify(clerk.token("user_eve", HERE))
    await tell("user.updated", clerk.join(ADA, "eve@example.org", at=200))
    with reading() as session:
        assert email_of(session, user_id=ada) is None
        assert session.get_one(User, ada).email_confirmed_at is None
    assert not is_operator(identify(clerk.token(ADA, HERE)))


async def test_a_deleted_user_loses_their_name_and_the_books_stay_whole(ada, clerk: ClerkDouble):
    give("ada@example.org", 5, reason="a gift")
    token = clerk.token(ADA, HERE)
    assert identify(token)
    del clerk.people[ADA]
    for number in range(2):
        await tell("user.deleted", {"id": ADA, "deleted": True}, f"msg_{number}")
    assert identify(token) is None
    assert identify(clerk.token(ADA, HERE, sid="another")) is None
    with reading() as session:
        user = session.get_one(User, ada)
        assert user.email.endswith("@deleted.invalid")
        assert user.deleted_at is not None
        assert ADA not in (user.clerk_id or "")
        assert [mail.to for mail in session.exec(select(MailOut)).all() if mail.user_id == ada] in ([], [""])
        balances = read_balances(session, user_id=ada)
    assert balances is not None
    assert balances.posted_nanos == 5_000_000_000
    checks = run_audit(full=True)
    assert all(check.holds for check in checks), report(checks)
    assert {row.handled_at is not None for row in kept()} == {True}


async def test_who_was_deleted_is_not_made_anew_by_a_change_or_a_token_that_comes_late(ada, clerk: ClerkDouble):
    changed = clerk.join(ADA, "ada@new.example.org", at=900)
    await tell("user.deleted", {"id": ADA, "deleted": True}, "msg_1")
    await tell("user.updated", changed, "msg_2")
    assert identify(clerk.token(ADA, HERE)) is None  # though Clerk still knows them
    with reading() as session:
        assert session.get_one(User, ada).email.endswith("@deleted.invalid")
        assert len(session.exec(select(User)).all()) == 1


async def test_the_deletion_of_somebody_who_never_came_here_is_no_trouble(books, clerk: ClerkDouble):
    await tell("user.deleted", {"id": "user_never", "deleted": True})
    (row,) = kept()
    assert row.handled_at is not None
    assert (row.email, "user_never" in row.clerk_id) == (None, False)


def told_after_the_answer(monkeypatch: pytest.MonkeyPatch, kind: str, data: Callable[[], dict]) -> None:
    """Have an event of Clerk's come between its answer about somebody new and their account here."""
    events = iter([kind])

    def fetch(clerk_id: str) -> ClerkPerson | None:
        answer = fetch_person(clerk_id)
        for one in events:
            asyncio.run(tell(one, data()))
        return answer

    monkeypatch.setattr(identity, "fetch_person", fetch)


def people_here() -> list[User]:
    with reading() as session:
        return list(session.exec(select(User)).all())


def test_who_is_deleted_at_clerk_while_they_are_let_in_for_the_first_time_is_not(books, clerk, monkeypatch):
    clerk.join(ADA, "ada@example.org", at=100)  # and Clerk may tell of them for a moment longer
    told_after_the_answer(monkeypatch, "user.deleted", lambda: {"id": ADA, "deleted": True})
    for _ in range(2):
        assert identify(clerk.token(ADA, HERE)) is None
    assert people_here() == []


def test_who_changes_their_address_while_they_are_let_in_has_the_new_one(books, clerk, monkeypatch):
    clerk.join(ADA, "ada@example.org", at=100)
    told_after_the_answer(monkeypatch, "user.updated", lambda: clerk.join(ADA, "ada@new.example.org", at=200))
    person = identify(clerk.token(ADA, HERE))
    assert person is not None
    assert (person.email, [user.email for user in people_here()]) == ("ada@new.example.org", ["ada@new.example.org"])


async def test_nobody_is_let_in_by_what_is_older_than_what_clerk_told_already(books, clerk: ClerkDouble):
    changed, old = clerk.join(ADA, "ada@new.example.org", at=200), clerk.join(ADA, "ada@example.org", at=100)
    await tell("user.updated", changed)
    assert clerk.people[ADA] == old
    with pytest.raises(SignInUnavailable):
        identify(clerk.token(ADA, HERE))
    assert people_here() == []
    clerk.people[ADA] = changed
    person = identify(clerk.token(ADA, HERE))
    assert person is not None
    assert person.email == "ada@new.example.org"


@pytest.mark.parametrize("kind", ["user.deleted", "user.updated"])
def test_an_event_that_comes_while_an_account_is_made_waits_for_it(books, clerk: ClerkDouble, monkeypatch, kind: str):
    clerk.join(ADA, "ada@example.org", at=100)
    news = {"id": ADA, "deleted": True} if kind == "user.deleted" else clerk.join(ADA, "ada@new.example.org", at=200)
    clerk.join(ADA, "ada@example.org", at=100)
    told: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:

        def admit_and_wait(session: Session, **known: Any) -> tuple[User | None, bool]:
            answer = admit(session, **known)
            told.append(pool.submit(asyncio.run, tell(kind, news)))
            wait(told, timeout=0.3)
            assert not told[0].done()
            return answer

        monkeypatch.setattr(identity, "admit", admit_and_wait)
        assert identify(clerk.token(ADA, HERE)) is not None
        told[0].result(timeout=30)
    (user,) = people_here()
    if kind == "user.deleted":
        assert user.deleted_at is not None
    else:
        assert user.email == "ada@new.example.org"
    (row,) = kept()
    assert (row.clerk_id, row.handled_at is not None) == ("", True)


async def test_what_cannot_be_deleted_yet_is_shut_at_once_and_deleted_later(ada, clerk: ClerkDouble, monkeypatch):
    def busy(*_args: object, **_more: object) -> None:
        raise RepliesRunning

    with transaction() as session:
        rules = AutoTopUp(user_id=ada, enabled=True, threshold_cents=500, amount_usd=10, monthly_ceiling_cents=5_000)
        session.add(rules)
    with monkeypatch.context() as patch:
        patch.setattr(deleting, "_allow", busy)
        await tell("user.deleted", {"id": ADA, "deleted": True})
    assert identify(clerk.token(ADA, HERE)) is None
    with pytest.raises(Unauthorized):
        create_key(ada, "By a request that had begun before")
    with reading() as session:
        assert not session.get_one(AutoTopUp, ada).enabled
    (row,) = kept()
    assert (row.handled_at, row.error) == (None, "replies_running")
    with transaction() as session:
        waiting = session.get_one(ClerkEvent, row.id)
        waiting.next_try_at = now()
        session.add(waiting)
    assert await retry_clerk_events() == 1
    with reading() as session:
        assert session.get_one(User, ada).deleted_at is not None
    assert await retry_clerk_events() == 0


async def test_ten_deliveries_of_one_event_at_once_do_it_once(ada, clerk: ClerkDouble):
    body = event("user.deleted", {"id": ADA, "deleted": True})
    await asyncio.gather(*(receive_clerk_event(body, signed(body, "msg_1")) for _ in range(10)))
    assert len(kept()) == 1
    with reading() as session:
        assert session.get_one(User, ada).deleted_at is not None


@pytest.mark.parametrize("case", ["forged", "another secret", "old", "future", "no headers", "another body", "no id"])
async def test_what_clerk_did_not_sign_changes_nothing(ada, clerk: ClerkDouble, case: str):
    body = event("user.deleted", {"id": ADA, "deleted": True})
    headers = signed(body, "msg_1")
    apart = limits.CLERK_EVENT_SECONDS + 5
    told = {
        "forged": headers | {"svix-signature": "v1,AAAA v1 v2," + headers["svix-signature"].rpartition(",")[2]},
        "another secret": signed(body, "msg_1", secret="whsec_b3RoZXI="),
        "old": signed(body, "msg_1", at=time.time() - apart),
        "future": signed(body, "msg_1", at=time.time() + apart),
        "no headers": {},
        "another body": signed(body + b" ", "msg_1"),
        "no id": headers | {"svix-id": ""},
    }[case]
    with pytest.raises(InvalidSignature):
        await receive_clerk_event(body, told)
    assert kept() == []
    assert identify(clerk.token(ADA, HERE))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"\xff", b"{}", b'{"type":"user.deleted"}', b'{"type":"user.deleted","data":{"id":7}}',
     b'{"type":"user.updated","data":{"id":"user_ada"}}', b'{"type":"user.deleted","data":{"id":"\\u0000"}}',
     b"[" * 100_000],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
async def test_what_is_signed_and_makes_no_sense_is_refused_in_words(books, clerk: ClerkDouble, body: bytes):
    with pytest.raises(InvalidEvent):
        await receive_clerk_event(body, signed(body, "msg_1"))
    assert kept() == []


async def test_events_of_other_kinds_are_kept_and_do_nothing(ada, clerk: ClerkDouble):
    await tell("session.created", {"id": "sess_1", "user_id": ADA})
    (row,) = kept()
    assert (row.kind, row.handled_at is not None) == ("other", True)


async def test_a_secret_that_is_being_replaced_counts_until_it_is_gone(ada, clerk: ClerkDouble, monkeypatch):
    new = "whsec_bmV3"
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", f"{clerk.environment['CLERK_WEBHOOK_SIGNING_SECRET']}, {new}")
    forget_settings()
    await tell("session.created", {}, "msg_1")
    await tell("session.created", {}, "msg_2", secret=new)
    assert len(kept()) == 2


async def test_without_a_signing_secret_there_is_no_such_door(books, clerk: ClerkDouble, monkeypatch):
    monkeypatch.delenv("CLERK_WEBHOOK_SIGNING_SECRET")
    forget_settings()
    with pytest.raises(NotFound):
        await tell("user.deleted", {"id": ADA, "deleted": True})
