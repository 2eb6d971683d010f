"""The monthly limit of a person's own key: never passed, also by replies at once, and told in words."""

import asyncio
import json

import pytest

from projectloom.clock import next_month, now
from projectloom.db import reading, transaction
from projectloom.errors import CapReached, InvalidInput, KeyRefused, NotFound, ProviderError
from projectloom.metering.cards import current_card
from projectloom.metering.own_key_caps import own_key_cap, own_key_uses, without_markup
from projectloom.metering.quotes import estimate
from projectloom.metering.relays import Relayed, start_relay
from projectloom.money import from_usd
from projectloom.pricing import quote
from projectloom.providers import read_wire_request
from projectloom.workspace.preferences import delete_provider_key, save_provider_key
from projectloom.workspace.provider_keys import limit_provider_key, try_provider_key
from tests.metering.conftest import MODEL, World
from tests.providers.dialects import O_DONE, O_START, O_WHOLE, o_chunk, o_text, o_usage
from tests.providers.scripted_server import refusal, stream

KEY = "sk-own-0123456789"
WHOLE = stream(*O_WHOLE)
SLOW = [WHOLE[0], 2.0, *WHOLE[1:]]


def used(w: World, nanos: int) -> None:
    """So much was billed to the person's own key this month."""
    from projectloom.ids import new_id
    from projectloom.metering.models import Completion, Funding, Turn, TurnState, UsageRecord

    turn_id, moment = new_id("turn"), now()
    common = {"user_id": w.person, "source": "chat", "provider": "openai", "model": MODEL, "price_version": 1}
    with transaction() as session:
        session.add(
            Turn(
                id=turn_id, input_hash="", funding=Funding.OWN_KEY, state=TurnState.SETTLED,
                completion=Completion.COMPLETE, max_output_tokens=1, input_estimate=1, text="Hello", lease_until=moment,
                ended_at=moment, **common,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            UsageRecord(
                id=new_id("use"), turn_id=turn_id, funding=Funding.OWN_KEY, input_tokens=1, cache_read_tokens=0,
                cache_write_5m_tokens=0, cache_write_1h_tokens=0, output_tokens=1, reasoning_tokens=0, estimated=False,
                provider_cost_nanos=nanos, charged_nanos=0, **common,
            )
        )  # fmt: skip


def with_limit(w: World, dollars: int) -> None:
    save_provider_key(w.person, "openai", KEY)
    limit_provider_key(w.person, "openai", dollars)


async def test_a_used_up_limit_refuses_before_the_call_and_says_which_and_until_when(world):
    async with world(WHOLE, mode="own", nanos=0) as w:
        with_limit(w, 1)
        used(w, from_usd(1) - 1)
        with pytest.raises(CapReached) as refused:
            await w.start()
        assert refused.value.message.startswith("The monthly limit of your own OpenAI key of $1.00 leaves $0.00")
        assert refused.value.data["resets_at"] == next_month(now())
        assert estimate(w.person, MODEL, None, "Hello").obstacle == "cap_reached"
        assert not w.provider.asked
        limit_provider_key(w.person, "openai", None)
        assert (await w.reply())[1].funding == "own_key"


async def test_a_reply_that_could_pass_the_limit_is_shortened_also_for_a_program(world):
    async with world(WHOLE, WHOLE, mode="own", nanos=0) as w:
        with_limit(w, 1)
        used(w, from_usd(1) - 20_000_000)
        _, receipt = await w.reply()
        assert receipt.clamped
        assert w.provider.asked[0].body["max_completion_tokens"] < 2_001
        wire = read_wire_request(
            "/chat/completions",
            b'{"model": "gpt-6.1-sol", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}',
        )
        from projectloom.metering.turn import open_request

        opened = await open_request(w.request(wire=wire, messages=(), kept=False))
        assert opened.turn.clamped
        assert b'"max_completion_tokens":' in opened.call.body


async def test_replies_that_begin_at_once_never_pass_the_limit_together(world):
    async with world(*[SLOW] * 4, mode="own", nanos=0) as w:
        with_limit(w, 1)
        used(w, from_usd(1) - 150_000_000)
        tried = await asyncio.gather(*(w.start() for _ in range(4)), return_exceptions=True)
        begun = [one for one in tried if not isinstance(one, BaseException)]
        assert all(isinstance(one, CapReached) for one in tried if isinstance(one, BaseException))
        assert begun
        with reading() as session:
            cap = own_key_cap(session, user_id=w.person, provider="openai")
        assert cap is not None
        assert cap.spent_nanos + cap.held_nanos <= cap.limit_nanos
        for one in begun:
            await w.watch(one.turn_id)


async def test_a_key_that_comes_with_the_request_and_credits_know_nothing_of_the_limit(world):
    async with world(WHOLE, mode="own", nanos=0) as w:
        with_limit(w, 1)
        used(w, from_usd(5))
        _, receipt = await w.reply(own_keys={"openai": "sk-another-0123456789"})
        assert not receipt.clamped


async def test_what_a_key_was_asked_for_and_when_is_told_and_begins_anew_with_another_key(world):
    async with world(WHOLE, mode="own", nanos=0) as w:
        save_provider_key(w.person, "openai", KEY)
        assert own_key_uses(w.person, ["openai"])["openai"].last_used_at is None
        _, receipt = await w.reply()
        use = own_key_uses(w.person, ["openai"])["openai"]
        assert use.spent_nanos == receipt.provider_cost_nanos > 0
        assert use.last_used_at is not None
        save_provider_key(w.person, "openai", "sk-other-0123456789")
        use = own_key_uses(w.person, ["openai"])["openai"]
        assert (use.spent_nanos, use.last_used_at) == (receipt.provider_cost_nanos, None)


def test_a_limit_is_whole_dollars_of_a_key_that_is_there_and_stays_when_the_key_is_replaced(person: str):
    with pytest.raises(NotFound):
        limit_provider_key(person, "openai", 5)
    save_provider_key(person, "openai", KEY)
    for wrong in (0, -1, True, 1.5, "5", 10_001):
        with pytest.raises(InvalidInput):
            limit_provider_key(person, "openai", wrong)
    limit_provider_key(person, "openai", 5)
    assert save_provider_key(person, "openai", "sk-other-0123456789").limit_month_nanos == from_usd(5)
    delete_provider_key(person, "openai")
    assert save_provider_key(person, "openai", KEY).limit_month_nanos is None


async def test_a_key_is_tried_at_its_provider_for_nothing_and_what_was_said_is_told_apart(world):
    listed = refusal(200, {"object": "list", "data": []})
    refused = refusal(401, {"error": {"message": "no", "type": "invalid_request_error", "code": "invalid_api_key"}})
    broken = refusal(500, {"error": {"message": "no"}})
    async with world(listed, refused, broken, mode="own", nanos=0) as w:
        save_provider_key(w.person, "openai", KEY)
        await try_provider_key(w.person, "openai")
        with pytest.raises(ProviderError) as said:
            await try_provider_key(w.person, "openai", "sk-another-0123456789")
        assert isinstance(said.value, KeyRefused)
        with pytest.raises(ProviderError) as silent:
            await try_provider_key(w.person, "openai")
        assert not isinstance(silent.value, KeyRefused)
        with pytest.raises(NotFound):
            await try_provider_key(w.person, "anthropic")
        assert [one.path for one in w.provider.asked] == ["/v1/models"] * 3
        assert not w.turns()


async def test_replies_whose_input_nothing_bounds_do_not_pass_the_limit_together(world):
    with reading() as session:
        card = without_markup(current_card(session).card)
    context = card.model(MODEL).context_tokens
    dearest = quote(card, MODEL, input_bound=context, max_output=100)
    counted = o_usage({"prompt_tokens": context - 1_000, "completion_tokens": 10, "total_tokens": context - 990})
    answer = stream(O_START, o_text("Read."), o_chunk({}, "stop"), counted, O_DONE)
    document = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}
    messages = [{"role": "user", "content": [document, {"type": "text", "text": "Sum it up."}]}]
    body = {"model": MODEL, "max_tokens": 100, "stream": True, "messages": messages}
    wire = read_wire_request("/chat/completions", json.dumps(body).encode())
    async with world([answer[0], 0.5, *answer[1:]], mode="own", nanos=0) as w:
        with_limit(w, 1 + dearest // from_usd(1))
        request = w.request(messages=(), kept=False, wire=wire)
        begun = await asyncio.gather(*(start_relay(request, lambda told: {}) for _ in range(4)), return_exceptions=True)
        relayed = [one for one in begun if isinstance(one, Relayed)]
        assert all(isinstance(one, CapReached) for one in begun if one not in relayed)
        for one in relayed:
            await one.feed.settled()
        with reading() as session:
            cap = own_key_cap(session, user_id=w.person, provider="openai")
        assert cap is not None
        assert 0 < cap.spent_nanos <= cap.limit_nanos
        assert cap.held_nanos == 0
