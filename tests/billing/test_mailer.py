"""The outbox is emptied: a failure is tried again, a hopeless mail is given up, and nothing is sent twice."""

import logging
from datetime import timedelta

import pytest
from sqlalchemy import update

from projectloom import limits
from projectloom.billing.mailer import send_due_mails, warn_unless_sending
from projectloom.clock import now
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.mails.models import MailOut
from tests.live import free_port
from tests.mails.conftest import mail_server, write, written
from tests.mails.smtp_double import SmtpDouble

__all__ = ["mail_server"]


def make_due() -> None:
    """Let the pauses pass."""
    with transaction() as session:
        waiting = update(MailOut).where(MailOut.__table__.c.next_try_at.is_not(None))
        session.connection().execute(waiting.values(next_try_at=now() - timedelta(seconds=1)))


def test_what_is_due_is_sent_once(person: str, mail_server: SmtpDouble):
    write(person, "a")
    write(person, "b")
    assert [send_due_mails(), send_due_mails()] == [2, 0]
    assert len(mail_server.mails) == 2
    assert all(mail.sent_at and mail.next_try_at is None and mail.error is None for mail in written())


def test_a_mail_that_was_refused_is_sent_later_and_holds_up_no_other(person: str, mail_server: SmtpDouble):
    write(person, "a")
    write(person, "b")
    mail_server.refused = [b"451 Try again later"]
    assert [send_due_mails(), send_due_mails()] == [1, 0]
    first = written()[0]
    assert (first.attempts, first.error, first.sent_at) == (1, "SMTPRecipientsRefused", None)
    assert first.next_try_at is not None
    assert first.next_try_at > now()
    make_due()
    assert send_due_mails() == 1
    assert (written()[0].error, len(mail_server.mails)) == (None, 2)


def test_a_silent_server_is_asked_once_a_run(person: str, mail_server: SmtpDouble, monkeypatch):
    monkeypatch.setenv("SMTP_PORT", str(free_port()))
    settings.cache_clear()
    write(person, "a")
    write(person, "b")
    assert send_due_mails() == 0
    assert [mail.attempts for mail in written()] == [1, 0]


def test_a_mail_is_given_up_after_the_named_tries_and_keeps_its_error(
    person: str, mail_server: SmtpDouble, monkeypatch
):
    monkeypatch.setattr(limits, "MAIL_TRIES", 3)
    mail_server.refused = [b"550 Nobody"] * 5
    write(person)
    for _ in range(5):
        send_due_mails()
        make_due()
    (mail,) = written()
    assert (mail.attempts, mail.sent_at, mail.next_try_at) == (3, None, None)
    assert mail.error == "SMTPRecipientsRefused"


def test_a_mail_that_nobody_could_send_is_given_up_at_once(person: str, mail_server: SmtpDouble):
    write(person, subject="Hello\nBcc: eve@example.org")
    assert send_due_mails() == 0
    (mail,) = written()
    assert (mail.attempts, mail.next_try_at, mail.error) == (1, None, "ValueError")
    assert mail_server.mails == []


def test_without_a_way_out_mails_stay_and_the_server_says_so(person: str, monkeypatch, caplog):
    write(person)
    monkeypatch.setenv("LOOM_SANDBOX", "off")
    settings.cache_clear()
    with caplog.at_level(logging.WARNING):
        warn_unless_sending()
    assert "mails are not sent: SMTP_HOST is not set" in caplog.text
    assert send_due_mails() == 0
    assert [mail.attempts for mail in written()] == [0]


def test_a_server_that_sends_mails_says_nothing(mail_server: SmtpDouble, caplog):
    with caplog.at_level(logging.WARNING):
        warn_unless_sending()
    assert caplog.text == ""


@pytest.mark.parametrize("attempts", [1, 200])
def test_pauses_grow_to_a_limit(person: str, mail_server: SmtpDouble, attempts: int, monkeypatch):
    monkeypatch.setattr(limits, "MAIL_TRIES", 1_000)
    write(person)
    with transaction() as session:
        session.connection().execute(update(MailOut).values(attempts=attempts))
    mail_server.refused = [b"451 Try again later"]
    send_due_mails()
    pause = (written()[0].next_try_at or now()) - now()
    assert pause <= timedelta(seconds=limits.MAIL_LONGEST_PAUSE_SECONDS)
