"""The live price card over HTTP, for everybody."""

from datetime import datetime
from decimal import Decimal

import httpx

from projectloom.clock import now
from tests.live import LiveServer


def test_everybody_reads_the_live_card_with_exact_rates(server: LiveServer):
    answer = httpx.get(f"{server.url}/api/prices")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=60"
    found = answer.json()
    assert (found["version"], found["markupPercent"], found["currency"]) == (1, "0", "USD")
    assert datetime.fromisoformat(found["since"]) <= now()
    (sol,) = [model for model in found["models"] if model["id"] == "gpt-6.1-sol"]
    assert sol["rates"] == sol["providerRates"]
    assert (Decimal(sol["rates"]["input"]), Decimal(sol["rates"]["output"])) == (2, 10)
    assert all(isinstance(rate, str) for model in found["models"] for rate in model["rates"].values())
    assert found["versions"] == [{"version": 1, "since": found["since"]}]


def test_a_price_that_the_operator_applies_is_published_and_a_proposal_is_not(server: LiveServer):
    client = server.client()
    server.command("prices", "propose", "--markup", "7.5")
    assert client.get("/api/prices").json()["version"] == 1
    server.command("prices", "apply")
    found = client.get("/api/prices").json()
    assert (found["version"], found["markupPercent"]) == (2, "7.5")
    for model in found["models"]:
        for pool, rate in model["rates"].items():
            assert Decimal(rate) == Decimal(model["providerRates"][pool]) * Decimal("1.075")
