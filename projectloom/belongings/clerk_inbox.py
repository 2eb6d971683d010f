"""The inbox of Clerk's events: keep first, then act; what could not be done yet is tried again by ourselves.

Each event counts once, however often and in whatever order they come: a later change of a person is never undone by an
earlier one, and whoever was deleted stays so. Once an event is handled, nothing of the person is left in it; of
somebody who is not known here the hash of Clerk's id, so that nobody is let in by what was true before it.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta

from sqlmodel import col, select

from projectloom import limits
from projectloom.accounts.clerk import find_by_clerk, find_who_left, follow, hold_clerk_id, mark_of
from projectloom.accounts.models import ClerkEvent
from projectloom.belongings.deleting import delete_because_gone
from projectloom.clerk import ClerkNews, NewsKind, read_news
from projectloom.clock import now
from projectloom.db import database_now, in_thread, insert_once, reading, transaction
from projectloom.errors import DatabaseUnavailable, LoomError
from projectloom.mails.alerts import alert
from projectloom.workspace.identity import forget_person

_log = logging.getLogger(__name__)

_BATCH = 100
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS = 20


async def receive_clerk_event(body: bytes, headers: Mapping[str, str]) -> None:
    """Verify, keep and handle one delivery. Returning means that it is durably recorded.

    Raises:
        NotFound: no signing secret is set. InvalidSignature, InvalidEvent: it cannot be believed or read.
        DatabaseUnavailable: not recorded; it must be sent again.
    """
    news = read_news(body, headers)
    await in_thread(_keep, news)
    await _try(news.id)


async def retry_clerk_events() -> int:
    """Handle again what could not be handled and is due; how many there were.

    Raises:
        DatabaseUnavailable: the database cannot be reached; nothing is lost, ask again.
    """
    due = await in_thread(_due)
    for event_id in due:
        await _try(event_id)
    return len(due)


def _keep(news: ClerkNews) -> None:
    moment = now()
    row = ClerkEvent(
        id=news.id,
        kind=news.kind,
        clerk_id=news.clerk_id,
        email=news.person.email if news.person else None,
        confirmed=news.person.confirmed if news.person else False,
        changed_ms=news.person.changed_ms if news.person else 0,
        received_at=moment,
        # Until it is handled it is due, so that a crash in between loses nothing.
        next_try_at=moment + _FIRST_PAUSE,
    )
    with transaction() as session:
        insert_once(session, ClerkEvent, row.model_dump(), key=["id"])


def _due() -> list[str]:
    with reading() as session:
        query = (
            select(ClerkEvent.id)
            .where(col(ClerkEvent.handled_at).is_(None), col(ClerkEvent.next_try_at) <= database_now(session))
            .order_by(col(ClerkEvent.next_try_at))
            .limit(_BATCH)
        )
        return list(session.exec(query).all())


async def _try(event_id: str) -> None:
    try:
        gone = await in_thread(_handle, event_id)
        if gone is not None:
            await delete_because_gone(gone)
            await in_thread(_finish, event_id)
    except DatabaseUnavailable:
        raise
    except LoomError as error:
        _log.info("event of Clerk's waits", extra={"event_id": event_id, "code": error.code})
        await in_thread(_postpone, event_id, error.code)
    except Exception as error:  # noqa: BLE001 - kept with the event and logged; it is tried again
        _log.exception("event of Clerk's could not be handled", extra={"event_id": event_id})
        await in_thread(_postpone, event_id, type(error).__name__)


def _handle(event_id: str) -> str | None:
    """Do what an event asks for; the id of the person whom it deletes, which is more than one transaction's work."""
    with transaction() as session:
        about = session.exec(select(ClerkEvent.clerk_id).where(ClerkEvent.id == event_id)).one()
        hold_clerk_id(session, clerk_id=about)
        kept = session.get_one(ClerkEvent, event_id, with_for_update=True)
        if kept.handled_at is not None:
            return None
        found = find_by_clerk(session, clerk_id=about) or find_who_left(session, clerk_id=about)
        if kept.kind == NewsKind.DELETED and found is not None and found.deleted_at is None:
            return found.id
        changed = (
            follow(session, clerk_id=about, email=kept.email, confirmed=kept.confirmed, changed_ms=kept.changed_ms)
            if kept.kind == NewsKind.CHANGED
            else None
        )
        _close(kept)
        if found is None and about:
            # They may be on their way in, by what Clerk said of them before.
            kept.clerk_id = mark_of(about)
        session.add(kept)
    if changed is not None:
        forget_person(changed.id)
    return None


def _finish(event_id: str) -> None:
    with transaction() as session:
        kept = session.get_one(ClerkEvent, event_id, with_for_update=True)
        _close(kept)
        session.add(kept)


def _close(kept: ClerkEvent) -> None:
    kept.handled_at, kept.next_try_at, kept.error = now(), None, None
    kept.clerk_id, kept.email = "", None


def _postpone(event_id: str, error: str) -> None:
    with transaction() as session:
        kept = session.get_one(ClerkEvent, event_id, with_for_update=True)
        if kept.handled_at is not None:
            return
        kept.attempts += 1
        kept.error = error
        kept.next_try_at = now() + min(_FIRST_PAUSE * 2 ** min(kept.attempts, _DOUBLINGS), _LONGEST_PAUSE)
        session.add(kept)
        if kept.attempts >= limits.EVENT_TRIES_TO_ALERT:
            alert(
                session,
                key=f"clerk_event_stuck:{kept.id}",
                subject="An event of Clerk's cannot be handled",
                words=f"The event {kept.id} ({kept.kind}) failed {kept.attempts} times: {error}. We keep trying.",
            )
