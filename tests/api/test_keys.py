"""Personal API keys over HTTP: made and revoked by a session, good for what their scopes say, and for nothing else."""

import time

import httpx
import pytest

from projectloom.ids import new_id
from tests.api.conftest import fresh_email
from tests.live import LiveServer, await_balance, buy

PERSON_ONLY = (
    ("GET", "/api/keys", None),
    ("POST", "/api/keys", {"name": "Another"}),
    ("DELETE", "/api/keys/key_nothing", None),
    ("GET", "/api/preferences", None),
    ("PUT", "/api/preferences", {"apiKeyMode": "own"}),
    ("GET", "/api/caps", None),
    ("PUT", "/api/caps", {"day": None}),
    ("POST", "/api/credits/redeem", {"code": "SOMETHING"}),
    ("POST", "/api/stripe/create-checkout", {"amount": 25}),
    ("GET", "/api/auto-top-up", None),
    ("PUT", "/api/auto-top-up", {"enabled": False}),
    ("GET", "/api/statement", None),
)


def make(client: httpx.Client, **values: object) -> dict:
    answer = client.post("/api/keys", json={"name": "Notebook"} | values)
    assert answer.status_code == 201, answer.text
    return answer.json()


def spelled(secret: str) -> list[dict[str, str]]:
    return [
        {"authorization": f"Bearer {secret}"},
        {"authorization": f"bearer  {secret}"},
        {"x-api-key": secret},
        {"x-api-key": secret, "authorization": "Basic YTpi"},
    ]


def test_a_key_is_made_shown_once_listed_without_its_secret_and_revoked(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    answer = client.post(
        "/api/keys", json={"name": " Notebook ", "limits": {"day": 1.5, "total": "20.25"}, "scopes": ["read"]}
    )
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    assert made["limits"] == {"day": 1.5, "dayUsd": "1.50", "total": 20.25, "totalUsd": "20.25"}
    assert (made["name"], made["scopes"], made["lastUsedAt"]) == ("Notebook", ["read"], None)
    assert made["hint"] == f"loom-sk-…{made['key'][-4:]}"
    second = make(client)
    assert second["scopes"] == ["generate", "read"]
    assert second["limits"] == {}
    listed = client.get("/api/keys")
    assert made["key"] not in listed.text
    assert [key["id"] for key in listed.json()["keys"]] == [second["id"], made["id"]]
    spent = {name: listed.json()["keys"][1][name] for name in ("spentTodayUsd", "spentThisMonthUsd", "spentTotalUsd")}
    assert set(spent.values()) == {"0.00"}
    assert client.delete(f"/api/keys/{made['id']}").status_code == 204
    assert [key["id"] for key in client.get("/api/keys").json()["keys"]] == [second["id"]]


def test_a_key_reads_what_its_person_may_read_until_it_is_revoked(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    made = make(client)
    program = server.client()
    for headers in spelled(made["key"]):
        for path in ("/api/credits/balance", "/api/usage", "/api/prices"):
            assert program.get(path, headers=headers).status_code == 200, (headers, path)
    deadline = time.monotonic() + 5
    while client.get("/api/keys").json()["keys"][0]["lastUsedAt"] is None:
        assert time.monotonic() < deadline, "the use was never noted"
        time.sleep(0.05)
    client.delete(f"/api/keys/{made['id']}").raise_for_status()
    for headers in spelled(made["key"]):
        assert program.get("/api/credits/balance", headers=headers).status_code == 401


def test_a_key_without_the_scope_is_forbidden_and_told_which(server: LiveServer):
    secret = make(server.sign_up(fresh_email()), scopes=["generate"])["key"]
    for path in ("/api/credits/balance", "/api/usage", "/api/usage/use_nothing"):
        answer = server.client().get(path, headers={"x-api-key": secret})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "'read'" in answer.json()["error"]


@pytest.mark.parametrize(("method", "path", "body"), PERSON_ONLY, ids=str)
def test_a_key_never_reaches_what_only_its_person_may_do(server: LiveServer, method: str, path: str, body):
    client = server.sign_up(fresh_email(), mode="credits")
    secret = make(client)["key"]
    for headers in spelled(secret):
        answer = server.client().request(method, path, json=body, headers=headers)
        assert answer.status_code in (401, 403), (headers, answer.text)
    assert client.get("/api/preferences").json() == {"apiKeyMode": "credits"}
    assert len(client.get("/api/keys").json()["keys"]) == 1


def test_an_unknown_key_is_401_and_does_not_fall_back_to_a_session(server: LiveServer):
    client = server.sign_up(fresh_email())
    for headers in spelled("loom-sk-" + "x" * 43):
        assert client.get("/api/credits/balance", headers=headers).status_code == 401


def test_a_header_of_other_programs_that_is_no_key_of_ours_changes_nothing(server: LiveServer):
    client = server.sign_up(fresh_email())
    assert client.get("/api/credits/balance", headers={"x-api-key": "sk-ant-something"}).status_code == 200
    assert server.client().get("/api/credits/balance", headers={"x-api-key": "sk-ant-something"}).status_code == 401


def test_a_key_is_no_cookie_so_its_origin_does_not_matter(server: LiveServer):
    secret = make(server.sign_up(fresh_email()))["key"]
    headers = {"x-api-key": secret, "origin": "https://a-tool.example"}
    assert server.client().get("/api/credits/balance", headers=headers).status_code == 200


def test_somebody_else_s_key_is_not_found_like_one_that_never_was(server: LiveServer):
    ada, eve = server.sign_up(fresh_email()), server.sign_up(fresh_email())
    made = make(ada)
    answers = [eve.delete(f"/api/keys/{key_id}") for key_id in (made["id"], new_id("key"), "a%00b")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert answers[0].text == answers[1].text
    assert eve.get("/api/keys").json() == {"keys": []}
    assert server.client().get("/api/credits/balance", headers={"x-api-key": made["key"]}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "{}", '{"name": 5}', '{"name": ""}', '{"name": "a\\u0000"}', '{"name": "x", "limits": {"day": NaN}}',
        '{"name": "x", "limits": {"day": 1e400}}', '{"name": "x", "limits": {"day": -1}}', "[]", "nothing",
        '{"name": "x", "limits": {"day": true}}', '{"name": "x", "limits": {"day": "1.005"}}',
        '{"name": "x", "limits": [1]}', '{"name": "x", "scopes": []}', '{"name": "x", "scopes": ["settings"]}',
        '{"name": "x", "limits": {"day": 99999999999999999999999999}}', '{"name": "' + "x" * 81 + '"}',
    ],
)  # fmt: skip
def test_what_is_no_wish_for_a_key_is_400_and_makes_none(server: LiveServer, ada: httpx.Client, body: str):
    answer = ada.post("/api/keys", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input"), answer.text
    assert ada.get("/api/keys").json() == {"keys": []}


def test_another_site_s_page_makes_no_key_with_a_person_s_cookie(ada: httpx.Client):
    headers = {"origin": "https://evil.example"}
    assert ada.post("/api/keys", json={"name": "Evil"}, headers=headers).status_code == 403
    assert ada.get("/api/keys").json() == {"keys": []}


def test_a_key_spends_on_texts_and_opens_no_conversation(server: LiveServer):
    client = server.sign_up(fresh_email(), mode="credits")
    buy(client, 10)
    await_balance(client, "10.00")
    headers = {"authorization": f"Bearer {make(client)['key']}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as program:
        assert program.post("/api/embeddings", json={"input": "one"}).status_code == 200
        assert program.post("/api/summarize", json={"text": "A long story."}).status_code == 200
        refused = program.post("/api/summarize", json={"conversationId": "conv_anything"})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        for path, body in (("/api/chat", {"messages": []}), ("/api/agent", {"task": "Look around"})):
            assert program.post(path, json=body).status_code == 403
        spent = program.get("/api/usage").json()["usage"]
    assert {one["source"] for one in spent} == {"embeddings", "summarize"}
