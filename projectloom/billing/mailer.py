"""Sending what is in the outbox: claim, send without a transaction, note what came of it.

A mail that was not taken is tried again after growing pauses and given up after the named number of tries; its row
keeps the reason. Where there is no way to send, mails stay where they are.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from projectloom import limits
from projectloom.config import settings
from projectloom.db import database_now, reading, transaction
from projectloom.instruments import OUTBOX_GIVEN_UP
from projectloom.mails.models import MailKind, MailOut
from projectloom.mails.outbox import claim_mail, due_mails, mark_failed, mark_sent
from projectloom.mails.post import PostFailed, UnfitMail, post_mail
from projectloom.mails.webhook import call_webhook

_log = logging.getLogger(__name__)


def warn_unless_sending() -> None:
    """Say once, at the start, that nobody will get a mail."""
    if not settings().sends_mails:
        _log.warning("mails are not sent: SMTP_HOST is not set")


def send_due_mails() -> int:
    """Send what is due, up to the named number a way; how many were sent. When a server is the trouble the rest waits.

    Raises:
        DatabaseUnavailable: the database cannot be reached; a mail that was just sent may be sent again.
    """
    sent = _send_due(post_mail, webhooks=False) if settings().sends_mails else 0
    return sent + (_send_due(call_webhook, webhooks=True) if settings().alert_webhook_url else 0)


def _send_due(send: Callable[[MailOut], None], *, webhooks: bool) -> int:
    with reading() as session:
        due = due_mails(session, moment=database_now(session), limit=limits.MAIL_BATCH, webhooks=webhooks)
    sent = 0
    for mail_id in due:
        with transaction() as session:
            mail = claim_mail(session, mail_id=mail_id, moment=database_now(session))
        if mail is None:
            continue
        try:
            send(mail)
        except UnfitMail as error:
            _note_failure(mail, str(error), last=True)
        except PostFailed as error:
            _note_failure(mail, str(error), last=mail.attempts >= limits.MAIL_TRIES)
            if not error.others_may_pass:
                break
        else:
            with transaction() as session:
                mark_sent(session, mail_id=mail_id, moment=database_now(session))
            sent += 1
    return sent


def _note_failure(mail: MailOut, reason: str, *, last: bool) -> None:
    facts = {"mail_id": mail.id, "reason": reason, "attempts": mail.attempts}
    if last:
        OUTBOX_GIVEN_UP.labels("webhook" if mail.kind == MailKind.ALERT_WEBHOOK else "mail").inc()
        _log.error("mail given up", extra=facts)
    else:
        _log.warning("mail not sent yet", extra=facts)
    pause = min(limits.MAIL_FIRST_PAUSE_SECONDS * 2 ** (mail.attempts - 1), limits.MAIL_LONGEST_PAUSE_SECONDS)
    with transaction() as session:
        again = None if last else database_now(session) + timedelta(seconds=pause)
        mark_failed(session, mail_id=mail.id, error=reason, next_try_at=again)
