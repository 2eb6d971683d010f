"""Auto top-up and custom amounts over HTTP."""

import httpx
import pytest

from tests.live import LiveServer

ON = {"enabled": True, "threshold": 5, "amount": 25, "monthlyCeiling": 100}


def test_it_is_off_with_proposed_amounts_until_it_is_set(ada: httpx.Client):
    assert ada.get("/api/auto-top-up").json() == {
        "enabled": False,
        "threshold": 5,
        "amount": 25,
        "monthlyCeiling": 100,
        "stopped": None,
        "card": None,
        "chargedThisMonth": 0.0,
        "chargedThisMonthUsd": "0.00",
    }


def test_without_a_card_it_cannot_be_switched_on_and_there_is_none_to_remove(ada: httpx.Client):
    assert ada.put("/api/auto-top-up", json=ON).json()["code"] == "no_saved_card"
    assert ada.delete("/api/auto-top-up/card").status_code == 409


def test_a_card_is_saved_on_the_payment_provider_s_own_page(ada: httpx.Client, server: LiveServer):
    assert ada.post("/api/auto-top-up/card").json()["url"].startswith(f"{server.url}/sandbox/")


@pytest.mark.parametrize("wanted", [{}, {"enabled": 1}, ON | {"amount": "25"}, ON | {"threshold": -1}], ids=repr)
def test_odd_settings_are_refused(ada: httpx.Client, wanted: dict):
    assert ada.put("/api/auto-top-up", json=wanted).status_code == 400


def test_nobody_sets_it_for_somebody_else_or_from_another_site(server: LiveServer, ada: httpx.Client):
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/card"), ("DELETE", "/card")):
        assert server.client().request(method, f"/api/auto-top-up{path}").status_code == 401
    evil = {"origin": "https://evil.example"}
    assert ada.put("/api/auto-top-up", json=ON, headers=evil).status_code == 403
    assert ada.post("/api/auto-top-up/card", headers=evil).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"customAmount": 4},
        {"customAmount": 501},
        {"customAmount": "37"},
        {"amount": 37},
        {"amount": 1, "customAmount": 37},
    ],
    ids=repr,
)
def test_amounts_that_are_not_sold_are_refused_in_the_contract_s_words(ada: httpx.Client, body: dict):
    answer = ada.post("/api/stripe/create-checkout", json=body)
    assert answer.status_code == 400
    assert body.get("amount") not in (37, 25) or answer.json()["error"] == "Invalid amount"


def test_a_custom_amount_opens_the_payment_page(ada: httpx.Client):
    assert ada.post("/api/stripe/create-checkout", json={"customAmount": 37}).json()["url"]
