"""Alerts reach the operator's webhook: signed, once, without being led elsewhere, and again when it was away."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import update

from projectloom.billing.mailer import send_due_mails
from projectloom.clock import now
from projectloom.config import ConfigurationError, read_settings, settings
from projectloom.db import transaction
from projectloom.mails.alerts import alert
from projectloom.mails.models import MailOut
from tests.mails.conftest import mail_server, written
from tests.mails.smtp_double import SmtpDouble

__all__ = ["mail_server"]

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver:
    """Whatever the operator listens with."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    def genuine(self, headers: dict[str, str], body: bytes, key: bytes = KEY) -> bool:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return headers["webhook-signature"] == f"v1,{expected}"


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver(books, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv("LOOM_SANDBOX", "off")
        monkeypatch.setenv("ALERT_WEBHOOK_URL", found.url)
        monkeypatch.setenv("ALERT_WEBHOOK_SECRET", SECRET)
        settings.cache_clear()
        yield found


def tell(key: str = "set_aside:ord_1") -> None:
    with transaction() as session:
        alert(session, key=key, subject="An order was set aside", words="Order ord_1 is set aside.")


def make_due() -> None:
    with transaction() as session:
        later = now() - timedelta(seconds=1)
        session.connection().execute(update(MailOut).where(MailOut.sent_at.is_(None)).values(next_try_at=later))


def test_an_alert_is_called_out_once_signed_and_in_full(receiver: Receiver):
    for _ in range(3):
        tell()
    assert [send_due_mails(), send_due_mails()] == [1, 0]
    ((headers, body),) = receiver.calls
    assert receiver.genuine(headers, body)
    assert not receiver.genuine(headers, body + b" ")
    assert not receiver.genuine(headers, body, b"another key of the same length..")
    told = json.loads(body)
    assert told["type"] == "alert"
    assert told["data"] == {
        "cause": "set_aside:ord_1",
        "subject": "An order was set aside",
        "words": "Order ord_1 is set aside.",
        "server": settings().public_url,
    }
    assert SECRET.encode() not in body


@pytest.mark.parametrize("status", [301, 307, 400, 410, 429, 500])
def test_whatever_is_no_success_is_tried_again_under_the_same_id(receiver: Receiver, status: int):
    elsewhere = f"{receiver.url}/elsewhere"
    receiver.answers = [(status, {"location": elsewhere})]
    tell()
    assert send_due_mails() == 0
    # A redirect is not followed, and no try follows at once.
    assert len(receiver.calls) == 1
    (row,) = written()
    assert (row.error, row.attempts, row.sent_at) == (f"HTTP {status}", 1, None)
    assert row.next_try_at is not None
    assert row.next_try_at > now()
    make_due()
    assert send_due_mails() == 1
    first, second = receiver.calls
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert receiver.genuine(*second)


def test_a_webhook_that_is_away_holds_up_no_mail_and_the_reverse(
    receiver: Receiver, mail_server: SmtpDouble, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ALERT_EMAIL", "operator@example.org")
    settings.cache_clear()
    receiver.answers = [(500, {})]
    tell("a")
    tell("b")
    assert send_due_mails() == 2
    assert (len(mail_server.mails), len(receiver.calls)) == (2, 1)
    mail_server.refused = [b"451 Later"] * 2
    tell("c")
    make_due()
    assert send_due_mails() == 3
    assert (len(mail_server.mails), len(receiver.calls)) == (2, 4)


def test_an_address_that_nobody_answers_at_is_tried_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/hook")
    settings.cache_clear()
    tell()
    assert send_due_mails() == 0
    (row,) = written()
    assert (row.error, row.attempts) == ("ConnectError", 1)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ALERT_WEBHOOK_URL": "https://hooks.example.org"}, "ALERT_WEBHOOK_SECRET"),
        ({"ALERT_WEBHOOK_SECRET": SECRET}, "ALERT_WEBHOOK_URL"),
        ({"ALERT_WEBHOOK_URL": "ftp://x", "ALERT_WEBHOOK_SECRET": SECRET}, "ALERT_WEBHOOK_URL"),
        ({"ALERT_WEBHOOK_URL": "https://x", "ALERT_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "ALERT_WEBHOOK_SECRET"),
        ({"ALERT_WEBHOOK_URL": "https://x", "ALERT_WEBHOOK_SECRET": "not base64!"}, "ALERT_WEBHOOK_SECRET"),
    ],
)
def test_half_a_webhook_is_refused_by_name(given: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=named):
        read_settings()
