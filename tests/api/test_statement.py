"""The statement over HTTP: several kinds and a range of days, in JSON and in the file, and clear refusals."""

import csv
import io

import httpx
import pytest

from projectloom.clock import now
from tests.api.conftest import fresh_email
from tests.live import LiveServer, await_balance, buy

PATHS = ("/api/statement", "/api/statement.csv")


def test_kinds_and_days_choose_the_same_lines_in_both_forms(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    buy(client, 25)
    await_balance(client, "27.00")
    (order,) = client.get("/api/statement").json()["movements"]
    client.post(f"/api/orders/{order['cause']}/refund").raise_for_status()
    today = f"{now():%Y-%m-%d}"
    for query, kinds in (
        ("", ["reversal", "reinstatement", "freeze", "top_up"]),
        ("kind=top_up&kind=freeze", ["freeze", "top_up"]),
        ("kind=top_up,reversal", ["reversal", "top_up"]),
        (f"kind=top_up,freeze&kind=freeze&since={today}", ["freeze", "top_up"]),
        (f"until={today}&since={today}", ["reversal", "reinstatement", "freeze", "top_up"]),
        ("until=2020-01-01", []),
        ("kind=grant", []),
    ):
        found = client.get(f"/api/statement?{query}").json()["movements"]
        assert [line["kind"] for line in found] == kinds, query
        assert {line["orderId"] for line in found} <= {order["cause"]}
        file = client.get(f"/api/statement.csv?{query}").text
        assert [row["entry"] for row in csv.DictReader(io.StringIO(file))] == [line["entryId"] for line in found]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("kind=nonsense", "Unknown kind of movement."),
        ("kind=top_up,,grant", "Unknown kind of movement."),
        ("kind=" + "top_up," * 500 + "x", "Unknown kind of movement."),
        ("since=yesterday", "since must be a day such as 2026-11-01."),
        ("since=2026-11-31", "since must be a day such as 2026-11-01."),
        ("until=%00", "until must be a day such as 2026-11-01."),
        ("until=9999-12-31", "until must be a day such as 2026-11-01."),
        ("since=2026-11-02&until=2026-11-01", "The first day must not be after the last."),
    ],
)
def test_what_cannot_be_chosen_is_a_400_in_words(ada: httpx.Client, path: str, query: str, said: str):
    answer = ada.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert answer.json()["error"].startswith(said)
