"""What a person chose, as rows. A person without a row has the defaults."""

from sqlmodel import Session

from projectloom.accounts.models import Preference
from projectloom.clock import now
from projectloom.db import insert_once


def read_preference(session: Session, *, user_id: str) -> Preference:
    """The person's preferences; defaults that are not stored when they never chose."""
    return session.get(Preference, user_id) or Preference(user_id=user_id)


def store_preference(
    session: Session,
    *,
    user_id: str,
    api_key_mode: str | None = None,
    default_model: str | None = None,
    guide: str | None = None,
    favourites: str | None = None,
    cheaper_told: bool | None = None,
) -> Preference:
    """Change what is given, keep the rest."""
    insert_once(session, Preference, Preference(user_id=user_id).model_dump(), key=["user_id"])
    row = session.get_one(Preference, user_id, with_for_update=True)
    if api_key_mode is not None:
        row.api_key_mode = api_key_mode
    if default_model is not None:
        row.default_model = default_model
    if guide is not None:
        row.guide = guide
    if favourites is not None:
        row.favourites = favourites
    if cheaper_told is not None:
        row.cheaper_told = cheaper_told
    row.updated_at = now()
    session.add(row)
    session.flush()
    return row
