"""Requests that arrive slowly: who asks may be shut out before the body has come, and no body takes for ever."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from projectloom import limits
from projectloom.accounts.models import User
from projectloom.api.app import create_api
from projectloom.api.bodies import read_bytes
from projectloom.belongings.deleting import delete_everything
from projectloom.billing.balance import read_balance
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import TooSlow, Unauthorized
from projectloom.ids import new_id
from projectloom.workspace.account_links import reset_password
from projectloom.workspace.api_keys import create_key, my_keys, revoke_key
from projectloom.workspace.identity import SignedIn, sign_in, sign_out, sign_up
from projectloom.workspace.preferences import read_preferences
from tests.accounts.test_links import NEW, PASSWORD, reset_secret
from tests.conftest import forget_settings

HEAD_ONLY = 5


@pytest.fixture
def thief(books) -> SignedIn:
    """A session in somebody's account, who is about to end it."""
    email = f"{new_id('p').lower()}@example.org"
    sign_up(email, PASSWORD)
    return sign_in(email, PASSWORD)


async def ask(
    method: str, path: str, secret: str, body: bytes, meanwhile: Callable[[], Awaitable[object]]
) -> tuple[int, bytes]:
    """The answer to a request whose body stops after a few bytes until something has happened."""
    sent: list[Message] = []
    arriving = [(body[:HEAD_ONLY], True), (body[HEAD_ONLY:], False)]

    async def receive() -> Message:
        if not arriving:
            await asyncio.Event().wait()
        if len(arriving) == 1:
            await meanwhile()
        data, more = arriving.pop(0)
        return {"type": "http.request", "body": data, "more_body": more}

    async def send(message: Message) -> None:
        sent.append(message)

    await create_api()(
        {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {secret}".encode())],
            "scheme": "http", "server": ("localhost", 8000), "client": ("127.0.0.1", 5), "root_path": "",
        },
        receive,
        send,
    )  # fmt: skip
    (status,) = [message["status"] for message in sent if message["type"] == "http.response.start"]
    return status, b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize(
    ("method", "path", "values"),
    [
        ("POST", "/api/keys", {"name": "Mine for ever"}),
        ("PUT", "/api/preferences", {"apiKeyMode": "credits"}),
        ("PUT", "/api/auto-top-up", {"enabled": False, "threshold": 5, "amount": 10, "monthlyCeiling": 50}),
        ("PUT", "/api/caps", {"day": None}),
        ("POST", "/api/credits/redeem", {"code": "WELCOME-2026"}),
        ("POST", "/api/stripe/create-checkout", {"amount": 10}),
        ("POST", "/api/conversations/import", {"format": "projectloom", "version": 1}),
        ("POST", "/api/attachments", {"any": "file"}),
        ("POST", "/api/chat", {"messages": [{"role": "user", "content": "Hello"}]}),
        ("POST", "/api/agent", {"task": "Tidy up"}),
        ("POST", "/v1/chat/completions", {"model": "gpt-6.1-terra", "messages": []}),
        ("POST", "/v1/messages/count_tokens", {"model": "claude-sonnet-5-5", "messages": []}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_request_that_began_before_a_reset_does_nothing_after_it(
    thief: SignedIn, method: str, path: str, values: dict[str, object]
):
    secret, before = reset_secret(thief.person.email), read_preferences(thief.person.user_id)

    async def reset() -> None:
        await asyncio.to_thread(reset_password, secret, NEW)

    status, answer = await ask(method, path, thief.token, json.dumps(values).encode(), reset)
    assert status == 401, answer
    assert my_keys(thief.person.user_id) == []
    assert read_preferences(thief.person.user_id) == before


async def test_an_operator_who_is_signed_out_meanwhile_gives_nothing(thief: SignedIn, monkeypatch):
    monkeypatch.setenv("ADMIN_EMAILS", thief.person.email)
    forget_settings()
    with transaction() as session:
        person = session.get_one(User, thief.person.user_id)
        person.email_confirmed_at = now()
        session.add(person)
    path = f"/api/admin/people/{person.id}/grants"

    async def nothing() -> None:
        pass

    async def end() -> None:
        await asyncio.to_thread(sign_out, thief.token)

    given = [
        await ask("POST", path, thief.token, json.dumps({"dollars": 100, "reason": reason}).encode(), meanwhile)
        for reason, meanwhile in (("as an operator", nothing), ("for myself", end))
    ]
    assert [status for status, _ in given] == [200, 401]
    assert read_balance(person.id).posted_nanos == 100 * 10**9


async def test_a_session_that_another_process_ended_a_moment_ago_makes_no_key(thief: SignedIn, monkeypatch):
    # This process remembers the session for a second, as long as nobody tells it.
    monkeypatch.setattr("projectloom.workspace.account_links.forget_person", lambda user_id: None)
    secret = reset_secret(thief.person.email)

    async def reset() -> None:
        await asyncio.to_thread(reset_password, secret, NEW)

    status, _ = await ask("POST", "/api/keys", thief.token, b'{"name": "Mine for ever"}', reset)
    assert status == 401
    with pytest.raises(Unauthorized):
        create_key(thief.person.user_id, "By a thread that began before", token=thief.token)
    assert my_keys(thief.person.user_id) == []


async def test_who_is_deleted_meanwhile_gets_no_key(thief: SignedIn):
    async def leave() -> None:
        await delete_everything(thief.person.user_id, thief.person.email, give_up_credit=True)

    status, _ = await ask("POST", "/api/keys", thief.token, b'{"name": "Mine for ever"}', leave)
    assert status == 401


async def test_a_key_that_is_revoked_meanwhile_spends_nothing(thief: SignedIn):
    made = create_key(thief.person.user_id, "Lost")

    async def revoke() -> None:
        await asyncio.to_thread(revoke_key, thief.person.user_id, made.key.id)

    body = json.dumps({"input": "Hello", "model": "text-embedding-3-small"}).encode()
    for path in ("/api/embeddings", "/v1/embeddings"):
        assert (await ask("POST", path, made.secret, body, revoke))[0] == 401


async def test_whose_session_lives_on_may_be_slow(thief: SignedIn):
    async def nothing() -> None:
        await asyncio.sleep(0.1)

    status, _ = await ask("POST", "/api/keys", thief.token, b'{"name": "Slow line"}', nothing)
    assert status == 201
    assert [key.name for key in my_keys(thief.person.user_id)] == ["Slow line"]


@pytest.mark.parametrize(
    ("path", "told"),
    [("/api/keys", "code"), ("/api/chat", "code"), ("/v1/chat/completions", "error"), ("/v1/messages", "type")],
)
async def test_a_body_that_stops_is_given_up_in_the_words_of_each_door(
    thief: SignedIn, monkeypatch, path: str, told: str
):
    monkeypatch.setattr(limits, "BODY_PAUSE_SECONDS", 0.05)

    async def never() -> None:
        await asyncio.Event().wait()

    status, answer = await ask("POST", path, thief.token, b'{"name": "Mine"}', never)
    assert status == 408
    values = json.loads(answer)
    assert told in values
    assert "too long to arrive" in json.dumps(values)


async def test_a_body_that_drips_has_no_more_time_than_one_of_its_size(monkeypatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    given = 0

    async def receive() -> Message:
        nonlocal given
        given += 1
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": given < 50}

    with pytest.raises(TooSlow):
        await read_bytes(Request({"type": "http"}, receive), limit=100)
    assert given < 30
    given = 0
    # The same drops of what may be larger are in time.
    assert len(await read_bytes(Request({"type": "http"}, receive), limit=100 * limits.BODY_BYTES_A_SECOND)) == 50
