"""Redeeming a promotional code over HTTP."""

import json
import re
from datetime import datetime, timedelta

import httpx
import pytest

from projectloom import limits
from projectloom.clock import now
from tests.api.conftest import fresh_email
from tests.live import LiveServer


def made(server: LiveServer, *words: str) -> str:
    """A code that the operator makes beside the running server."""
    return server.command("grant", "--code", *words).split()[0]


def redeem(client: httpx.Client, code: object) -> httpx.Response:
    # In escapes, so that also what is no valid text arrives.
    return client.post("/api/credits/redeem", content=json.dumps({"code": code}))


def test_a_code_is_redeemed_once_and_the_second_time_says_so(server: LiveServer):
    code, client = made(server, "5", "--uses", "2", "--days", "30"), server.sign_up(fresh_email())
    first = redeem(client, f" {code.lower()} ")
    assert first.status_code == 200, first.text
    values = first.json()
    assert (values["amount"], values["amountUsd"], values["already"]) == (5.0, "5.00", False)
    assert timedelta(days=29) < datetime.fromisoformat(values["expiresAt"]) - now() <= timedelta(days=30)
    assert redeem(client, code).json() == values | {"already": True}
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "5.00"
    (movement,) = client.get("/api/statement").json()["movements"]
    assert movement["cause"] == f"code:{code}"


def test_each_refusal_has_its_status_and_words(server: LiveServer):
    code = made(server, "5")
    assert redeem(server.sign_up(fresh_email()), code).json()["expiresAt"] is None
    client = server.sign_up(fresh_email())
    for typed, status, name in ((code, 410, "code_used_up"), ("NO-SUCH-CODE", 404, "unknown_code")):
        answer = redeem(client, typed)
        assert (answer.status_code, answer.json()["code"]) == (status, name)
        assert answer.json()["error"].endswith(".")
    assert client.get("/api/credits/balance").json()["balanceUsd"] == "0.00"


@pytest.mark.parametrize(
    "code", [None, "", 5, True, ["SPRING-2027"], {"a": 1}, "\ud800" * 8, "SPRING\x00-2027"], ids=repr
)
def test_what_is_no_text_is_refused_and_is_no_guess(server: LiveServer, ada: httpx.Client, code: object):
    answer = redeem(ada, code)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_nobody_redeems_for_somebody_else_or_from_another_site(server: LiveServer, ada: httpx.Client):
    assert redeem(server.client(), "SPRING-2027").status_code == 401
    answer = ada.post("/api/credits/redeem", json={"code": "SPRING-2027"}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_too_many_wrong_codes_are_told_when_to_come_back(server: LiveServer):
    client = server.sign_up(fresh_email())
    answers = [redeem(client, f"GUESS-{number:04}").status_code for number in range(limits.CODE_WRONG_TRIES)]
    assert set(answers) == {404}
    refused = redeem(client, "GUESS-9999")
    assert refused.status_code == 429
    assert re.fullmatch(r"\d+", refused.headers["retry-after"])
