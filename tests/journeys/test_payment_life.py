"""The life of a payment with a real server and its sandbox, which is told to misbehave."""

import time

import httpx

from projectloom.ids import new_id
from tests.live import LiveServer, await_balance, buy

CONTROL = "/sandbox/control/api"


def email() -> str:
    return f"{new_id('p').lower()}@example.org"


def control(server: LiveServer, path: str, **values) -> dict:
    return server.client().post(f"{CONTROL}/{path}", json=values).raise_for_status().json()


def intent_of_last_payment(server: LiveServer) -> str:
    events = server.client().get(f"{CONTROL}/events", params={"type": "payment_intent.succeeded", "limit": 1}).json()
    return _find(events, "pi_")


def _find(value, prefix: str) -> str:
    """The first id with a prefix, wherever the control API puts it."""
    if isinstance(value, str):
        return value if value.startswith(prefix) else ""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for part in parts if (found := _find(part, prefix))), "")


def test_a_lost_webhook_is_healed_by_the_reconciler(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    control(server, "rules", drop_next=10)
    buy(client, 25)
    time.sleep(0.5)
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "0.00"
    assert "is credited now" in server.command("reconcile")
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "27.00"
    assert "is credited now" not in server.command("reconcile")
    control(server, "reset")
    server.audit()


def test_duplicated_late_and_reordered_webhooks_credit_once(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    control(server, "rules", duplicates=3, reorder="random", delay_seconds=0.3)
    buy(client, 50)
    await_balance(client, "55.00")
    time.sleep(1.5)
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "55.00"
    control(server, "reset")
    server.audit()


def test_a_refund_and_a_dispute_from_stripe_s_side_reach_the_books(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    buy(client, 100)
    await_balance(client, "115.00")
    intent = intent_of_last_payment(server)
    control(server, "refunds", payment_intent=intent, amount=5_000)
    await_balance(client, "57.50")
    buy(client, 10)
    await_balance(client, "67.50")
    opened = control(server, "disputes", payment_intent=intent_of_last_payment(server))
    dispute = _find(opened, "dp_") or _find(opened, "du_")
    await_frozen(client, "10.00")
    control(server, f"disputes/{dispute}/withdraw")
    await_frozen(client, "0.00")
    await_balance(client, "57.50")
    control(server, f"disputes/{dispute}/won")
    await_balance(client, "67.50")
    server.audit()


def await_frozen(client: httpx.Client, dollars: str) -> None:
    deadline = time.monotonic() + 5
    while client.get("/api/credits/balance").json()["frozenUsd"] != dollars:
        assert time.monotonic() < deadline, client.get("/api/credits/balance").text
        time.sleep(0.05)


def test_a_person_takes_an_unspent_purchase_back(server: LiveServer):
    client = server.sign_up(email(), mode="credits")
    buy(client, 25)
    await_balance(client, "27.00")
    (top_up,) = client.get("/api/statement").json()["movements"]
    assert client.post(f"/api/orders/{top_up['cause']}/refund").json() == {"ok": True}
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "0.00"
    again = client.post(f"/api/orders/{top_up['cause']}/refund")
    assert (again.status_code, again.json()["code"]) == (409, "not_refundable")
    stranger = server.sign_up(email(), mode="credits")
    assert stranger.post(f"/api/orders/{top_up['cause']}/refund").status_code == 404
    lines = client.get("/api/statement.csv").text.splitlines()
    assert lines[0] == "date,movement,amount_usd,balance_usd,cause,entry"
    assert len(lines) == 1 + len(client.get("/api/statement").json()["movements"])
    server.audit()
