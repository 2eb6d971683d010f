"""A reply that brings the balance low says so, at most once a day."""

from projectloom import limits
from projectloom.db import transaction
from projectloom.metering.notices import tell_low_balance
from projectloom.money import from_usd
from tests.mails.conftest import written
from tests.metering.test_turn import WHOLE


def note(person: str, charged: int) -> None:
    with transaction() as session:
        tell_low_balance(session, user_id=person, charged_nanos=charged)


async def test_a_reply_that_crosses_the_line_is_told_and_the_next_is_not(world, monkeypatch):
    monkeypatch.setattr(limits, "LOW_BALANCE_NANOS", 10 * 10**9)
    async with world(WHOLE, WHOLE) as w:
        await w.reply()
        (mail,) = written()
        assert (mail.user_id, mail.kind) == (w.person, "low_balance")
        assert mail.subject.endswith("of credit left")
        assert "Hello" not in mail.body
        await w.reply()
        assert len(written()) == 1


async def test_a_reply_far_above_or_below_the_line_is_not_told(world):
    async with world(WHOLE) as w:
        await w.reply()
        assert written() == []


async def test_own_keys_are_told_nothing(world, monkeypatch):
    monkeypatch.setattr(limits, "LOW_BALANCE_NANOS", 10 * 10**9)
    async with world() as w:
        assert w.balances.posted_nanos
        note(w.person, 0)
        assert written() == []


async def test_low_balance_is_told_once_a_day_however_often_it_is_crossed(world, monkeypatch):
    monkeypatch.setattr(limits, "LOW_BALANCE_NANOS", from_usd(11))
    async with world() as w:
        for _ in range(3):
            note(w.person, from_usd(2))
        assert len(written()) == 1
        monkeypatch.setattr("projectloom.metering.notices.now", lambda: written()[0].created_at.replace(year=2031))
        note(w.person, from_usd(2))
        assert len(written()) == 2
