"""No handler of the operator's pages does anything for anybody else, whatever a browser sends."""

import inspect
from typing import Any

import pytest
import reflex as rx
from reflex.istate.data import RouterData

from projectloom.errors import NotFound, Unauthorized
from projectloom.state import (
    operator_books,
    operator_margins,
    operator_people,
    operator_person,
    operator_prices,
    operator_record,
    operator_troubles,
)
from projectloom.state.session import SESSION_COOKIE
from projectloom.workspace.identity import Person, sign_up
from tests.belongings.test_deleting import everything

MODULES = (
    operator_books,
    operator_margins,
    operator_people,
    operator_person,
    operator_prices,
    operator_record,
    operator_troubles,
)
STATES = [
    found
    for module in MODULES
    for _, found in inspect.getmembers(module, inspect.isclass)
    if issubclass(found, rx.State) and found.__module__ == module.__name__
]
# Only puts away what is shown.
HARMLESS = {"close", "setvar"}
HANDLERS = [
    pytest.param(state, name, id=f"{state.__name__}.{name}")
    for state in STATES
    for name in state.event_handlers
    if name not in HARMLESS and name not in rx.State.event_handlers
]
SENT = {"form": {}, "entered": {}, "dialog": "grant", "lot_id": "lot_1", "kind": "events", "row_id": "evt_1"}


def test_every_page_has_handlers_to_be_swept():
    assert len(STATES) == len(MODULES)
    assert len(HANDLERS) >= 18


def state_of(kind: type[rx.State], token: str) -> Any:
    state = kind(_reflex_internal_init=True)  # pyright: ignore[reportCallIssue]
    headers = {"cookie": f"{SESSION_COOKIE}={token}"}
    state.router = RouterData.from_router_data({"headers": headers, "pathname": "/", "asPath": "/", "query": {}})
    return state


async def run(state: Any, name: str) -> None:
    handler = inspect.unwrap(type(state).event_handlers[name].fn)
    wanted = list(inspect.signature(handler).parameters)[1:]
    called = handler(state, **{parameter: SENT[parameter] for parameter in wanted})
    if inspect.isasyncgen(called):
        async for _ in called:
            pass
    else:
        await called


@pytest.mark.parametrize(("kind", "name"), HANDLERS)
async def test_an_ordinary_person_and_nobody_reach_nothing_by_any_handler(
    operator: Person, monkeypatch: pytest.MonkeyPatch, kind: type[rx.State], name: str
):
    ordinary = sign_up("ordinary@example.org", "correct horse battery").token
    before = everything()
    for token, error in ((ordinary, NotFound), ("", Unauthorized), ("x" * 43, Unauthorized)):
        state = state_of(kind, token)
        shown = state.dict()
        # In the background a state is entered before it is touched.
        monkeypatch.setattr(kind, "__aenter__", _itself, raising=False)
        monkeypatch.setattr(kind, "__aexit__", lambda self, *_: _itself(None), raising=False)
        with pytest.raises(error):
            await run(state, name)
        assert state.dict() == shown
    assert everything() == before


async def _itself(value: Any) -> Any:
    return value
