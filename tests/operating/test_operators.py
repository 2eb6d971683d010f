"""Who may operate is decided by the server's own setting and the session, and by nothing else."""

import re

import pytest

from projectloom.__main__ import main
from projectloom.config import ConfigurationError, read_settings, settings
from projectloom.errors import InvalidCredentials, NotFound
from projectloom.operating.operators import is_operator, operator
from projectloom.workspace.api_keys import create_key, identify_key
from projectloom.workspace.identity import Person, identify, sign_in, sign_up

ADA = Person("usr_1", "ada@example.org", confirmed=True)


@pytest.mark.parametrize(
    "named", ["ada@example.org", " Ada@Example.org ,bob@example.org", "b@example.org,ADA@EXAMPLE.ORG,"]
)
def test_whoever_the_setting_names_is_an_operator(monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.setenv("ADMIN_EMAILS", named)
    settings.cache_clear()
    assert is_operator(ADA)
    assert operator(ADA) == ADA


@pytest.mark.parametrize("named", ["", "bob@example.org", "xada@example.org", "ada@example.org.evil.example"])
def test_nobody_else_is_one(monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.setenv("ADMIN_EMAILS", named)
    settings.cache_clear()
    for person in (ADA, None):
        assert not is_operator(person)
        with pytest.raises(NotFound):
            operator(person)


def test_an_address_that_nobody_confirmed_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ADMIN_EMAILS", "ada@example.org")
    settings.cache_clear()
    assert not is_operator(Person("usr_1", "ada@example.org"))


def test_who_owns_the_server_confirms_an_address_by_hand_and_whoever_signed_up_with_it_is_out(
    books, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("ADMIN_EMAILS", "ada@example.org")
    settings.cache_clear()
    made = sign_up("ada@example.org", "correct horse battery")
    key = create_key(made.person.user_id, "Theirs").secret
    assert not is_operator(identify(made.token))
    monkeypatch.setattr("sys.argv", ["projectloom", "confirm", " Ada@Example.org"])
    assert main() == 0
    assert (identify(made.token), identify_key(key)) == (None, None)
    with pytest.raises(InvalidCredentials):
        sign_in("ada@example.org", "correct horse battery")
    password = re.search(r"another now: (\S+)", capsys.readouterr().out)
    assert password is not None
    signed_in = sign_in("ada@example.org", password[1])
    assert is_operator(identify(signed_in.token))
    # Once it is confirmed, the command changes nothing more.
    assert main() == 0
    assert is_operator(identify(signed_in.token))
    assert "another now" not in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["projectloom", "confirm", "nobody@example.org"])
    assert main() == 2


def test_a_password_that_its_person_surely_chose_can_be_kept(books, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ADMIN_EMAILS", "ada@example.org")
    settings.cache_clear()
    token = sign_up("ada@example.org", "correct horse battery").token
    monkeypatch.setattr("sys.argv", ["projectloom", "confirm", "ada@example.org", "--keep-password"])
    assert main() == 0
    assert identify(token) is None
    assert is_operator(identify(sign_in("ada@example.org", "correct horse battery").token))


@pytest.mark.parametrize("named", ["ada", "ada@example.org bob@example.org", "a@b.c,@"])
def test_a_setting_that_names_no_address_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.setenv("ADMIN_EMAILS", named)
    with pytest.raises(ConfigurationError, match="ADMIN_EMAILS"):
        read_settings()
