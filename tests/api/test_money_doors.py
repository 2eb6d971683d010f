"""Balance, checkout, webhook and chat where it matters: races, outages, and what Stripe may send again."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import httpx
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from projectloom import db
from projectloom.accounts.users import find_user
from projectloom.db import transaction
from projectloom.ledger.credits import grant
from projectloom.money import usd_string
from tests.api.conftest import fresh_email
from tests.live import LiveServer, await_balance, buy
from tests.stripe_double import event, session_of, sign

PROMPT = {"messages": [{"role": "user", "content": "Explain double entry"}]}
GRANT_NANOS = 110_000_000


def receive(client: httpx.Client, body: bytes) -> httpx.Response:
    headers = {"stripe-signature": sign(body, "whsec_sandbox")}
    return client.post("/api/stripe/webhook", content=body, headers=headers)


@contextmanager
def outage() -> Iterator[None]:
    """The database away: a Postgres that lets nobody in, a SQLite whose table is not there."""
    engine = db.engine()
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.execute(text("ALTER TABLE ledger_accounts RENAME TO away"))
            connection.commit()
        yield
        with engine.connect() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO ledger_accounts"))
            connection.commit()
        return
    name = engine.url.database
    assert name is not None
    engine.dispose()
    url = engine.url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as admin:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def test_a_new_person_has_an_account_at_zero(server: LiveServer):
    answer = server.sign_up(fresh_email()).get("/api/credits/balance")
    assert answer.status_code == 200
    values = answer.json()
    assert (values["balance"], values["lifetimeSpent"]) == (0.0, 0.0)
    assert (values["balanceUsd"], values["heldUsd"], values["debtUsd"]) == ("0.00", "0.00", "0.00")
    assert isinstance(values["balance"], float)


def test_every_pack_arrives_with_its_bonus(server: LiveServer):
    for amount, dollars in ((10, "10.00"), (25, "27.00"), (50, "55.00"), (100, "115.00")):
        client = server.sign_up(fresh_email())
        back = buy(client, amount)
        assert back.headers["location"] == f"{server.url}/?purchase=success"
        await_balance(client, dollars)


def test_a_purchase_that_is_declined_or_left_credits_nothing(server: LiveServer):
    client = server.sign_up(fresh_email())
    assert buy(client, 25, "cancel").headers["location"] == f"{server.url}/?purchase=cancelled"
    buy(client, 25, "declined")
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "0.00"


def test_a_double_click_opens_two_pages_and_each_payment_is_credited_once(server: LiveServer):
    client = server.sign_up(fresh_email())
    with ThreadPoolExecutor(2) as pool:
        opened = list(pool.map(lambda _: client.post("/api/stripe/create-checkout", json={"amount": 10}), range(2)))
    urls = {answer.json()["url"] for answer in opened}
    assert len(urls) == 2
    for url in urls:
        for _ in range(2):
            client.post(url, data={"outcome": "paid"})
    await_balance(client, "20.00")


def test_a_webhook_is_answered_as_the_contract_says(server: LiveServer):
    client = server.client()
    answer = receive(client, event("checkout.session.completed", session_of("ord_unheard_of")))
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    answer = receive(client, event("customer.created", {"id": "cus_1"}))
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    answer = receive(client, event("checkout.session.completed", session_of("ord_1", metadata={})))
    assert answer.status_code == 400
    assert answer.json()["error"] == "Missing metadata"


def test_a_signed_event_without_a_cookie_of_any_origin_is_taken(server: LiveServer):
    body = event("customer.created", {"id": "cus_1"})
    headers = {"stripe-signature": sign(body, "whsec_sandbox"), "origin": "https://evil.example"}
    assert server.client().post("/api/stripe/webhook", content=body, headers=headers).status_code == 200


@pytest.mark.usefixtures("inside")
def test_while_the_database_is_away_nothing_is_promised_and_afterwards_all_is_well(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    url = client.post("/api/stripe/create-checkout", json={"amount": 25}).json()["url"]
    with outage():
        balance = client.get("/api/credits/balance")
        assert (balance.status_code, balance.json()["error"]) == (500, "Failed to fetch balance")
        body = event("checkout.session.completed", session_of("ord_unheard_of"), event_id="evt_during_the_outage")
        if db.engine().dialect.name == "postgresql":
            assert receive(client, body).status_code == 503
            answer = client.post("/api/stripe/create-checkout", json={"amount": 25})
            assert answer.status_code >= 500
            assert answer.json()["error"]
        chat = client.post("/api/chat", json=PROMPT)
        assert chat.status_code == 503
        assert int(chat.headers["retry-after"]) > 0
        # Paid while we are away: Stripe delivers until it is recorded.
        client.post(url, data={"outcome": "paid"})
    await_balance(client, "27.00", seconds=20)
    assert receive(client, body).status_code == 200
    server.audit()


@pytest.mark.usefixtures("inside")
def test_twenty_chats_at_once_on_a_balance_for_one_spend_no_more_than_it(server: LiveServer):
    email = fresh_email()
    client = server.sign_up(email, mode="credits")
    with transaction() as session:
        user = find_user(session, email=email)
        assert user is not None
        grant(session, user_id=user.id, reason="test", amount_nanos=GRANT_NANOS)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("/api/chat", json=PROMPT), range(20)))
    assert {answer.status_code for answer in answers} <= {200, 402}
    served = [answer for answer in answers if answer.status_code == 200]
    assert served
    assert len(served) < 20
    finishes = [json.loads(answer.text.splitlines()[-4].removeprefix("data: ")) for answer in served]
    charges = [Decimal(finish["messageMetadata"]["chargeUsd"]) for finish in finishes]
    assert all(charge > 0 for charge in charges)
    values = client.get("/api/credits/balance").json()
    assert Decimal(values["balanceUsd"]) == Decimal(usd_string(GRANT_NANOS)) - sum(charges)
    assert Decimal(values["balanceUsd"]) >= 0
    assert Decimal(values["lifetimeSpentUsd"]) == sum(charges)
    assert values["held"] == 0
    server.audit()
