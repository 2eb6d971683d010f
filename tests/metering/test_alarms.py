"""The operator is told, once for each cause, of replies that cannot be settled, cost the house, or have no price."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlmodel import Session

from projectloom import limits
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import DatabaseUnavailable, UnknownModel
from projectloom.metering import recovery, settling, unpriced
from projectloom.metering.opening import open_turn
from projectloom.metering.recovery import abandon_turns, recover_turns
from tests.mails.conftest import written
from tests.metering.test_house_losses import MANY_SEARCHES, WHOLE
from tests.providers.dialects import A_STOP, a_delta, a_start, a_text
from tests.providers.scripted_server import stream

ABOVE = stream(a_start(), a_text("It rains."), a_delta(usage=MANY_SEARCHES), A_STOP)


@pytest.fixture(autouse=True)
def _somebody_to_tell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SMTP_HOST", "mail.example")
    monkeypatch.setenv("SMTP_FROM", "loom@example.org")
    monkeypatch.setenv("ALERT_EMAIL", "operator@example.org")
    monkeypatch.setattr(unpriced._Told, "day", "")
    monkeypatch.setattr(unpriced._Told, "models", frozenset())


def alerts() -> list[tuple[str, str]]:
    return [(mail.subject, mail.dedupe_key) for mail in written() if mail.kind == "alert"]


async def test_a_reply_above_its_hold_is_told_once_a_day_and_model(world):
    async with world(ABOVE, ABOVE) as w:
        for _ in range(2):
            await w.reply(model="claude-sonnet-5-5")
        key = f"alert:above_hold:claude-sonnet-5-5:{now():%Y-%m-%d}"
        assert alerts() == [("A reply cost more than was held", key)]


async def test_a_reply_that_cannot_be_settled_is_told_once_and_settled_when_it_can(world, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a broken promise")

    async with world(WHOLE) as w:
        turn_id = open_turn(w.request()).turn.id
        abandon_turns()
        with monkeypatch.context() as patch:
            patch.setattr(recovery, "settle", broken)
            for _ in range(3):
                assert recover_turns() == 0
        assert alerts() == [("A reply could not be settled", f"alert:not_settled:{turn_id}")]
        assert recover_turns() == 1


async def test_the_process_that_wrote_a_reply_tells_as_well_that_it_cannot_settle_it(world, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a broken promise")

    async with world(WHOLE) as w:
        with monkeypatch.context() as patch:
            # What is above its hold takes the slower way; here every reply does, and fails on it.
            patch.setattr("projectloom.metering.running.plain_end", lambda *_: None)
            patch.setattr(settling, "capture", broken)
            started = await w.start()
            for _ in range(200):
                if alerts():
                    break
                await asyncio.sleep(0.02)
        assert alerts() == [("A reply could not be settled", f"alert:not_settled:{started.turn_id}")]
        abandon_turns()
        assert recover_turns() == 1


async def test_a_hold_that_ran_out_is_told(world, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a broken promise")

    async with world(WHOLE) as w:
        monkeypatch.setattr("projectloom.limits.HOLD_LIFETIME_SECONDS", -1)
        turn_id = open_turn(w.request()).turn.id
        abandon_turns()
        monkeypatch.setattr(recovery, "settle", broken)
        assert recover_turns() == 1
        assert ("A hold expired", f"alert:hold_expired:{turn_id}") in alerts()
        assert w.balances.held_nanos == 0


async def test_a_model_without_a_price_is_told_once_a_day_of_a_few_where_it_may_be_a_new_one(world):
    async with world(WHOLE) as w:

        def ask(model: str) -> None:
            with pytest.raises(UnknownModel):
                open_turn(w.request(model=model))

        for nonsense in ("no such model", "gpt-" + "x" * 200, "GPT 9; DROP TABLE", "llama-9"):
            ask(nonsense)
        assert alerts() == []
        for new in ("gpt-9-nova", "claude-opus-9", "gpt-9-nova"):
            ask(new)
        told = [mail for mail in written() if mail.kind == "alert"]
        assert {mail.subject for mail in told} == {"A model without a price was asked for"}
        assert sorted(mail.body.split()[0] for mail in told) == ["claude-opus-9", "gpt-9-nova"]
        for made_up in range(limits.UNPRICED_TOLD_A_DAY):
            ask(f"gpt-{made_up}-made-up")
        assert len(alerts()) == limits.UNPRICED_TOLD_A_DAY


async def test_an_alert_that_could_not_be_committed_is_told_the_next_time(world, monkeypatch):
    @contextmanager
    def lost() -> Iterator[Session]:
        with transaction() as session:
            yield session
            raise DatabaseUnavailable

    async with world(WHOLE) as w:
        with monkeypatch.context() as patch:
            patch.setattr(unpriced, "transaction", lost)
            with pytest.raises(UnknownModel):
                open_turn(w.request(model="gpt-9-nova"))
        assert alerts() == []
        with pytest.raises(UnknownModel):
            open_turn(w.request(model="gpt-9-nova"))
        assert len(alerts()) == 1
