"""A person's preferences and provider keys. The stored mode is what every call obeys; browsers only mirror it."""

from dataclasses import dataclass
from datetime import datetime

from projectloom import limits
from projectloom.accounts.keys import PROVIDERS, delete_key, list_keys, store_key
from projectloom.accounts.models import Preference
from projectloom.accounts.preferences import read_preference, store_preference
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput
from projectloom.money import Nanos
from projectloom.texts import is_storable

API_KEY_MODES = ("own", "credits")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose."""

    api_key_mode: str
    default_model: str | None
    guide: str = "new"
    """The first-run guide: ``new``, ``closed``, or ``again`` while it is asked for once more."""
    favourites: tuple[str, ...] = ()
    """The models that they like best, the first chosen first."""
    cheaper_told: bool = True
    """Whether a cheaper model is pointed out where it would do."""


def read_preferences(user_id: str) -> Preferences:
    """A person's preferences; own keys until they chose otherwise."""
    with reading() as session:
        return _preferences(read_preference(session, user_id=user_id))


def set_guide(user_id: str, guide: str) -> None:
    """Put the guide away (``closed``) or show it once more (``again``). Raises InvalidInput for anything else."""
    if guide not in ("closed", "again"):
        raise InvalidInput("The guide is 'closed' or 'again'.")
    with transaction() as session:
        store_preference(session, user_id=user_id, guide=guide)


def set_api_key_mode(user_id: str, mode: object) -> Preferences:
    """Choose who pays from now on. Turns that are under way keep their payer.

    Raises:
        InvalidInput: not ``own`` or ``credits``.
    """
    if mode not in API_KEY_MODES:
        raise InvalidInput("apiKeyMode must be 'own' or 'credits'.")
    with transaction() as session:
        return _preferences(store_preference(session, user_id=user_id, api_key_mode=str(mode)))


def set_default_model(user_id: str, model: str) -> None:
    """Remember the model that a person chose last. Raises InvalidInput for what cannot be a model's name."""
    _require_name(model)
    with transaction() as session:
        store_preference(session, user_id=user_id, default_model=model)


def set_favourite(user_id: str, model: str, *, liked: bool) -> tuple[str, ...]:
    """Put a model among a person's favourites, or take it from them; the favourites afterwards.

    Raises:
        InvalidInput: that cannot be a model's name, or there are too many.
    """
    _require_name(model)
    with transaction() as session:
        # Written first, so that of two clicks at once none is lost.
        row = store_preference(session, user_id=user_id)
        kept = [one for one in row.favourites.split() if one != model] + ([model] if liked else [])
        if len(kept) > limits.MAX_FAVOURITES:
            raise InvalidInput(f"You have {limits.MAX_FAVOURITES} favourites already. Take one away first.")
        store_preference(session, user_id=user_id, favourites=" ".join(kept))
        return tuple(kept)


def set_cheaper_told(user_id: str, *, told: bool) -> None:
    """Point a cheaper model out where it would do, or never again."""
    with transaction() as session:
        store_preference(session, user_id=user_id, cheaper_told=told)


def _require_name(model: str) -> None:
    if not is_storable(model) or not model or len(model) > limits.MAX_TITLE_CHARS or len(model.split()) != 1:
        raise InvalidInput("That is not a model.")


def _preferences(row: Preference) -> Preferences:
    favourites = tuple(row.favourites.split())
    return Preferences(row.api_key_mode, row.default_model, row.guide, favourites, row.cheaper_told)


@dataclass(frozen=True, slots=True)
class KeyView:
    """A stored key as it may be shown."""

    provider: str
    hint: str
    limit_month_nanos: Nanos | None = None
    created_at: datetime | None = None


def provider_keys(user_id: str) -> list[KeyView]:
    """The keys that a person keeps here, as hints."""
    with reading() as session:
        return [
            KeyView(row.provider, row.hint, _nanos(row.limit_month_nanos), row.created_at)
            for row in list_keys(session, user_id=user_id)
        ]


def save_provider_key(user_id: str, provider: str, api_key: str) -> KeyView:
    """Keep (or replace) a person's key. A limit that was set for its provider stays.

    Raises InvalidInput as :func:`projectloom.accounts.keys.store_key`.
    """
    with transaction() as session:
        row = store_key(
            session, user_id=user_id, provider=provider, api_key=api_key, master_secret=settings().master_secret
        )
        return KeyView(row.provider, row.hint, _nanos(row.limit_month_nanos), row.created_at)


def delete_provider_key(user_id: str, provider: str) -> None:
    """Forget a person's key. Raises NotFound when there is none."""
    if provider not in PROVIDERS:
        raise InvalidInput("Unknown provider.")
    with transaction() as session:
        delete_key(session, user_id=user_id, provider=provider)


def _nanos(limit: int | None) -> Nanos | None:
    return None if limit is None else Nanos(limit)
