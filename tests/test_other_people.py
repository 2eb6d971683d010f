"""Another person's ids, at every door: each HTTP route and each handler of a page is tried with them.

Both are enumerated from the application, and filled by the names of their parameters. A new one whose parameters have
names that are not known here fails, until it is said what they are.
"""

import asyncio
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import reflex as rx
from fastapi import FastAPI
from reflex.istate.data import RouterData
from sqlmodel import SQLModel, col, select

from projectloom import projectloom as composed
from projectloom.accounts.keys import store_key
from projectloom.api.app import create_api
from projectloom.api.v1.routes import wire_routes
from projectloom.assistants.agent_models import AgentProposal, AgentRun, ProposalKind
from projectloom.billing.models import Order, OrderStatus
from projectloom.clock import now
from projectloom.config import settings
from projectloom.conversations.chats import add_message, create_conversation
from projectloom.conversations.models import Role
from projectloom.db import reading, transaction
from projectloom.errors import LoomError
from projectloom.ids import new_id
from projectloom.ledger.credits import top_up
from projectloom.ledger.models import CreditLot, Posting
from projectloom.metering.models import Turn, UsageRecord
from projectloom.state.session import SESSION_COOKIE
from projectloom.workspace.api_keys import create_key
from projectloom.workspace.attachments import keep_file
from projectloom.workspace.identity import sign_up
from projectloom.workspace.profile import my_sessions
from tests.conftest import forget_settings
from tests.live import OPEN_DOORS, free_port
from tests.spending import spend

assert composed
CANARY = "violet canary"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Owned:
    """Everything that Ada has, by the names that ids go by, and Eve, who wants it."""

    ids: dict[str, str]
    ada: str
    eve: str
    eve_token: str
    address: str

    def everything(self) -> dict[str, Any]:
        """Every row of the database that has to do with Ada."""
        mine = {self.ada, *self.ids.values()}
        found: dict[str, Any] = {}
        with reading() as session:
            for name, table in SQLModel.metadata.tables.items():
                if name.endswith("_words") or "fts" in name:
                    continue
                rows = [tuple(row) for row in session.connection().execute(select(table)).all()]
                found[name] = sorted(repr(row) for row in rows if mine & {one for one in row if isinstance(one, str)})
        return found


@pytest.fixture
def owned(books, monkeypatch: pytest.MonkeyPatch) -> Iterator[Owned]:
    for name, value in {**OPEN_DOORS, "PORT": str(free_port())}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    ada = sign_up(f"{new_id('ada').lower()}@example.org", PASSWORD)
    eve = sign_up(f"{new_id('eve').lower()}@example.org", PASSWORD)
    person, order_id = ada.person.user_id, new_id("ord")
    with transaction() as session:
        session.add(
            Order(
                id=order_id,
                user_id=person,
                status=OrderStatus.COMPLETED,
                completed_at=now(),
                paid_cents=1000,
                price_cents=1000,
                bonus_cents=0,
                currency="usd",
                livemode=False,
            )
        )
        session.flush()
        top_up(session, user_id=person, order_id=order_id, paid_nanos=10 * 10**9, bonus_nanos=0)
        conversation = create_conversation(session, user_id=person, first_text=f"{CANARY} title")
        asked = add_message(session, conversation=conversation, role=Role.USER, text=f"{CANARY} question")
        add_message(session, conversation=conversation, role=Role.ASSISTANT, text=f"{CANARY} reply")
        conversation_id, message_id = conversation.id, asked.id
        store_key(
            session,
            user_id=person,
            provider="openai",
            api_key="sk-ada-0123456789",
            master_secret=settings().master_secret,
        )
    spend(person, 10**7)
    key = create_key(person, f"{CANARY} key")
    with transaction() as session:
        turn = session.exec(select(Turn).where(Turn.user_id == person)).one()
        turn.text, turn.conversation_id, turn.source = f"{CANARY} text", conversation_id, "summarize"
        usage = session.exec(select(UsageRecord).where(UsageRecord.user_id == person)).one()
        run = AgentRun(
            id=new_id("run"), user_id=person, conversation_id=conversation_id, input_hash="", model="gpt-6-luna",
            task=f"{CANARY} task", budget_nanos=1, lease_until=now() + timedelta(hours=1),
        )  # fmt: skip
        session.add(run)
        session.flush()
        proposal = AgentProposal(**_proposal(run.id, conversation_id))
        session.add(proposal)
        ids = {
            "conversation_id": conversation_id, "turn_id": turn.id, "usage_id": usage.id, "run_id": run.id,
            "proposal_id": proposal.id, "key_id": key.key.id, "order_id": order_id, "message_id": message_id,
        }  # fmt: skip
        ids["lot_id"] = (
            session.exec(select(CreditLot.id).where(col(CreditLot.account_id).contains(person))).first() or ""
        )
        of_ada = select(Posting.id).where(col(Posting.account_id).contains(person))
        ids["movement_id"] = str(session.exec(of_ada).first())
    ids["user_id"] = person
    ids["file_id"] = keep_file(person, "violet.txt", f"{CANARY} file".encode()).id
    ids["row_id"] = order_id
    ids["session_id"] = my_sessions(person, ada.token)[0].id
    ids["chat_id"] = conversation_id
    address = f"/c/{conversation_id}?at={message_id}&order={order_id}&conversation={conversation_id}&purchase=success"
    yield Owned(ids, person, eve.person.user_id, eve.token, address)
    forget_settings()


def _proposal(run_id: str, conversation_id: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": new_id("prop"), "run_id": run_id, "kind": ProposalKind.RENAME, "conversation_id": conversation_id,
        "payload_json": json.dumps({"conversationId": conversation_id, "title": "Taken"}),
    }  # fmt: skip
    return {name: value for name, value in values.items() if name in AgentProposal.model_fields}


# --- HTTP -------------------------------------------------------------------------------------------------------------

# To a client its own id of a chat is new until it is used, so one that it cannot have is answered as one that is not.
ANSWERED_AS_NEW = {
    ("GET", "/api/chat/{chat_id}/stream"): 204,
    ("POST", "/api/chat/{chat_id}/stop"): 200,
}
# Where an id comes in a body. Everything else without an id in its address is sent all of them too, and must neither
# tell nor change anything.
BODIES_REFUSED: dict[str, dict[str, Any]] = {
    "/api/chat": {"messages": [{"role": "user", "content": "Hello"}]},
    "/api/summarize": {},
    "/api/embeddings": {"input": "Hello"},
}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of the product. What the document does not tell of stands below ``/v1``."""
    told = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    wire = [
        (method, f"/v1{getattr(route, 'path', '')}")
        for route in wire_routes().routes
        for method in sorted(getattr(route, "methods", ()))
    ]
    return [*told, *(pair for pair in wire if pair[0] != "HEAD")]


async def test_at_no_route_does_another_person_s_id_tell_or_change_anything(owned: Owned) -> None:
    app = create_api()
    camel = {"conversationId": owned.ids["conversation_id"], "apiKeyId": owned.ids["key_id"]}
    asked = {"conversation": owned.ids["conversation_id"], "before": owned.ids["usage_id"], "key": owned.ids["key_id"]}
    before, wrong = owned.everything(), []
    headers = {"authorization": f"Bearer {owned.eve_token}", "x-openai-api-key": "sk-eve-0123456789"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        for method, path in routes(app):
            if path == "/api/auth/sign-out":
                continue
            names = [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]
            unknown = set(names) - set(owned.ids) - {"model", "path"}
            assert not unknown, f"{path}: say in this test what {unknown} names"
            filled = path.replace(":path", "")
            for name in names:
                filled = filled.replace("{" + name + "}", owned.ids.get(name, "x"))
            body = {**camel, "id": owned.ids["conversation_id"], "decision": "confirm", **BODIES_REFUSED.get(path, {})}
            if path in BODIES_REFUSED:
                del body["id"]
            sent = {} if method == "GET" else {"json": body}
            answer = await client.request(method, filled, params={**camel, **asked}, **sent)
            expected = ANSWERED_AS_NEW.get((method, path), 404 if names or path in BODIES_REFUSED else None)
            if (expected is not None and answer.status_code != expected) or answer.status_code == 500:
                wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:100]}")
            if CANARY in answer.text:
                wrong.append(f"{method} {path} tells: {answer.text[:200]}")
            if owned.everything() != before:
                wrong.append(f"{method} {path} changes what is Ada's")
                before = owned.everything()
    assert wrong == []


# --- Pages ------------------------------------------------------------------------------------------------------------

# What names no thing: the words and choices of whoever asks.
HARMLESS: dict[str, Any] = {
    # A token is a secret of its own, and what an operator asks about is theirs alone to ask.
    "token": "none", "asked": "", "dialog": "grant", "kind": "order",
    "address": "/credits", "amount": "10", "anchor": "m-0",
    "answered_by": "gpt-6-luna", "basis": "b", "cents": "50", "decision": "confirm",
    "draft": "Hello", "entered": {"since": "2026-11-01", "until": "2026-11-30"}, "liked": True, "mode": "own",
    "model": "gpt-6-luna", "model_id": "gpt-6-luna", "period": "all_time", "pinned": True, "position": 1,
    "provider": "openai", "row": 0, "step": 1, "task": "Hello", "text": "Hello", "title": "Taken", "told": True,
}  # fmt: skip
# What a page keeps between two clicks; a browser cannot write it, and even so it must not be enough.
KEPT = {
    "conversation_id": "conversation_id", "_conversation_id": "conversation_id", "turn_id": "turn_id",
    "_turn_id": "turn_id", "run_id": "run_id", "id": "key_id", "key_id": "key_id",
}  # fmt: skip
# The client's own id of a request is new to it; the same one of somebody else's is another.
OWN_ID = "request_id"


def states() -> list[type[rx.State]]:
    """Every state of ours."""

    def below(one: type[rx.State]) -> Iterator[type[rx.State]]:
        for state in one.get_substates():
            yield state
            yield from below(state)

    return sorted(
        {one for one in below(rx.State) if one.__module__.startswith("projectloom.")}, key=lambda one: one.__name__
    )


def handlers() -> list[tuple[type[rx.State], str]]:
    """Every handler of ours."""
    return [
        (state, name)
        for state in states()
        for name, handler in state.event_handlers.items()
        if handler.fn.__module__.startswith("projectloom.")
    ]


def parameters(state: type[rx.State], name: str) -> list[str]:
    return list(inspect.signature(inspect.unwrap(state.event_handlers[name].fn)).parameters)[1:]


def test_every_handler_s_parameters_are_known_here(owned: Owned) -> None:
    known = {*HARMLESS, *owned.ids, OWN_ID, "form", "files"}
    unknown = {
        f"{state.__name__}.{name}({one})"
        for state, name in handlers()
        for one in parameters(state, name)
        if one not in known
    }
    assert unknown == set(), "say in this test whether these name things"
    # What runs in the background is not tried below, so it takes no ids.
    for state, name in handlers():
        if state.event_handlers[name].is_background:
            assert not {*parameters(state, name)} & {*owned.ids, "form"}


def page_of(owned: Owned, state: type[rx.State], address: str) -> rx.State:
    """Eve's page at an address, with the ids of Ada's in whatever it keeps."""
    root = rx.State(_reflex_internal_init=True)  # pyright: ignore[reportCallIssue]
    router = {"headers": {"cookie": f"{SESSION_COOKIE}={owned.eve_token}", "origin": "http://localhost:3000"}}
    root.router = RouterData.from_router_data({**router, "pathname": address, "asPath": address, "query": {}})
    page: Any = root
    for part in state.get_full_name().split(".")[1:]:
        page = page.substates[part]
    for kept, named in KEPT.items():
        if kept in state._settable_names and isinstance(getattr(page, kept), str):
            setattr(page, kept, owned.ids[named])
    if isinstance(getattr(page, "_ids", None), list):
        page._ids = [owned.ids["message_id"]] * 3
    return root


async def outcome(page: Any, state: type[rx.State], name: str, values: list[Any]) -> str:
    """Everything that the handler tells the page, and what the page then has."""
    told: list[str] = []
    try:
        answer = state.event_handlers[name].fn(page, *values)
        if inspect.isasyncgen(answer):
            told += [repr(step) async for step in answer]
        elif inspect.isawaitable(answer):
            told.append(repr(await answer))
        else:
            told.append(repr(answer))
    except LoomError as error:
        told.append(error.message)
    return " ".join(told)


@pytest.mark.parametrize("where", ["/c/…", "/agent/…"])
async def test_in_no_handler_does_another_person_s_id_tell_or_change_anything(owned: Owned, where: str) -> None:
    address = owned.address if where == "/c/…" else f"/agent/{owned.ids['run_id']}"
    form = {**owned.ids, "id": owned.ids["conversation_id"], "title": "Taken", "name": "Taken", "amount": "10"}
    form["instructions"] = "Taken"
    filled = {**HARMLESS, **owned.ids, OWN_ID: "request-1", "form": form, "files": [owned.ids["file_id"]]}
    before, wrong = owned.everything(), []
    for state, name in handlers():
        if state.event_handlers[name].is_background:
            continue
        root = page_of(owned, state, address)
        page: Any = root
        for part in state.get_full_name().split(".")[1:]:
            page = page.substates[part]
        values = [filled[one] for one in parameters(state, name)]
        told = await asyncio.wait_for(outcome(page, state, name, values), 60)
        told += json.dumps(root.dict(), default=repr)
        if CANARY in told:
            wrong.append(f"{state.__name__}.{name} tells")
        if owned.everything() != before:
            wrong.append(f"{state.__name__}.{name} changes what is Ada's")
            before = owned.everything()
    assert wrong == []
