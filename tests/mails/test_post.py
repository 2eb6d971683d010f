"""Over SMTP to a real port: what arrives, what is refused, and what is never sent."""

import pytest

from projectloom import limits
from projectloom.config import settings
from projectloom.mails.post import PostFailed, UnfitMail, as_message, post_mail
from tests.live import free_port
from tests.mails.conftest import write, written
from tests.mails.smtp_double import SmtpDouble


def posted(person: str, **changes) -> None:
    write(person, **changes)
    post_mail(written()[-1])


def test_a_mail_arrives_as_it_was_written(person: str, mail_server: SmtpDouble):
    posted(person, subject="Your purchase: $27.00 – thank you")
    recipient, message = mail_server.only()
    assert recipient == message["To"] == "ada@example.org"
    assert message["From"] == "ProjectLoom <loom@example.org>"
    assert message["Subject"] == "Your purchase: $27.00 – thank you"
    assert message["Message-ID"] == f"<{written()[0].id}@example.org>"
    assert message.get_content().replace("\r\n", "\n") == "Thank you – $25.00.\n\n.\nA line with a dot.\n"
    assert mail_server.logins == []


def test_a_mail_server_with_a_password_is_told_it(person: str, mail_server: SmtpDouble, monkeypatch):
    monkeypatch.setenv("SMTP_USERNAME", "ada")
    monkeypatch.setenv("SMTP_PASSWORD", "correct horse")
    settings.cache_clear()
    posted(person)
    assert mail_server.logins == ["\0ada\0correct horse"]
    assert "correct horse" not in repr(settings())


def test_nothing_is_sent_in_the_clear_where_tls_is_asked_for(person: str, mail_server: SmtpDouble, monkeypatch):
    monkeypatch.setenv("SMTP_STARTTLS", "on")
    settings.cache_clear()
    with pytest.raises(PostFailed):
        posted(person)
    assert mail_server.mails == []


def test_a_rude_goodbye_does_not_make_a_sent_mail_unsent(person: str, mail_server: SmtpDouble):
    mail_server.goodbye = b"421 Go away"
    posted(person)
    assert len(mail_server.mails) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\nBcc: eve@example.org"},
        {"subject": "Hello\r\n\r\nAnother body"},
        {"to": "ada@example.org\nBcc: eve@example.org"},
        {"to": "ada@example.org, eve@example.org"},
        {"to": "eve,ada@example.org"},
        {"to": ""},
        {"to": "nobody"},
    ],
)
def test_a_header_is_one_line_and_an_address_is_one_person(person: str, mail_server: SmtpDouble, changes):
    with pytest.raises(UnfitMail):
        posted(person, **changes)
    assert mail_server.mails == []


def test_a_refused_recipient_is_about_this_mail_and_a_silent_server_about_all(
    person: str, mail_server: SmtpDouble, monkeypatch
):
    mail_server.refused = [b"550 ada@example.org is unknown"]
    with pytest.raises(PostFailed) as refused:
        posted(person)
    assert (str(refused.value), refused.value.others_may_pass) == ("SMTPRecipientsRefused", True)
    monkeypatch.setenv("SMTP_PORT", str(free_port()))
    monkeypatch.setattr(limits, "MAIL_TIMEOUT_SECONDS", 1.0)
    settings.cache_clear()
    with pytest.raises(PostFailed) as silent:
        post_mail(written()[0])
    assert (str(silent.value), silent.value.others_may_pass) == ("ConnectionRefusedError", False)


def test_without_a_mail_server_the_sandbox_is_the_sender(person: str):
    write(person)
    assert as_message(written()[0])["From"] == "ProjectLoom <sandbox@projectloom.invalid>"
