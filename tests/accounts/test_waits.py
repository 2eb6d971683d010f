"""Wrong passwords: a few are free, then each doubles the wait, for an account and for a network address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col, select

from projectloom import limits
from projectloom.accounts.models import SignInWait
from projectloom.accounts.waits import forget_account_waits, forget_old_waits
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import InvalidCredentials, TooManyRequests
from projectloom.ids import new_id
from projectloom.workspace.identity import sign_in, sign_up

PASSWORD = "correct horse battery"
# Refused without the cost of hashing.
WRONG = "\ud800"


def fresh_email() -> str:
    return f"{new_id('p').lower()}@example.org"


def tried(email: str, password: str = WRONG, network: str | None = None) -> int | None:
    """The seconds that the try has to wait; None when its password was looked at, and was wrong."""
    try:
        sign_in(email, password, network=network)
    except InvalidCredentials:
        return None
    except TooManyRequests as refused:
        return int(str(refused.data["retry_after"]))
    return 0


def let_waits_pass() -> None:
    moment = now() - timedelta(seconds=1)
    with transaction() as session:
        waiting = update(SignInWait).where(col(SignInWait.until) > moment)
        session.connection().execute(waiting.values({col(SignInWait.until): moment}))


def test_the_wait_doubles_with_each_wrong_password_up_to_the_longest(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    for _ in range(limits.FREE_TRIES):
        assert tried(email) is None
    waits = []
    for _ in range(8):
        waits.append(tried(email, PASSWORD))  # not even the right one is looked at
        let_waits_pass()
        assert tried(email) is None
    rounded = [round((wait or 0) / 10) * 10 for wait in waits]
    assert rounded == [30, 60, 120, 240, 480, 900, 900, 900]


def test_signing_in_forgets_what_was_wrong_before(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    for _ in range(3):
        for _ in range(limits.FREE_TRIES - 1):
            assert tried(email) is None
        assert tried(email, PASSWORD) == 0


def test_an_address_without_an_account_is_counted_alike(books):
    email = fresh_email()
    assert [tried(email) for _ in range(limits.FREE_TRIES)] == [None] * limits.FREE_TRIES
    assert tried(email) is not None
    with reading() as session:
        assert email not in repr(session.exec(select(SignInWait)).all())


def test_many_tries_at_the_same_moment_count_one_by_one(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tried(email), range(24)))
    assert found.count(None) == limits.FREE_TRIES


def test_one_network_address_has_a_wait_of_its_own_over_all_accounts(books):
    for _ in range(limits.FREE_TRIES_OF_AN_ADDRESS):
        assert tried(fresh_email(), network="203.0.113.7") is None
    email = fresh_email()
    sign_up(email, PASSWORD)
    assert tried(email, PASSWORD, network="203.0.113.7") is not None
    assert tried(email, PASSWORD, network="203.0.113.8") == 0


def test_who_signs_in_rightly_does_not_use_up_the_tries_of_their_network(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    for _ in range(3):
        assert tried(email, PASSWORD, network="203.0.113.9") == 0
    with reading() as session:
        rows = {row.name.partition(":")[0]: row.tries for row in session.exec(select(SignInWait)).all()}
    assert rows == {"account": 0, "address": 0}


def test_nobody_locks_somebody_else_out_from_another_network(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    while tried(email, network="203.0.113.7") is None:
        pass
    assert tried(email, PASSWORD, network="203.0.113.7") is not None
    assert tried(email, PASSWORD, network="198.51.100.1") == 0


def test_tries_for_one_account_from_everywhere_end_too(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    for number in range(limits.FREE_TRIES_OF_AN_ACCOUNT):
        assert tried(email, network=f"203.0.113.{number}") is None
    assert tried(email, PASSWORD, network="198.51.100.1") is not None
    with transaction() as session:
        forget_account_waits(session, email=email)
    assert tried(email, PASSWORD, network="203.0.113.1") == 0


def test_one_ipv6_subscriber_is_one_network_whichever_address_of_theirs_they_use(books):
    email = fresh_email()
    sign_up(email, PASSWORD)
    for number in range(limits.FREE_TRIES):
        assert tried(email, network=f"2001:db8:1:2::{number:x}") is None
    assert tried(email, PASSWORD, network="2001:db8:1:2:ffff::1") is not None
    for number in range(limits.FREE_TRIES_OF_AN_ADDRESS - limits.FREE_TRIES):
        assert tried(fresh_email(), network=f"2001:db8:1:2::1:{number:x}") is None
    assert tried(fresh_email(), network="2001:db8:1:2:ffff::2") is not None
    assert tried(email, PASSWORD, network="2001:db8:1:3::1") == 0


def test_tries_that_lie_far_apart_are_not_added_up_and_are_forgotten(books):
    email = fresh_email()
    for _ in range(limits.FREE_TRIES - 1):
        tried(email)
    long_ago = now() - timedelta(seconds=limits.SIGN_IN_WINDOW_SECONDS + 1)
    with transaction() as session:
        session.connection().execute(update(SignInWait).values({col(SignInWait.last_at): long_ago}))
    assert [tried(email) for _ in range(limits.FREE_TRIES)] == [None] * limits.FREE_TRIES
    with transaction() as session:
        assert forget_old_waits(session, moment=now() + timedelta(days=1)) == 2
