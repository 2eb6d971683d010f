"""A request that comes again is the turn that it opened, whatever has changed since."""

import pytest
from sqlalchemy import delete

from projectloom.accounts.models import ProviderKey
from projectloom.config import settings
from projectloom.db import transaction
from projectloom.errors import CreditsUnavailable, IdempotencyConflict, MissingApiKey
from projectloom.providers import ChatMessage
from projectloom.workspace.preferences import save_provider_key, set_api_key_mode
from tests.metering.conftest import MODEL
from tests.metering.test_turn import WHOLE


async def test_a_repeated_request_is_its_turn_though_its_payer_was_switched_since(world):
    async with world(WHOLE) as w:
        first = await w.start(client_request_id="once")
        await w.watch(first.turn_id)
        set_api_key_mode(w.person, "own")
        again = await w.start(client_request_id="once")
        assert (again.turn_id, again.funding) == (first.turn_id, "credits")
        with pytest.raises(MissingApiKey):
            await w.start(client_request_id="another")


async def test_a_repeated_request_is_its_turn_though_its_key_was_deleted_since(world):
    async with world(WHOLE, mode="own") as w:
        save_provider_key(w.person, "openai", "sk-own-0123456789")
        first = await w.start(client_request_id="once", model=MODEL)
        await w.watch(first.turn_id)
        with transaction() as session:
            session.connection().execute(delete(ProviderKey))
        assert (await w.start(client_request_id="once", model=MODEL)).turn_id == first.turn_id


async def test_a_repeated_request_is_its_turn_though_the_operator_s_key_is_gone(world, monkeypatch):
    async with world(WHOLE) as w:
        first = await w.start(client_request_id="once")
        await w.watch(first.turn_id)
        monkeypatch.setenv("OPENAI_API_KEY", "")
        settings.cache_clear()
        assert (await w.start(client_request_id="once")).turn_id == first.turn_id
        with pytest.raises(CreditsUnavailable):
            await w.start(client_request_id="another")


async def test_other_content_under_the_same_id_is_a_conflict_before_anything_else_is_asked(world):
    async with world(WHOLE) as w:
        await w.watch((await w.start(client_request_id="once")).turn_id)
        set_api_key_mode(w.person, "own")
        with pytest.raises(IdempotencyConflict):
            await w.start(client_request_id="once", messages=(ChatMessage("user", "Something else"),))
        assert len(w.turns()) == 1
