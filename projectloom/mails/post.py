"""The ways out: a mail server over SMTP where one is configured, else the sandbox's mailbox over HTTP.

Both wait no longer than the named time for each answer. Call them in a thread, and outside any transaction.
"""

import smtplib
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import httpx2

from projectloom import limits
from projectloom.config import settings
from projectloom.mails.models import MailOut

# What speaks TLS from the first byte: https://www.rfc-editor.org/rfc/rfc8314#section-3.3
_TLS_PORT = 465
_SANDBOX_SENDER = "sandbox@projectloom.invalid"


class UnfitMail(ValueError):
    """A mail that no attempt can send: its address or subject is none."""


class PostFailed(Exception):
    """The mail was not taken. ``others_may_pass`` says whether that was about this mail alone."""

    def __init__(self, reason: str, *, others_may_pass: bool) -> None:
        super().__init__(reason)
        self.others_may_pass = others_may_pass


def as_message(mail: MailOut) -> EmailMessage:
    """The mail as it is sent (RFC 5322).

    Raises:
        UnfitMail: an address or the subject holds a line break, or an address is none.
    """
    message = EmailMessage(policy=SMTP)
    sender = settings().smtp_from or _SANDBOX_SENDER
    try:
        message["From"] = Address("ProjectLoom", addr_spec=sender)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(mail.created_at)
        message["Message-ID"] = f"<{mail.id}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.body)
    except (ValueError, IndexError, MessageError) as error:
        raise UnfitMail(type(error).__name__) from error
    return message


def post_mail(mail: MailOut) -> None:
    """Hand one mail over.

    Raises:
        UnfitMail: it can never be sent.
        PostFailed: not this time.
    """
    message = as_message(mail)
    try:
        if settings().smtp_host:
            _to_server(message, mail.to)
        else:
            _to_sandbox(mail)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        raise PostFailed(_reason(error), others_may_pass=True) from error
    except httpx2.HTTPStatusError as error:
        raise PostFailed(f"HTTP {error.response.status_code}", others_may_pass=True) from error
    except (OSError, httpx2.HTTPError) as error:
        raise PostFailed(_reason(error), others_may_pass=False) from error


def _to_server(message: EmailMessage, to: str) -> None:
    with open_server() as server:
        server.send_message(message, from_addr=settings().smtp_from, to_addrs=[to])


@contextmanager
def open_server() -> Generator[smtplib.SMTP]:
    """The configured mail server, ready to take a mail.

    Raises:
        OSError: it does not answer, or (SMTPException) refuses what is configured.
    """
    known = settings()
    host, port, limit = known.smtp_host or "", known.smtp_port, limits.MAIL_TIMEOUT_SECONDS
    if port == _TLS_PORT:
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=limit, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(host, port, timeout=limit)
    try:
        if port != _TLS_PORT and known.smtp_starttls:
            server.starttls(context=ssl.create_default_context())
        if known.smtp_username and known.smtp_password:
            server.login(known.smtp_username, known.smtp_password.get_secret_value())
        yield server
    finally:
        # What was accepted stays accepted, however the server says goodbye.
        with suppress(OSError):
            server.quit()
        server.close()


def _to_sandbox(mail: MailOut) -> None:
    letter = {"id": mail.id, "to": mail.to, "kind": mail.kind, "subject": mail.subject, "body": mail.body}
    letter["created"] = str(int(mail.created_at.timestamp()))
    # This server speaks to itself: no proxy stands between.
    with httpx2.Client(timeout=limits.MAIL_TIMEOUT_SECONDS, trust_env=False) as client:
        client.post(settings().sandbox_mailbox_url, json=letter).raise_for_status()


def _reason(error: Exception) -> str:
    # A server's own words may repeat what it was sent; its code says enough.
    code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
    return type(error).__name__ + code
