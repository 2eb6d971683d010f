"""``/api/admin``: everything for an operator, and nothing at all for anybody else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from projectloom.api.admin import router
from tests.api.conftest import fresh_email
from tests.conftest import ENGINES, fresh_database
from tests.live import LiveServer, await_balance, buy

OPERATORS = ("first.operator@example.org", "second.operator@example.org")

ROUTES = [
    (method, route.path.replace("{path:path}", "anything/else"))
    for route in router.routes
    for method in sorted(route.methods)
]


@pytest.fixture(params=ENGINES, scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with two operators."""
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(request, request.param, folder) as environment:
        named = environment | {"ADMIN_EMAILS": ", ".join(OPERATORS).upper()}
        with LiveServer(named) as live:
            yield live
            live.audit()


@pytest.fixture(scope="module")
def operators(server: LiveServer) -> tuple[httpx.Client, httpx.Client]:
    first, second = (server.sign_up(email) for email in OPERATORS)
    values = [{"email": email, "password": "correct horse battery"} for email in OPERATORS]
    assert first.get("/api/admin/actions").status_code == 404
    for email in OPERATORS:
        server.command("confirm", email, "--keep-password")
    for one, known in zip((first, second), values, strict=True):
        one.post("/api/auth/sign-in", json=known).raise_for_status()
        assert one.get("/api/admin/actions").status_code == 200
    return first, second


def somebody(server: LiveServer) -> tuple[httpx.Client, str]:
    """A new person who pays with credits: their client and e-mail."""
    email = fresh_email()
    return server.sign_up(email, mode="credits"), email


def id_of(operator: httpx.Client, email: str) -> str:
    (found,) = operator.get("/api/admin/people", params={"q": email}).raise_for_status().json()["people"]
    return found["id"]


def test_there_are_routes_to_be_swept():
    assert len(ROUTES) >= 20
    assert ("POST", "/api/admin/people/{user_id}/grants") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_ordinary_person_a_key_and_nobody_get_404_on_every_route(server, operators, ada, method: str, path: str):
    filled = path
    for name in ("user_id", "lot_id", "order_id", "turn_id", "event_id", "proposal_id"):
        filled = filled.replace(f"{{{name}}}", "1")
    # Not even an operator's own key: a program that has it is no operator.
    key = operators[0].post("/api/keys", json={"name": "A program"}).raise_for_status().json()["key"]
    nobody = server.client()
    # Not even what is wrong with the request is told.
    wrong = {"content": b"{not json", "headers": {"content-type": "application/json"}}
    for client, more in ((ada, {}), (nobody, {}), (nobody, {"authorization": f"Bearer {key}"})):
        for body in ({}, wrong) if method != "GET" else ({},):
            headers = body.get("headers", {}) | more
            answer = client.request(method, filled, content=body.get("content"), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text


def test_another_site_cannot_make_an_operator_act(operators):
    answer = operators[0].post("/api/admin/books/full-audit", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_the_routes_are_not_among_the_documented_ones(server, ada):
    assert "/api/admin" not in ada.get("/api/openapi.json").text


def test_a_person_is_found_by_e_mail_and_order_and_their_books_are_shown(server, operators):
    first, _ = operators
    client, email = somebody(server)
    buy(client, 25)
    await_balance(client, "27.00")
    user_id = id_of(first, email)
    assert id_of(first, email[:20].upper()) == user_id
    books = first.get(f"/api/admin/people/{user_id}").raise_for_status().json()
    assert (books["name"], books["postedUsd"], books["heldUsd"], books["debtUsd"]) == (email, "27.00", "0.00", "0.00")
    assert [(lot["kind"], lot["leftUsd"]) for lot in books["lots"]] == [("bonus", "2.00"), ("paid", "25.00")]
    (order,) = books["orders"]
    assert (order["status"], order["priceUsd"], order["creditUsd"]) == ("completed", "25.00", "27.00")
    assert id_of(first, order["id"]) == id_of(first, user_id) == user_id
    (line,) = first.get(f"/api/admin/people/{user_id}/statement").json()["movements"]
    assert (line["kind"], line["orderId"], line["balanceUsd"]) == ("top_up", order["id"], "27.00")
    assert first.get("/api/admin/people", params={"q": "nobody-has-this"}).json() == {"people": []}
    assert first.get("/api/admin/people", params={"q": "%"}).json() == {"people": []}
    assert first.get("/api/admin/people").json()["people"][0]["name"] == email
    assert first.get("/api/admin/people/usr_nobody").status_code == 404


def test_credit_is_given_once_when_two_operators_press_at_once_and_taken_back(server, operators):
    client, email = somebody(server)
    user_id = id_of(operators[0], email)

    def give(operator: httpx.Client) -> httpx.Response:
        return operator.post(f"/api/admin/people/{user_id}/grants", json={"dollars": 5, "reason": "Sorry"})

    with ThreadPoolExecutor(2) as pool:
        answers = [answer.json() for answer in pool.map(give, operators)]
    assert len({answer["entry"] for answer in answers}) == 1
    await_balance(client, "5.00")
    (lot,) = operators[0].get(f"/api/admin/people/{user_id}").json()["lots"]
    answer = operators[1].post(f"/api/admin/people/{user_id}/lots/{lot['id']}/revoke", json={"reason": "Wrong person"})
    assert answer.json()["done"] == "$5.00 was taken back."
    await_balance(client, "0.00")
    actions = operators[0].get("/api/admin/actions").json()["actions"]
    revoked = actions[0]
    assert (revoked["operator"], revoked["action"], revoked["person"], revoked["reason"], revoked["subject"]) == (
        OPERATORS[1], "revoke", email, "Wrong person", lot["id"],
    )  # fmt: skip
    assert {action["operator"] for action in actions[1:3]} == set(OPERATORS)
    assert [movement["kind"] for movement in client.get("/api/statement").json()["movements"]] == [
        "revocation",
        "grant",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dollars": 5},
        {"dollars": 5, "reason": " "},
        {"dollars": 5, "reason": 7},
        {"dollars": "5", "reason": "Sorry"},
        {"dollars": 5.5, "reason": "Sorry"},
        {"dollars": True, "reason": "Sorry"},
        {"dollars": 0, "reason": "Sorry"},
        {"dollars": 10**30, "reason": "Sorry"},
        {"dollars": 5, "reason": "Sorry", "days": -1},
        {"dollars": 5, "reason": "Sorry", "days": "x"},
        {"dollars": 5, "reason": "\u0000"},
    ],
)
def test_a_grant_that_cannot_be_is_refused_in_words(server, operators, body):
    _, email = somebody(server)
    answer = operators[0].post(f"/api/admin/people/{id_of(operators[0], email)}/grants", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_credit_of_another_person_is_not_taken_back_by_the_wrong_address(server, operators):
    first, _ = operators
    _, email = somebody(server)
    _, other = somebody(server)
    theirs = id_of(first, other)
    first.post(f"/api/admin/people/{theirs}/grants", json={"dollars": 5, "reason": "Sorry"}).raise_for_status()
    (lot,) = first.get(f"/api/admin/people/{theirs}").json()["lots"]
    path = f"/api/admin/people/{id_of(first, email)}/lots/{lot['id']}/revoke"
    assert first.post(path, json={"reason": "Wrong"}).status_code == 404


def test_prices_are_proposed_compared_and_applied_once_when_two_press_at_once(operators):
    first, _ = operators
    before = first.get("/api/admin/prices").json()["live"]
    proposed = first.post("/api/admin/prices/proposals", json={"markupPercent": "7.5"}).raise_for_status().json()
    assert {"kind": "dearer", "model": None, "what": "markup, %", "old": "0", "new": "7.5", "percent": ""} in (
        proposed["changes"]
    )
    path = f"/api/admin/prices/proposals/{proposed['id']}"
    assert first.get(path).json() == proposed
    assert first.get("/api/admin/prices").json()["live"] == before
    assert first.post(f"{path}/apply", json={}).status_code == 400
    with ThreadPoolExecutor(2) as pool:
        codes = list(
            pool.map(lambda one: one.post(f"{path}/apply", json={"reason": "Costs rose"}).status_code, operators)
        )
    assert sorted(codes) == [200, 400]
    assert first.get("/api/admin/prices").json()["live"] == before + 1
    (applied,) = [one for one in first.get("/api/admin/actions").json()["actions"] if one["action"] == "apply_prices"]
    assert (applied["subject"], applied["reason"]) == (str(proposed["id"]), "Costs rose")
    assert f"Version {before + 1}" in applied["details"]
    for wrong in (
        {"reason": "x", "at": "tomorrow"},
        {"reason": "x", "at": "2026-01-01T00:00:00"},
        {"reason": "x", "force": 1},
    ):
        assert first.post(f"{path}/apply", json=wrong).status_code == 400
    assert first.get("/api/admin/prices/proposals/999999").status_code == 404
    assert first.post("/api/admin/prices/proposals", json={"markupPercent": "much"}).status_code == 400


def test_margins_of_real_replies_agree_with_the_books(server, operators):
    client, _ = somebody(server)
    buy(client, 10)
    await_balance(client, "10.00")
    client.post("/api/chat", json={"messages": [{"role": "user", "content": "Hello"}]}).raise_for_status()
    found = operators[0].get("/api/admin/margins").raise_for_status().json()
    assert found["agrees"]
    assert found["chargedUsd"] == found["earnedUsd"] != "0.00"
    assert found["count"] >= 1
    assert operators[0].get("/api/admin/margins?since=2026-13-01").status_code == 400


def test_the_books_are_proven_now_and_in_full_in_the_background(operators):
    first, second = operators
    proven = first.post("/api/admin/books/prove").raise_for_status().json()
    assert proven["broken"] == 0
    assert all(promise["holds"] for room in proven["rooms"] for promise in room["promises"])
    assert first.post("/api/admin/books/full-audit").status_code == 202
    second.post("/api/admin/books/full-audit").raise_for_status()
    deadline = time.monotonic() + 60
    while (full := first.get("/api/admin/books").json()["fullAudit"])["underWay"]:
        assert time.monotonic() < deadline, full
        time.sleep(0.1)
    assert (full["underWay"], full["broken"], full["done"]) == (False, 0, full["total"])


def test_what_waits_is_listed_and_what_is_not_there_cannot_be_tried(operators):
    first, _ = operators
    assert first.get("/api/admin/troubles").json() == {"orders": [], "refunds": [], "turns": [], "events": []}
    for path in ("orders/x", "orders/x/refund", "turns/x", "events/x"):
        assert first.post(f"/api/admin/{path}/retry").status_code == 404
