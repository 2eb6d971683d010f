"""Clerk's keys are asked for seldom, and in time."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from projectloom import limits
from projectloom.clerk import BadToken, verify_token
from projectloom.errors import SignInUnavailable
from tests.clerk.conftest import HERE
from tests.clerk_double import ClerkDouble, rsa_key


def believed(clerk: ClerkDouble, **options) -> bool:
    try:
        return bool(verify_token(clerk.token("user_ada", HERE, **options)))
    except BadToken:
        return False


def test_keys_are_asked_for_once_however_many_come_at_the_same_moment(clerk: ClerkDouble):
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: believed(clerk), range(32)))
    assert clerk.asked == ["/.well-known/jwks.json"]


def test_a_new_key_of_clerk_s_is_found_at_once_and_the_old_one_is_over(clerk: ClerkDouble, monkeypatch):
    monkeypatch.setattr(limits, "CLERK_KEYS_PAUSE_SECONDS", 0.0)
    assert believed(clerk)
    old, clerk.key = clerk.key, rsa_key("ins_2")
    assert believed(clerk)
    assert not believed(clerk, key=old)
    assert believed(clerk)


def test_unknown_keys_make_us_ask_no_oftener_than_the_pause(clerk: ClerkDouble):
    assert believed(clerk)
    for number in range(20):
        assert not believed(clerk, key=rsa_key(f"ins_unknown_{number % 2}"))
    assert len(clerk.asked) <= 2
    assert believed(clerk)


def test_old_keys_are_asked_for_again(clerk: ClerkDouble, monkeypatch):
    monkeypatch.setattr(limits, "CLERK_KEYS_SECONDS", 0.0)
    monkeypatch.setattr(limits, "CLERK_KEYS_PAUSE_SECONDS", 0.0)
    assert believed(clerk)
    assert believed(clerk)
    assert len(clerk.asked) == 2


def test_while_clerk_is_down_who_is_known_goes_on_and_who_is_not_is_told_to_wait(clerk: ClerkDouble, monkeypatch):
    clerk.down = True
    with pytest.raises(SignInUnavailable):
        believed(clerk)
    asked = len(clerk.asked)
    with pytest.raises(SignInUnavailable):
        believed(clerk)  # and is not asked again at once
    assert len(clerk.asked) == asked
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + limits.CLERK_KEYS_RETRY_SECONDS)
    clerk.down = False
    assert believed(clerk)
    clerk.down = True
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + limits.CLERK_KEYS_SECONDS)
    assert believed(clerk)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "RS512"},
        {"use": "enc"},
        {"kty": "oct"},
        {"n": "AQAB"},
        {"n": 7},
        {"kid": None},
    ],
    ids=repr,
)
def test_a_key_that_is_not_for_this_is_none(clerk: ClerkDouble, monkeypatch, change):
    class Listed:
        kid = clerk.key.kid

        def as_dict(self, *, private: bool):
            del private
            return rsa_key("ins_1").as_dict(private=False) | change

    token = clerk.token("user_ada", HERE)
    clerk.key = Listed()  # type: ignore[assignment]
    with pytest.raises(SignInUnavailable):  # there is no key at all that could be used
        verify_token(token)
