from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.mails.models import MailKind, MailOut
from projectloom.mails.outbox import put_mail
from tests.mails.smtp_double import SmtpDouble, smtp_double


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpDouble]:
    """A mail server that this process is configured for."""
    with smtp_double() as double:
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_PORT", str(double.port))
        monkeypatch.setenv("SMTP_FROM", "loom@example.org")
        monkeypatch.setenv("SMTP_STARTTLS", "off")
        settings.cache_clear()
        yield double


def write(person: str, key: str = "purchase:1", **changes) -> bool:
    values = {
        "user_id": person,
        "to": "ada@example.org",
        "kind": MailKind.PURCHASE,
        "subject": "Your purchase",
        "body": "Thank you – $25.00.\n\n.\nA line with a dot.\n",
        "dedupe_key": key,
    }
    with transaction() as session:
        return put_mail(session, **(values | changes))


def written() -> list[MailOut]:
    with reading() as session:
        return list(session.exec(select(MailOut).order_by(col(MailOut.id))).all())
