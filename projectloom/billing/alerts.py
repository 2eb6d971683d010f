"""Alerts: what a person must look at, told to the operator once for each cause.

An alert is written in the transaction in which the trouble is found, so it is there exactly when the trouble is. It
names orders and events by their ids, and never says who bought.
"""

import logging

from sqlmodel import Session

from projectloom.config import settings
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail

_log = logging.getLogger(__name__)


def alert(session: Session, *, key: str, subject: str, words: str) -> None:
    """Log an error, and mail it to the operator unless one with this key was written before.

    Without an address (``ALERT_EMAIL``) the log is all there is; the sandbox has one of its own.
    """
    _log.error("%s: %s", subject, words, extra={"alert": key})
    to = settings().alert_address
    if to is None:
        return
    body = f"{words}\n\nThis server is {settings().public_url}\n"
    put_mail(session, user_id=None, to=to, kind=MailKind.ALERT, subject=subject, body=body, dedupe_key=f"alert:{key}")
