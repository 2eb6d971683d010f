"""People's own API keys: shown once, kept as a hash, theirs alone, and over at once when they are revoked."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from projectloom import limits
from projectloom.accounts.api_keys import KEY_PREFIX, Scope, revoke_api_key
from projectloom.accounts.models import ApiKey
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.fresh import Fresh
from projectloom.money import from_cents, from_usd
from projectloom.workspace import api_keys
from projectloom.workspace.api_keys import Caller, create_key, identify_key, my_keys, revoke_key
from tests.conftest import new_person


@pytest.fixture
def person(person: str) -> Iterator[str]:
    """Somebody whose use of keys is written by the time that their database goes away."""
    yield person
    api_keys._writer.submit(int).result(timeout=10)


def rows() -> list[ApiKey]:
    with reading() as session:
        return list(session.exec(select(ApiKey)).all())


def test_a_key_is_recognised_by_its_secret_of_which_only_a_hash_and_a_hint_are_kept(person: str):
    made = create_key(person, "  My notebook ")
    assert made.secret.startswith("loom-sk-")
    assert len(made.secret.removeprefix(KEY_PREFIX)) * 6 >= 192
    (row,) = rows()
    assert row.secret_hash == hashlib.sha256(made.secret.encode()).hexdigest()
    assert made.secret not in row.model_dump_json()
    assert made.secret not in repr(made)
    assert (row.name, row.hint) == ("My notebook", f"loom-sk-…{made.secret[-4:]}")
    assert my_keys(person) == [made.key]
    assert identify_key(made.secret) == Caller(person, made.key.id, frozenset({Scope.GENERATE, Scope.READ}))


def test_no_two_keys_have_the_same_secret(person: str):
    assert len({create_key(person, "Same name").secret for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "name", ["", "   ", "a" * 81, "a\x00b", "a\ud800", "a\nb", "a\rb", "a\u2028b", 7, None], ids=repr
)
def test_a_name_that_is_none_makes_no_key(person: str, name: object):
    with pytest.raises(InvalidInput):
        create_key(person, name)
    assert rows() == []


@pytest.mark.parametrize("name", ["x", "a" * 80, "Ünïcode 👩‍🔬 中文", "<b>&\"'"], ids=repr)
def test_a_name_may_be_any_line_of_text(person: str, name: str):
    assert create_key(person, name).key.name == name


@pytest.mark.parametrize(
    ("written", "nanos"),
    [(5, from_usd(5)), (0.1, from_cents(10)), (12.5, from_cents(1250)), ("0.01", from_cents(1)),
     ("19.99", from_cents(1999)), ("7", from_usd(7)), (1_000_000, from_usd(1_000_000)), (None, None)],
    ids=repr,
)  # fmt: skip
def test_a_limit_is_exactly_what_was_written(person: str, written: object, nanos: int | None):
    key = create_key(person, "Limited", {"month": written}).key
    assert (key.day_nanos, key.month_nanos, key.total_nanos) == (None, nanos, None)


@pytest.mark.parametrize(
    "written",
    [0, -1, -0.0, 0.0, "0", "0.00", True, False, 1.005, "1.005", "1e3", 1e300, float("nan"), float("inf"), "NaN", "",
     " 5", "5\n", "+5", "-5", "5,00", "\u0665", "1_0", 1_000_001, 10**30, "1000000.01", [], {}],
    ids=repr,
)  # fmt: skip
def test_an_odd_limit_makes_no_key(person: str, written: object):
    with pytest.raises(InvalidInput):
        create_key(person, "Limited", {"day": 5, "total": written})
    assert rows() == []


@pytest.mark.parametrize("wanted", [[], {"week": 5}, {"day": 5, "Month": 5}, "5", 5], ids=repr)
def test_limits_that_nobody_knows_make_no_key(person: str, wanted: object):
    with pytest.raises(InvalidInput):
        create_key(person, "Limited", wanted)


@pytest.mark.parametrize(
    "scopes", [[], ["admin"], ["read", "admin"], "read", {"read": True}, [1], [["read"]]], ids=repr
)
def test_a_key_is_allowed_what_there_is_to_allow_and_something(person: str, scopes: object):
    with pytest.raises(InvalidInput):
        create_key(person, "Scoped", None, scopes)
    assert rows() == []


def test_scopes_are_kept(person: str):
    made = create_key(person, "Reader", None, ["read", "read"])
    found = identify_key(made.secret)
    assert found is not None
    assert found.scopes == {Scope.READ}


def test_a_revoked_key_is_nobody_s_at_once_although_it_was_just_used(person: str):
    made = create_key(person, "Notebook")
    assert identify_key(made.secret) is not None
    revoke_key(person, made.key.id)
    assert identify_key(made.secret) is None
    assert my_keys(person) == []
    revoke_key(person, made.key.id)


def test_a_key_that_another_process_revoked_is_nobody_s_within_a_second(person: str):
    made = create_key(person, "Notebook")
    assert identify_key(made.secret) is not None
    with transaction() as session:
        revoke_api_key(session, user_id=person, key_id=made.key.id)
    begun = time.monotonic()
    asked = begun
    while identify_key(made.secret) is not None:
        assert asked - begun <= limits.API_KEY_FRESH_SECONDS
        time.sleep(0.02)
        asked = time.monotonic()


def test_a_look_up_that_arrives_after_the_revocation_does_not_bring_the_key_back():
    known = Fresh[str](seconds=0.5, most=10)
    begun = time.monotonic()
    known.forget("key")
    known.put("key", "Ada", asked_at=begun)
    assert known.get("key") is None
    time.sleep(0.55)
    known.put("key", "Ada", asked_at=begun)
    assert known.get("key") is None
    known.put("key", "Ada", asked_at=time.monotonic())
    assert known.get("key") == "Ada"


def test_no_more_is_remembered_than_is_named():
    known = Fresh[int](seconds=60, most=3)
    for number in range(10):
        known.put(str(number), number, asked_at=time.monotonic())
    assert len(known) == 3
    assert [known.get(name) for name in ("6", "7", "9")] == [None, 7, 9]


def test_guesses_are_nobody_s_and_push_no_key_out(person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_keys, "_unknown", Fresh[str](seconds=60, most=5))
    monkeypatch.setattr(api_keys, "_known", Fresh[Caller](seconds=60, most=5))
    made = create_key(person, "Notebook")
    assert identify_key(made.secret) is not None
    for guess in [f"{KEY_PREFIX}{number}" for number in range(10)]:
        assert identify_key(guess) is None
    assert len(api_keys._unknown) == 5
    assert api_keys._known.get(hashlib.sha256(made.secret.encode()).hexdigest()) is not None


@pytest.mark.parametrize(
    "secret", ["", "loom-sk-", "loom-sk", "sk-ant-1234567890", "loom-sk-\ud800", "loom-sk-" + "x" * 10_000]
)
def test_what_is_no_key_is_nobody_s(books, secret: str):
    assert identify_key(secret) is None


def test_somebody_else_s_key_is_not_found_and_lives_on(person: str):
    made = create_key(person, "Notebook")
    with pytest.raises(NotFound):
        revoke_key(new_person(), made.key.id)
    with pytest.raises(NotFound):
        revoke_key(person, "key_nothing")
    assert identify_key(made.secret) is not None


def test_of_many_who_make_keys_at_once_none_gets_past_the_number_that_is_allowed(person: str, monkeypatch):
    monkeypatch.setattr(limits, "MAX_API_KEYS_PER_PERSON", 3)

    def make(_: int) -> bool:
        try:
            create_key(person, "One of many")
        except InvalidInput:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 3
    revoke_key(person, my_keys(person)[0].id)
    create_key(person, "Room again")
    assert len(my_keys(person)) == 3
    create_key(new_person(), "Somebody else's do not count")


def test_the_last_use_is_written_and_at_most_once_a_minute(person: str, monkeypatch: pytest.MonkeyPatch):
    made = create_key(person, "Notebook")
    assert made.key.last_used_at is None
    assert use_and_wait(made.secret) is not None
    (before,) = my_keys(person)
    assert before.last_used_at is not None
    assert abs((now() - before.last_used_at).total_seconds()) < 30
    # Another process that knows nothing of this one's memory writes nothing either.
    monkeypatch.setattr(api_keys, "_noted", Fresh[str](seconds=60, most=10))
    use_and_wait(made.secret)
    assert my_keys(person) == [before]
    with transaction() as session:
        old = before.last_used_at.replace(year=2020)
        session.connection().execute(update(ApiKey).where(col(ApiKey.id) == made.key.id).values(last_used_at=old))
    use_and_wait(made.secret)
    assert my_keys(person) == [replace(before, last_used_at=old)]
    monkeypatch.setattr(api_keys, "_noted", Fresh[str](seconds=60, most=10))
    use_and_wait(made.secret)
    used_at = my_keys(person)[0].last_used_at
    assert used_at is not None
    assert used_at > before.last_used_at


def use_and_wait(secret: str) -> Caller | None:
    caller = identify_key(secret)
    api_keys._writer.submit(int).result(timeout=10)
    return caller
