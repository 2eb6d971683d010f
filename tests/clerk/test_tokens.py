"""Which session tokens of Clerk's are believed. The rows are those of the Identity family in what goes wrong."""

import time
from collections.abc import Callable

import pytest

from projectloom import limits
from projectloom.clerk import BadToken, verify_token
from projectloom.clerk.tokens import ClerkSession
from tests.clerk.conftest import HERE
from tests.clerk_double import ClerkDouble, rsa_key
from tests.conftest import forget_settings

ADA = "user_ada"
NOW = int(time.time())


def test_a_token_that_clerk_signed_for_one_of_our_pages_is_believed(clerk: ClerkDouble):
    assert verify_token(clerk.token(ADA, HERE)) == ClerkSession(ADA)
    # Of the first version of Clerk's tokens, which say nothing of a session's state.
    assert verify_token(clerk.token(ADA, HERE, sts=None, v=None)) == ClerkSession(ADA)


def _skewed(seconds: int) -> int:
    return int(time.time()) + seconds


ROWS: dict[str, Callable[[ClerkDouble], str]] = {
    "no token": lambda _: "",
    "no token but text": lambda _: "not.a.token",
    "expired": lambda one: one.token(ADA, HERE, exp=_skewed(-limits.CLERK_SKEW_SECONDS - 1)),
    "not yet valid": lambda one: one.token(ADA, HERE, nbf=_skewed(limits.CLERK_SKEW_SECONDS + 2)),
    "made in the future": lambda one: one.token(ADA, HERE, iat=_skewed(limits.CLERK_SKEW_SECONDS + 2)),
    "alg none": lambda one: one.unsigned(ADA, HERE),
    "HS256 with the public key": lambda one: one.forged_with_the_public_key(ADA, HERE),
    "another key under the same name": lambda one: one.token(ADA, HERE, key=_impostor(one)),
    "a key that Clerk does not have": lambda one: one.token(ADA, HERE, key=rsa_key("ins_other")),
    "wrong azp": lambda one: one.token(ADA, "https://evil.example"),
    "azp of another port": lambda one: one.token(ADA, "http://localhost:3001"),
    "no azp": lambda one: one.token(ADA, HERE, azp=None),
    "wrong iss": lambda one: one.token(ADA, HERE, iss="https://evil.clerk.accounts.dev"),
    "no iss": lambda one: one.token(ADA, HERE, iss=None),
    "no exp": lambda one: one.token(ADA, HERE, exp=None),
    "an exp that never comes": lambda one: one.token(ADA, HERE, exp=float("inf")),
    "an exp that is no number": lambda one: one.token(ADA, HERE, exp="9999999999"),
    "no sub": lambda one: one.token(ADA, HERE, sub=None),
    "an empty sub": lambda one: one.token("", HERE),
    "a sub that is no text": lambda one: one.token(ADA, HERE, sub=["user_ada"]),
    "pending session": lambda one: one.token(ADA, HERE, sts="pending"),
    "cut short": lambda one: one.token(ADA, HERE)[:-4],
    "the words of another": lambda one: _spliced(one, "user_eve"),
    "larger than a cookie can be": lambda one: one.token(ADA, HERE, more="x" * limits.MAX_TOKEN_CHARS),
    "half a character": lambda _: "\ud800.\ud800.\ud800",
}


def _impostor(one: ClerkDouble):
    key = rsa_key("impostor")
    return type(key).import_key(key.as_dict(private=True) | {"kid": one.key.kid})


def _spliced(one: ClerkDouble, other: str) -> str:
    header, _, signature = one.token(ADA, HERE).split(".")
    return ".".join((header, one.token(other, HERE).split(".")[1], signature))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("keys", ["jwks", "pem"])
def test_what_is_no_token_of_ours_is_nobody_s(clerk: ClerkDouble, monkeypatch, row: str, keys: str):
    if keys == "pem":
        monkeypatch.setenv("CLERK_JWT_KEY", clerk.pem())
        forget_settings()
    assert verify_token(clerk.token(ADA, HERE)) == ClerkSession(ADA)  # the door works: the row alone is refused
    with pytest.raises(BadToken):
        verify_token(ROWS[row](clerk))


def test_clocks_may_differ_by_what_is_said(clerk: ClerkDouble):
    late, early = _skewed(-limits.CLERK_SKEW_SECONDS + 2), _skewed(limits.CLERK_SKEW_SECONDS - 2)
    assert verify_token(clerk.token(ADA, HERE, exp=late)) == ClerkSession(ADA)
    assert verify_token(clerk.token(ADA, HERE, nbf=early, iat=early)) == ClerkSession(ADA)


def test_a_refusal_names_the_rule_and_never_the_token(clerk: ClerkDouble):
    token = clerk.token(ADA, HERE, iss="https://evil.example")
    with pytest.raises(BadToken, match=r"^iss$") as refused:
        verify_token(token)
    assert token not in repr(refused.value)


def test_with_a_pem_clerk_is_asked_for_nothing(clerk: ClerkDouble, monkeypatch):
    monkeypatch.setenv("CLERK_JWT_KEY", clerk.pem().replace("\n", "\\n"))  # as a file of settings has it
    forget_settings()
    clerk.down = True
    assert verify_token(clerk.token(ADA, HERE)) == ClerkSession(ADA)
    assert clerk.asked == []


def test_where_clerk_is_off_its_tokens_are_nobody_s(clerk: ClerkDouble, monkeypatch):
    token = clerk.token(ADA, HERE)
    for name in clerk.environment:
        monkeypatch.delenv(name)
    forget_settings()
    with pytest.raises(BadToken):
        verify_token(token)
