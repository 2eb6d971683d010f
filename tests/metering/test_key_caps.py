"""Limits of API keys: never passed, also by calls at once; told; and no concern of whoever asks without a key."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from projectloom import db
from projectloom.clock import next_month, now, start_of_day
from projectloom.db import reading
from projectloom.errors import CapReached, Unauthorized
from projectloom.mails.models import MailKind, MailOut
from projectloom.metering.caps import set_caps
from projectloom.metering.key_caps import KeyCap, KeySpending, key_caps_of, spending_of_keys
from projectloom.metering.models import CapScope, KeyScope, Turn, UsageRecord
from projectloom.metering.receipts import list_receipts, read_usage_receipt
from projectloom.money import from_cents, from_usd
from projectloom.workspace.api_keys import create_key, revoke_key
from tests.conftest import new_person
from tests.metering.conftest import World
from tests.providers.dialects import O_WHOLE
from tests.providers.scripted_server import stream
from tests.spending import spend

WHOLE = stream(*O_WHOLE)
# Long enough for all to have asked before the first ends.
SLOW = [WHOLE[0], 3.0, *WHOLE[1:]]


def key_of(w: World, **allowed: object) -> str:
    return create_key(w.person, "Notebook", allowed).key.id


def caps(key_id: str) -> dict[KeyScope, KeyCap]:
    with reading() as session:
        return {cap.scope: cap for cap in key_caps_of(session, key_id)}


def told(person: str) -> list[str]:
    with reading() as session:
        query = select(MailOut.subject).where(MailOut.user_id == person, MailOut.kind == MailKind.CAP)
        return list(session.exec(query.order_by(col(MailOut.id))).all())


async def test_the_turn_the_record_and_the_receipt_name_the_key_also_when_it_is_revoked(world):
    async with world(WHOLE, WHOLE) as w:
        key_id = key_of(w)
        _, receipt = await w.reply(api_key_id=key_id)
        _, without = await w.reply()
        assert without.api_key is None
        revoke_key(w.person, key_id)
        assert receipt.usage_id is not None
        for found in (receipt, read_usage_receipt(w.person, receipt.usage_id), list_receipts(w.person)[1]):
            assert found.api_key is not None
            assert (found.api_key.id, found.api_key.name) == (key_id, "Notebook")
        with reading() as session:
            assert session.exec(select(Turn.api_key_id).order_by(col(Turn.id))).all() == [key_id, None]
            assert session.exec(select(UsageRecord.api_key_id).order_by(col(UsageRecord.id))).all() == [key_id, None]


@pytest.mark.parametrize("scope", list(KeyScope))
async def test_a_limit_that_is_used_up_refuses_and_says_which_what_is_left_and_until_when(world, scope: KeyScope):
    async with world(WHOLE, WHOLE) as w:
        key_id = key_of(w, **{scope.value: 2})
        spend(w.person, from_usd(2) - 1, key_id)
        with pytest.raises(CapReached) as refused:
            await w.start(api_key_id=key_id)
        words = {"day": "daily limit", "month": "monthly limit", "total": "limit in total"}[scope]
        assert refused.value.message.startswith(f"The {words} of your key “Notebook” of $2.00 leaves $0.00")
        until = {"day": start_of_day(now()) + timedelta(days=1), "month": next_month(now()), "total": None}[scope]
        data = refused.value.data
        assert (data["scope"], data["left_nanos"], data["resets_at"]) == (scope, 1, until)
        assert (await w.reply())[1].charged_nanos > 0
        assert (await w.reply(api_key_id=key_of(w)))[1].charged_nanos > 0


async def test_what_another_key_or_the_person_themself_spends_does_not_count(world):
    async with world(WHOLE) as w:
        key_id = key_of(w, day=1)
        spend(w.person, from_usd(2))
        spend(w.person, from_usd(2), key_of(w))
        assert caps(key_id)[KeyScope.DAY].left_nanos == from_usd(1)
        assert (await w.reply(api_key_id=key_id))[1].charged_nanos > 0


async def test_of_the_person_s_cap_and_the_key_s_limits_the_tightest_binds(world):
    async with world(WHOLE, nanos=100 * 10**9) as w:
        key_id = key_of(w, day=5, total=3)
        set_caps(w.person, {CapScope.DAY: 2})
        spend(w.person, from_usd(2) - 1, key_id)
        with pytest.raises(CapReached, match="Your daily cap"):
            await w.start(api_key_id=key_id)
        set_caps(w.person, {CapScope.DAY: None})
        spend(w.person, from_cents(95), key_id)
        _, receipt = await w.reply(api_key_id=key_id, model="gpt-6-astra")
        assert receipt.clamped
        assert receipt.held_nanos <= from_cents(5) + 1


async def test_of_twenty_calls_at_once_under_a_limit_for_one_exactly_one_passes(world):
    async with world(WHOLE, *[SLOW] * 20, nanos=100 * 10**9) as w:
        _, one_call = await w.reply(model="gpt-6-astra", max_tokens=256)
        cents = -(-one_call.held_nanos // from_cents(1))
        assert from_cents(cents) < 2 * one_call.held_nanos
        key_id = key_of(w, total=f"0.{cents:02}")
        begun = await asyncio.gather(
            *[w.start(model="gpt-6-astra", max_tokens=256, api_key_id=key_id) for _ in range(20)],
            return_exceptions=True,
        )
        started = [one for one in begun if not isinstance(one, BaseException)]
        assert all(isinstance(one, CapReached) for one in begun if isinstance(one, BaseException)), begun
        assert len(started) == 1
        assert caps(key_id)[KeyScope.TOTAL].held_nanos == started[0].held_nanos <= from_cents(cents)
        await w.watch(started[0].turn_id)
        view = caps(key_id)[KeyScope.TOTAL]
        assert 0 < view.spent_nanos <= view.limit_nanos
        assert view.held_nanos == 0


async def test_each_threshold_of_a_key_is_told_once(world):
    async with world(*[WHOLE] * 3, nanos=100 * 10**9) as w:
        key_id = key_of(w, total=1)
        spend(w.person, 499_999_999, key_id)
        await w.reply(api_key_id=key_id)
        assert told(w.person) == ["50 % of the limit in total of your key “Notebook” is used"]
        await w.reply(api_key_id=key_id)
        await w.reply()
        assert len(told(w.person)) == 1


async def test_limits_bind_only_where_credits_pay(world):
    async with world(WHOLE, mode="own") as w:
        key_id = key_of(w, total=1)
        spend(w.person, from_usd(1), key_id)
        _, receipt = await w.reply(api_key_id=key_id, own_keys={"openai": "sk-own-0123456789"})
        assert (receipt.charged_nanos, receipt.completion) == (0, "complete")


async def test_with_a_revoked_key_or_somebody_else_s_nothing_is_begun(world):
    async with world() as w:
        revoked, foreign = key_of(w), create_key(new_person(), "Theirs").key.id
        revoke_key(w.person, revoked)
        for key_id in (revoked, foreign, "key_nothing"):
            with pytest.raises(Unauthorized):
                await w.start(api_key_id=key_id)
        assert w.turns() == []
        assert w.balances.held_nanos == 0


async def test_a_turn_without_a_key_asks_nothing_about_keys(world):
    async with world(WHOLE) as w:
        key_of(w, day=1)
        asked: list[str] = []
        event.listen(db.engine(), "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement))
        await w.reply()
        assert asked
        assert [one for one in asked if "FROM api_keys" in one or "api_key_id =" in one] == []


async def test_spending_of_each_key_is_its_own(world):
    async with world(nanos=100 * 10**9) as w:
        first, second = key_of(w), key_of(w)
        spend(w.person, from_usd(1), first)
        spend(w.person, from_usd(2), first)
        spend(w.person, from_usd(4))
        expected = KeySpending(from_usd(3), from_usd(3), from_usd(3))
        assert spending_of_keys([first, second]) == {first: expected}
