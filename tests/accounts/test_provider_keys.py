"""People's own keys: sealed in the database, opened only for their person, provider and master secret."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from projectloom import db, limits
from projectloom.accounts.keys import hint_of, open_key, store_key
from projectloom.accounts.models import ProviderKey
from projectloom.accounts.users import create_user
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.workspace.preferences import delete_provider_key, provider_keys, save_provider_key

KEY = "sk-ant-api03-ThisIsNobodysKey-abcd"
MASTER = "m" * 32
OTHER_MASTER = "n" * 32


@pytest.fixture
def stranger(books) -> str:
    with transaction() as session:
        return create_user(session, email="stranger@example.org", password_hash=None).id


def opened(user_id: str, provider: str = "anthropic", master: str | None = None) -> str | None:
    with reading() as session:
        return open_key(session, user_id=user_id, provider=provider, master_secret=master or settings().master_secret)


def test_a_stored_key_is_shown_as_a_hint_and_opened_for_its_person(person: str):
    view = save_provider_key(person, "anthropic", f"  {KEY}\n")
    assert (view.provider, view.hint) == ("anthropic", "sk-ant-…abcd")
    assert provider_keys(person) == [view]
    assert opened(person) == KEY
    assert opened(person, "openai") is None


def test_the_key_appears_nowhere_in_the_database(person: str, books: Engine):
    save_provider_key(person, "anthropic", KEY)
    with reading() as session:
        row = session.get_one(ProviderKey, (person, "anthropic"))
    shown = repr(row).encode() + row.sealed
    if books.dialect.name == "sqlite":
        db.engine().dispose()
        shown += b"".join(path.read_bytes() for path in Path(settings().data_dir).glob("projectloom.db*"))
        assert person.encode() in shown
    assert KEY.encode() not in shown
    assert KEY[7:-4].encode() not in shown
    assert settings().master_secret.encode() not in shown


def test_the_same_key_is_sealed_differently_each_time(person: str):
    sealed = set()
    for _ in range(3):
        save_provider_key(person, "anthropic", KEY)
        with reading() as session:
            sealed.add(session.get_one(ProviderKey, (person, "anthropic")).sealed)
    assert len(sealed) == 3


def test_a_row_copied_to_another_person_or_provider_cannot_be_opened(person: str, stranger: str):
    save_provider_key(person, "anthropic", KEY)
    with transaction() as session:
        row = session.get_one(ProviderKey, (person, "anthropic"))
        for user_id, provider in ((stranger, "anthropic"), (person, "openai")):
            copy = row.model_dump() | {"user_id": user_id, "provider": provider}
            session.add(ProviderKey(**copy))
    assert opened(stranger) is None
    assert opened(person, "openai") is None
    assert opened(person) == KEY


@pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""], ids=range(3))
def test_a_row_that_was_tampered_with_is_not_opened(person: str, harm):
    save_provider_key(person, "anthropic", KEY)
    with transaction() as session:
        row = session.get_one(ProviderKey, (person, "anthropic"))
        row.sealed = harm(row.sealed)
        session.add(row)
    assert opened(person) is None


def test_under_another_master_secret_there_is_no_key(person: str):
    with transaction() as session:
        store_key(session, user_id=person, provider="anthropic", api_key=KEY, master_secret=MASTER)
    assert opened(person, master=MASTER) == KEY
    assert opened(person, master=OTHER_MASTER) is None
    with transaction() as session:
        row = session.get_one(ProviderKey, (person, "anthropic"))
        store_key(session, user_id=person, provider="openai", api_key="sk-proj-12345678", master_secret=OTHER_MASTER)
        other = session.get_one(ProviderKey, (person, "openai"))
        assert row.key_id != other.key_id
        # A row that only says that it is of this secret is not opened either.
        row.key_id = other.key_id
    assert opened(person, master=OTHER_MASTER) is None


@pytest.mark.parametrize(
    "key", ["", " ", "short", "sk ant with spaces", "sk-ünïcode-12345", "sk-\x00-12345678", "k\ney-12345678"], ids=repr
)
def test_what_cannot_be_a_key_is_refused_and_the_old_one_stays(person: str, key: str):
    save_provider_key(person, "openai", "sk-proj-before-1234")
    with pytest.raises(InvalidInput) as refused:
        save_provider_key(person, "openai", key)
    assert not key.strip() or key not in refused.value.message
    assert opened(person, "openai") == "sk-proj-before-1234"


def test_a_key_over_the_limit_is_refused(person: str):
    with pytest.raises(InvalidInput):
        save_provider_key(person, "openai", "k" * (limits.MAX_API_KEY_CHARS + 1))


def test_an_unknown_provider_is_refused(person: str):
    with pytest.raises(InvalidInput):
        save_provider_key(person, "mistral", KEY)
    with pytest.raises(InvalidInput):
        delete_provider_key(person, "mistral")


def test_a_deleted_key_is_gone_and_nobody_deletes_another_person_s(person: str, stranger: str):
    save_provider_key(person, "anthropic", KEY)
    with pytest.raises(NotFound):
        delete_provider_key(stranger, "anthropic")
    assert provider_keys(stranger) == []
    delete_provider_key(person, "anthropic")
    assert provider_keys(person) == []
    assert opened(person) is None
    with pytest.raises(NotFound):
        delete_provider_key(person, "anthropic")


@pytest.mark.parametrize(
    ("key", "hint"),
    [("sk-proj-1234567890", "sk-proj-…7890"), ("sk-1234567890", "sk-…7890"), ("gateway-token-xyz", "…-xyz")],
)
def test_a_hint_is_the_public_prefix_and_four_characters(key: str, hint: str):
    assert hint_of(key) == hint
