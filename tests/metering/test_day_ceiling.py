"""The operator's ceiling for a day: refused before any hold, by what replies cost the operator, and told once."""

import asyncio

import pytest
from sqlmodel import select

from projectloom import limits
from projectloom.accounts.keys import clean_key
from projectloom.api.errors import error_response
from projectloom.config import settings
from projectloom.db import reading
from projectloom.errors import DayCeilingReached
from projectloom.jobs.day_ceiling import look_at_day_ceiling
from projectloom.ledger.models import Hold
from projectloom.mails.models import MailOut
from projectloom.metering.day_ceiling import read_day_spending
from projectloom.metering.turn import await_receipt
from tests.providers.dialects import O_DONE, O_WHOLE, o_chunk, o_usage
from tests.providers.scripted_server import stream

# Nothing came of it, and its provider asks for $0.20: the house's loss.
DEAR_NOTHING = stream(o_chunk({}, "stop"), o_usage({"prompt_tokens": 100_000, "completion_tokens": 0}), O_DONE)
WHOLE = stream(*O_WHOLE)
SHORT = {"max_tokens": 256}
PLAIN = pytest.mark.parametrize("asked", [{}, {"client_request_id": "again"}], ids=["the quick way", "the slow way"])


@pytest.fixture(autouse=True)
def _looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DAY_CEILING_FRESH_SECONDS", 0.0)


def ceiling(monkeypatch: pytest.MonkeyPatch, dollars: str) -> None:
    monkeypatch.setenv("DAILY_SPEND_USD", dollars)
    settings.cache_clear()


def holds() -> int:
    with reading() as session:
        return len(session.exec(select(Hold)).all())


def alerts() -> list[str]:
    with reading() as session:
        return [mail.subject for mail in session.exec(select(MailOut)).all() if mail.kind == "alert"]


@PLAIN
async def test_above_the_ceiling_nothing_is_held_or_sent(world, monkeypatch, asked) -> None:
    async with world(DEAR_NOTHING, WHOLE) as w:
        await w.reply(**SHORT)
        # What a reply that brought nothing cost the house counts, whoever it was for.
        spent = read_day_spending()
        assert spent.spent_nanos > 0
        assert spent.held_nanos == 0
        ceiling(monkeypatch, "0.01")
        before, calls = holds(), len(w.provider.asked)
        with pytest.raises(DayCeilingReached) as refused:
            await w.start(**SHORT, **asked)
        assert holds() == before
        assert len(w.provider.asked) == calls
        answer = error_response(refused.value)
        assert answer.status_code == 503
        assert 0 < int(answer.headers["retry-after"]) <= 86_400
        ceiling(monkeypatch, "100")
        await w.reply(**SHORT, **asked)


async def test_what_is_being_written_counts_with_the_most_that_it_may_cost(world, monkeypatch) -> None:
    ended = asyncio.Event()
    async with world([*WHOLE[:1], ended, *WHOLE[1:]], WHOLE) as w:
        started = await w.start(**SHORT)
        most = read_day_spending()
        assert most.held_nanos > most.spent_nanos == 0
        ceiling(monkeypatch, "0.01")
        monkeypatch.setattr(type(settings()), "daily_spend_nanos", most.held_nanos)
        with pytest.raises(DayCeilingReached):
            await w.start(**SHORT)
        ended.set()
        await w.watch(started.turn_id)


@PLAIN
async def test_what_a_reply_itself_may_cost_counts_before_it_is_begun(world, monkeypatch, asked) -> None:
    async with world(WHOLE) as w:
        monkeypatch.setenv("ALERT_EMAIL", "me@example.org")
        monkeypatch.setenv("SMTP_HOST", "localhost")
        monkeypatch.setenv("SMTP_FROM", "loom@example.org")
        ceiling(monkeypatch, "0.01")
        monkeypatch.setattr(type(settings()), "daily_spend_nanos", 1)
        for _ in range(2):
            with pytest.raises(DayCeilingReached):
                await w.start(**SHORT, **asked)
        assert holds() == 0
        assert w.provider.asked == []
        # Nothing is spent, so nothing but the refusal can tell the operator.
        assert len(alerts()) == 1


@pytest.mark.parametrize("fresh", [0.0, 600.0], ids=["asked each time", "remembered"])
@pytest.mark.parametrize("slowly", [False, True], ids=["the quick way first", "the slow way"])
async def test_of_many_at_once_no_more_are_begun_than_the_ceiling_has_room_for(
    world, monkeypatch, fresh, slowly
) -> None:
    monkeypatch.setattr(limits, "DAY_CEILING_FRESH_SECONDS", fresh)
    ended = asyncio.Event()
    slow_provider = [*WHOLE[:1], ended, *WHOLE[1:]]
    async with world(*[slow_provider] * 13) as w:
        first = await w.start(**SHORT)
        monkeypatch.setenv("DAILY_SPEND_USD", "1")
        settings.cache_clear()
        room = first.held_nanos * 10
        monkeypatch.setattr(type(settings()), "daily_spend_nanos", room)
        asked = [{"client_request_id": f"r{number}"} if slowly else {} for number in range(12)]
        begun = await asyncio.gather(*(w.start(**SHORT, **one) for one in asked), return_exceptions=True)
        refused = [one for one in begun if isinstance(one, BaseException)]
        assert [type(one) for one in refused] == [DayCeilingReached] * 3
        assert read_day_spending().most_nanos == room
        ended.set()
        for one in (first, *begun):
            if not isinstance(one, BaseException):
                await await_receipt(w.person, one.turn_id)


async def test_own_keys_work_above_the_ceiling(world, monkeypatch) -> None:
    async with world(DEAR_NOTHING, WHOLE) as w:
        await w.reply(**SHORT)
        ceiling(monkeypatch, "0.01")
        from projectloom.workspace.preferences import set_api_key_mode

        set_api_key_mode(w.person, "own")
        text, receipt = await w.reply(**SHORT, own_keys={"openai": clean_key("sk-own-0123456789abcdef")})
        assert text
        assert receipt.funding == "own_key"


async def test_the_operator_is_told_once_that_it_nears_and_once_that_it_is_reached(world, monkeypatch) -> None:
    monkeypatch.setenv("ALERT_EMAIL", "me@example.org")
    monkeypatch.setenv("SMTP_HOST", "localhost")
    monkeypatch.setenv("SMTP_FROM", "loom@example.org")
    async with world(DEAR_NOTHING) as w:
        await w.reply(**SHORT)
        spent = read_day_spending().spent_nanos
        ceiling(monkeypatch, "1000")
        look_at_day_ceiling()
        assert alerts() == []
        ceiling(monkeypatch, f"{spent * 1.1 / 10**9:.2f}")
        look_at_day_ceiling()
        look_at_day_ceiling()
        assert [subject.split(" of ")[-1].split()[-1] for subject in alerts()] == ["spent"]
        ceiling(monkeypatch, "0.01")
        look_at_day_ceiling()
        look_at_day_ceiling()
        assert len(alerts()) == 2
