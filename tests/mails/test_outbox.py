"""A mail is written once, stands or falls with its transaction, and is claimed by one."""

from datetime import timedelta

import pytest

from projectloom import limits
from projectloom.clock import now
from projectloom.db import reading, transaction
from projectloom.mails.models import MailKind
from projectloom.mails.outbox import claim_mail, due_mails, put_mail
from tests.mails.conftest import write, written


def due(moment=None) -> list[str]:
    with reading() as session:
        return due_mails(session, moment=moment or now(), limit=10, webhooks=False)


def claimed(mail_id: str) -> bool:
    with transaction() as session:
        return claim_mail(session, mail_id=mail_id, moment=now()) is not None


def test_the_same_thing_is_told_once(person: str):
    assert [write(person), write(person, subject="Again"), write(person, "purchase:2")] == [True, False, True]
    assert [mail.subject for mail in written()] == ["Your purchase", "Your purchase"]


def test_a_mail_falls_with_its_transaction(person: str):
    mail = {"user_id": person, "to": "a@example.org", "kind": MailKind.PURCHASE, "subject": "s", "body": "b"}

    def write_and_fail() -> None:
        with transaction() as session:
            put_mail(session, **mail, dedupe_key="k")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert written() == []


def test_a_mail_is_claimed_by_one_until_the_claim_runs_out(person: str):
    write(person)
    (mail_id,) = due()
    assert [claimed(mail_id), claimed(mail_id)] == [True, False]
    assert due() == []
    assert due(now() + timedelta(seconds=limits.MAIL_CLAIM_SECONDS + 1)) == [mail_id]


def test_old_news_is_not_sent(person: str):
    write(person)
    assert due(now() + timedelta(days=limits.MAIL_DAYS, seconds=1)) == []
