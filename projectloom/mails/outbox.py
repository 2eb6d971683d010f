"""The outbox: what is to be told is written in the transaction of what happened, and sent later by a job.

A mail is claimed before it is sent, so that two servers do not send it at once; a server that dies while it sends
leaves a mail that is sent again, under the same ``Message-ID``.
"""

from datetime import datetime, timedelta

from sqlalchemy import not_, update
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.clock import now
from projectloom.db import insert_once
from projectloom.ids import new_id
from projectloom.mails.models import SECRET_KINDS, MailKind, MailOut


def put_mail(
    session: Session, *, user_id: str | None, to: str, kind: MailKind, subject: str, body: str, dedupe_key: str
) -> bool:
    """Write a mail, in plain text, unless one with this key was written before; whether it was written.

    Nothing is checked here: a mail that cannot be sent must not undo the money it tells of.
    """
    moment = now()
    mail = MailOut(
        id=new_id("mail"),
        user_id=user_id,
        to=to,
        kind=kind,
        subject=subject,
        body=body,
        dedupe_key=dedupe_key,
        created_at=moment,
        next_try_at=moment,
    )
    return insert_once(session, MailOut, mail.model_dump(), key=["dedupe_key"])


def written_keys(session: Session, *, dedupe_keys: list[str]) -> set[str]:
    """Which of these keys a mail was written under."""
    return set(session.exec(select(MailOut.dedupe_key).where(col(MailOut.dedupe_key).in_(dedupe_keys))).all())


def due_mails(session: Session, *, moment: datetime, limit: int, webhooks: bool) -> list[str]:
    """Ids of mails to be sent now, or of calls of the webhook, the longest due first.

    What is older than the named days is no news any more.
    """
    is_webhook = col(MailOut.kind) == MailKind.ALERT_WEBHOOK
    query = (
        select(MailOut.id)
        .where(
            col(MailOut.sent_at).is_(None),
            col(MailOut.next_try_at) <= moment,
            is_webhook if webhooks else not_(is_webhook),
            MailOut.attempts < limits.MAIL_TRIES,
            col(MailOut.created_at) > moment - timedelta(days=limits.MAIL_DAYS),
        )
        .order_by(col(MailOut.next_try_at), col(MailOut.id))
        .limit(limit)
    )
    return list(session.exec(query).all())


def claim_mail(session: Session, *, mail_id: str, moment: datetime) -> MailOut | None:
    """Take a due mail for one attempt, which counts from now; None when somebody else has it."""
    claimed = session.connection().execute(
        update(MailOut)
        .where(col(MailOut.id) == mail_id, col(MailOut.sent_at).is_(None), col(MailOut.next_try_at) <= moment)
        .values(attempts=MailOut.attempts + 1, next_try_at=moment + timedelta(seconds=limits.MAIL_CLAIM_SECONDS))
    )
    return session.get_one(MailOut, mail_id, populate_existing=True) if claimed.rowcount == 1 else None


def mark_sent(session: Session, *, mail_id: str, moment: datetime) -> None:
    """Note that a mail is on its way."""
    _note(session, mail_id, sent_at=moment, next_try_at=None, error=None)
    _forget_secret(session, mail_id)


def mark_failed(session: Session, *, mail_id: str, error: str, next_try_at: datetime | None) -> None:
    """Note why an attempt failed, and when the next one is; None gives the mail up."""
    _note(session, mail_id, next_try_at=next_try_at, error=error)
    if next_try_at is None:
        _forget_secret(session, mail_id)


def _forget_secret(session: Session, mail_id: str) -> None:
    secret = update(MailOut).where(col(MailOut.id) == mail_id, col(MailOut.kind).in_(SECRET_KINDS))
    session.connection().execute(secret.values(body=""))


def _note(session: Session, mail_id: str, **values: object) -> None:
    session.connection().execute(update(MailOut).where(col(MailOut.id) == mail_id).values(**values))
