"""Alerts: what a person must look at, told to the operator once for each cause.

An alert is written in the transaction in which the trouble is found, so it is there exactly when the trouble is. It
goes to the operator's address, to the operator's webhook, or to both, and is sent as mails are. It names orders,
replies and events by their ids, and never says who bought or asked.
"""

import logging

from sqlmodel import Session

from projectloom.config import settings
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import put_mail

_log = logging.getLogger(__name__)

# In place of the address of the webhook, which may itself be a secret and is read when it is called.
TO_WEBHOOK = "webhook"


def alert(session: Session, *, key: str, subject: str, words: str) -> None:
    """Log an error, and tell the operator unless an alert with this key was written before.

    Without ``ALERT_EMAIL`` and ``ALERT_WEBHOOK_URL`` the log is all there is; the sandbox has an address of its own.
    """
    _log.error("%s: %s", subject, words, extra={"alert": key})
    to = settings().alert_address
    if to is not None:
        body = f"{words}\n\nThis server is {settings().public_url}\n"
        _put(session, to=to, kind=MailKind.ALERT, subject=subject, body=body, dedupe_key=f"alert:{key}")
    if settings().alert_webhook_url is not None:
        named = f"{WEBHOOK_KEY}{key}"
        _put(session, to=TO_WEBHOOK, kind=MailKind.ALERT_WEBHOOK, subject=subject, body=words, dedupe_key=named)


WEBHOOK_KEY = "alert_webhook:"


def _put(session: Session, *, to: str, kind: MailKind, subject: str, body: str, dedupe_key: str) -> None:
    put_mail(session, user_id=None, to=to, kind=kind, subject=subject, body=body, dedupe_key=dedupe_key)
