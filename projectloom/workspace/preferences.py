"""A person's preferences and provider keys. The stored mode is what every call obeys; browsers only mirror it."""

from dataclasses import dataclass

from projectloom import limits
from projectloom.accounts.keys import PROVIDERS, delete_key, list_keys, store_key
from projectloom.accounts.preferences import read_preference, store_preference
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput
from projectloom.texts import is_storable

API_KEY_MODES = ("own", "credits")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose."""

    api_key_mode: str
    default_model: str | None


@dataclass(frozen=True, slots=True)
class KeyView:
    """A stored key as it may be shown."""

    provider: str
    hint: str


def read_preferences(user_id: str) -> Preferences:
    """A person's preferences; own keys until they chose otherwise."""
    with reading() as session:
        row = read_preference(session, user_id=user_id)
        return Preferences(row.api_key_mode, row.default_model)


def set_api_key_mode(user_id: str, mode: object) -> Preferences:
    """Choose who pays from now on. Turns that are under way keep their payer.

    Raises:
        InvalidInput: not ``own`` or ``credits``.
    """
    if mode not in API_KEY_MODES:
        raise InvalidInput("apiKeyMode must be 'own' or 'credits'.")
    with transaction() as session:
        row = store_preference(session, user_id=user_id, api_key_mode=str(mode))
        return Preferences(row.api_key_mode, row.default_model)


def set_default_model(user_id: str, model: str) -> None:
    """Remember the model that a person chose last. Raises InvalidInput for what cannot be a model's name."""
    if not is_storable(model) or len(model) > limits.MAX_TITLE_CHARS:
        raise InvalidInput("That is not a model.")
    with transaction() as session:
        store_preference(session, user_id=user_id, default_model=model)


def provider_keys(user_id: str) -> list[KeyView]:
    """The keys that a person keeps here, as hints."""
    with reading() as session:
        return [KeyView(row.provider, row.hint) for row in list_keys(session, user_id=user_id)]


def save_provider_key(user_id: str, provider: str, api_key: str) -> KeyView:
    """Keep (or replace) a person's key. Raises InvalidInput as :func:`projectloom.accounts.keys.store_key`."""
    with transaction() as session:
        row = store_key(
            session, user_id=user_id, provider=provider, api_key=api_key, master_secret=settings().master_secret
        )
        return KeyView(row.provider, row.hint)


def delete_provider_key(user_id: str, provider: str) -> None:
    """Forget a person's key. Raises NotFound when there is none."""
    if provider not in PROVIDERS:
        raise InvalidInput("Unknown provider.")
    with transaction() as session:
        delete_key(session, user_id=user_id, provider=provider)
