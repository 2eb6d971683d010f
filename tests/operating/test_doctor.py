"""The doctor says what is wrong and how to mend it: for the sandbox, half a configuration and a full one."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from projectloom import __main__ as commands
from projectloom import limits
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.jobs.doctor import doctor
from projectloom.operating.doctor import Verdict
from tests.conftest import forget_settings
from tests.live import LiveServer, free_port
from tests.mails.conftest import mail_server
from tests.mails.smtp_double import SmtpDouble

__all__ = ["mail_server"]

Findings = dict[str, list[dict[str, str]]]


def examined() -> Findings:
    """What it finds, by the names of the checks."""
    told, healthy = doctor(as_program=True)
    found: Findings = {}
    for finding in json.loads(told)["findings"]:
        assert (finding["verdict"] in ("ok", "unused")) == (not finding["mend"]), finding
        found.setdefault(finding["check"], []).append(finding)
    assert healthy == all(one["verdict"] != "failed" for each in found.values() for one in each)
    return found


def worst(found: Findings, check: str) -> tuple[str, str]:
    """The worst that it says of something, and what."""
    order = [Verdict.UNUSED, Verdict.OK, Verdict.NOTE, Verdict.FAILED]
    finding = max(found[check], key=lambda one: order.index(Verdict(one["verdict"])))
    return finding["verdict"], finding["says"] + " " + finding["mend"]


def failures(found: Findings) -> list[str]:
    return [check for check in found if worst(found, check)[0] == "failed"]


@pytest.fixture
def sandbox(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """This process is configured as the server that runs with nothing configured."""
    for name in ("LOOM_DATA_DIR", "DATABASE_URL", "PORT", "BASE_URL"):
        if name in server.environment:
            monkeypatch.setenv(name, server.environment[name])
    forget_settings()
    yield server
    forget_settings()


@pytest.fixture
def full(sandbox: LiveServer, mail_server: SmtpDouble, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """Everything is configured; a server that runs the sandbox stands in for Stripe and both providers."""
    base = f"{sandbox.url}/sandbox"
    for name, value in {
        "LOOM_SANDBOX": "off",
        "SECRET_KEY": "a secret of more than 32 characters",
        "STRIPE_SECRET_KEY": "sk_test_of_the_doctor",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_of_the_doctor",
        "STRIPE_WEBHOOK_SECRET": "whsec_of_the_doctor",
        "STRIPE_API_BASE": f"{base}/stripe",
        "ANTHROPIC_API_KEY": "sk-ant-of-the-doctor",
        "ANTHROPIC_BASE_URL": f"{base}/anthropic",
        "OPENAI_API_KEY": "sk-of-the-doctor",
        "OPENAI_BASE_URL": f"{base}/openai/v1",
        "REDIS_URL": redis_url,
        "ALERT_EMAIL": "operator@example.org",
        "ALERT_WEBHOOK_URL": f"{sandbox.url}/hook",
        "ALERT_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        # Only so that the same books are used: the sandbox's file has another name.
        "DATABASE_URL": sandbox.environment.get("DATABASE_URL")
        or f"sqlite:///{sandbox.environment['LOOM_DATA_DIR']}/projectloom-sandbox.db",
    }.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    return sandbox


def unhealthy_only_for(server: LiveServer) -> list[str]:
    """Redis beside SQLite is refused in words; nothing else of a full configuration is."""
    return [] if "DATABASE_URL" in server.environment else ["database"]


def test_a_running_sandbox_is_healthy_and_says_that_its_money_is_play_money(sandbox: LiveServer):
    found = examined()
    assert failures(found) == []
    assert "play money" in worst(found, "stripe")[1]
    assert worst(found, "webhook")[0] == "ok"
    assert [worst(found, name)[0] for name in ("anthropic", "openai", "address", "migrations")] == ["ok"] * 4
    assert [worst(found, name)[0] for name in ("mail", "redis", "alert webhook")] == ["unused"] * 3


def test_a_sandbox_whose_server_does_not_run_is_told_to_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PORT", str(free_port()))
    settings.cache_clear()
    found = examined()
    assert failures(found) == ["stripe", "anthropic", "openai"]
    assert all("Start the server" in worst(found, name)[1] for name in ("stripe", "openai", "address"))
    assert "first start" in worst(found, "database")[1]
    # Looking changes nothing: no empty books are left behind.
    assert not list((tmp_path / "data").glob("*.db"))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, ["STRIPE_WEBHOOK_SECRET", "ANTHROPIC_API_KEY or OPENAI_API_KEY"]),
        ({"OPENAI_API_KEY": "sk-x", "LOOM_SANDBOX": "on", "SMTP_FROM": "a@example.org"}, ["LOOM_SANDBOX", "SMTP_HOST"]),
        ({"PORT": "many"}, ["PORT"]),
    ],
)
def test_half_a_configuration_is_told_with_each_name_that_is_missing(
    given: dict[str, str], named: list[str], monkeypatch: pytest.MonkeyPatch
):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    (check,) = (found := examined())
    assert check == "configuration"
    said = " ".join(one["says"] for one in found[check])
    assert all(name in said for name in named)


def test_a_full_configuration_is_healthy(full: LiveServer):
    found = examined()
    assert failures(found) == unhealthy_only_for(full)
    for check in ("stripe", "webhook", "anthropic", "openai", "mail", "redis", "alert webhook", "address", "disk"):
        assert worst(found, check)[0] in ("ok", "note"), found[check]
    assert "test card" in worst(found, "stripe")[1]
    assert "every event" in worst(found, "webhook")[1]


@pytest.mark.parametrize(
    ("changed", "check", "words"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_invalid"}, "stripe", "does not take the key"),
        ({"STRIPE_SECRET_KEY": "pk_test_published"}, "stripe", "no secret key"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_live_other"}, "stripe", "of the other mode"),
        ({"STRIPE_SECRET_KEY": "sk_live_real"}, "address", "is not https"),
        ({"STRIPE_WEBHOOK_SECRET": "sk_test_wrong"}, "stripe", "no signing secret"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:9"}, "stripe", "did not answer"),
        ({"BASE_URL": "https://loom.example.com"}, "webhook", "no endpoint is https://loom.example.com/api/stripe"),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}, "anthropic", "did not answer"),
        ({"OPENAI_API_KEY": "sk-invalid"}, "openai", "does not take the key"),
        ({"SMTP_PORT": "9"}, "mail", "SMTP_HOST and SMTP_PORT"),
        ({"REDIS_URL": "redis://127.0.0.1:9/0"}, "redis", "does not answer"),
        ({"ALERT_WEBHOOK_URL": "http://127.0.0.1:9/x"}, "alert webhook", "does not answer"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing"}, "database", "cannot be read"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named_with_how_to_mend_it(
    full: LiveServer, changed: dict[str, str], check: str, words: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    found = examined()
    assert check in failures(found)
    assert words in " ".join(one["says"] + one["mend"] for one in found[check])
    # No key is in what it says.
    assert "of_the_doctor" not in json.dumps(found)
    assert "invalid" not in json.dumps(found).replace("invalid_", "")


def test_events_that_the_endpoint_is_not_sent_are_named(full: LiveServer):
    control = f"{full.url}/sandbox/control/api"
    answer = httpx.post(f"{control}/rules", json={"enabled_events": ["checkout.session.completed"]})
    assert answer.is_success, answer.text
    try:
        verdict, words = worst(examined(), "webhook")
    finally:
        httpx.post(f"{control}/reset").raise_for_status()
    assert verdict == "failed"
    assert "charge.dispute.created" in words
    assert "refund.failed" in words
    assert "checkout.session.completed," not in words


def test_books_of_another_release_are_told(full: LiveServer):
    with transaction() as session:
        known = session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    try:
        verdict, words = worst(examined(), "migrations")
    finally:
        with transaction() as session:
            session.connection().exec_driver_sql(f"UPDATE alembic_version SET version_num = '{known}'")
    assert (verdict, "0001" in words) == ("failed", True)


@pytest.mark.parametrize(("minutes", "verdict"), [(0, "ok"), (2, "failed"), (-2, "failed")])
def test_a_clock_that_is_off_is_told(monkeypatch: pytest.MonkeyPatch, books, minutes: int, verdict: str):
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            self.send_header("date", format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    other = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=other.serve_forever, daemon=True).start()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-x")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{other.server_address[1]}")
    settings.cache_clear()
    try:
        found = examined()
    finally:
        other.shutdown()
        other.server_close()
    assert worst(found, "clock")[0] == verdict


def test_a_full_disk_and_a_secret_that_others_read_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PORT", str(free_port()))
    (tmp_path / "data").mkdir()
    secret = tmp_path / "data" / "secret_key"
    secret.write_text("x" * 64)
    secret.chmod(0o644)
    settings.cache_clear()
    assert f"chmod 600 {secret}" in worst(examined(), "disk")[1]
    secret.chmod(0o600)
    assert worst(examined(), "disk")[0] in ("ok", "note")
    monkeypatch.setattr(limits, "DISK_FULL_BYTES", 10**18)
    assert worst(examined(), "disk")[0] == "failed"


def test_the_command_prints_each_finding_and_says_by_its_exit_code_whether_it_is_well(
    sandbox: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["projectloom", "doctor"])
    assert commands.main() == 0
    said = capsys.readouterr().out
    assert "ok    migrations" in said
    assert "0 failed" in said.splitlines()[-1]
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_x")
    settings.cache_clear()
    assert commands.main() == 1
    assert "FAIL  configuration  STRIPE_WEBHOOK_SECRET is missing" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["projectloom", "doctor", "--json"])
    assert commands.main() == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False
