"""A world for the meter: a scripted provider behind the real SDK, a person with credit, and the audit at the end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from sqlmodel import select

from projectloom import limits
from projectloom.config import settings
from projectloom.db import reading, transaction
from projectloom.group_commit import close_committers
from projectloom.jobs.audit import report, run_audit
from projectloom.ledger.accounts import Balances, read_balances
from projectloom.ledger.credits import top_up
from projectloom.ledger.models import Posting
from projectloom.metering.models import Turn
from projectloom.metering.receipts import Receipt, read_receipt
from projectloom.metering.requests import TurnRequest
from projectloom.metering.running import runner
from projectloom.metering.turn import Settled, StartedTurn, Text, start_turn, watch_turn
from projectloom.providers import ChatMessage, close_providers, close_wires
from projectloom.workspace.preferences import set_api_key_mode
from tests.providers.scripted_server import ScriptedServer, Step

MODEL = "gpt-6.1-sol"


class World:
    """One person and one provider."""

    def __init__(self, person: str, provider: ScriptedServer) -> None:
        self.person = person
        self.provider = provider

    def request(self, **changes) -> TurnRequest:
        values = {"user_id": self.person, "model": MODEL, "messages": (ChatMessage("user", "Hello there"),)}
        return TurnRequest(**(values | changes))

    async def start(self, **changes) -> StartedTurn:
        return await start_turn(self.request(**changes))

    async def reply(self, **changes) -> tuple[str, Receipt]:
        """Run a turn to its end: the text that was watched, and the receipt."""
        return await self.watch((await self.start(**changes)).turn_id)

    async def watch(self, turn_id: str) -> tuple[str, Receipt]:
        texts: list[str] = []
        async for event in watch_turn(self.person, turn_id):
            match event:
                case Text(text=text):
                    texts.append(text)
                case Settled(receipt=receipt, balance_nanos=balance):
                    # What is told from memory is what is written, to the last line.
                    assert receipt == read_receipt(self.person, turn_id)
                    assert balance is None or balance in self.balances_so_far()
                    return "".join(texts), receipt
        raise AssertionError("the turn was never settled")

    def balances_so_far(self) -> set[int]:
        """Every balance that the books have had for this person: another turn may have moved it since."""
        with reading() as session:
            query = select(Posting.balance_nanos).where(Posting.account_id == f"user:{self.person}:credits")
            return {0, *(balance for balance in session.exec(query).all() if balance is not None)}

    @property
    def balances(self) -> Balances:
        with reading() as session:
            found = read_balances(session, user_id=self.person)
        assert found is not None
        return found

    def credit(self, nanos: int, order_id: str = "ord_test") -> None:
        """Credit from an order of its own, as fulfillment would write it."""
        from projectloom.billing.models import Order, OrderStatus
        from projectloom.clock import now

        cents = nanos // 10_000_000
        with transaction() as session:
            session.add(
                Order(
                    id=order_id,
                    user_id=self.person,
                    status=OrderStatus.COMPLETED,
                    completed_at=now(),
                    paid_cents=cents,
                    price_cents=cents,
                    bonus_cents=0,
                    currency="usd",
                    livemode=False,
                )
            )
            session.flush()
            top_up(session, user_id=self.person, order_id=order_id, paid_nanos=cents * 10_000_000, bonus_nanos=0)

    def turns(self) -> list[Turn]:
        with reading() as session:
            return list(session.exec(select(Turn)).all())


@pytest_asyncio.fixture
async def world(books, person: str, monkeypatch: pytest.MonkeyPatch):
    """Makes worlds: ``async with world(scripts)``. Credits mode with $10 unless told otherwise."""

    @asynccontextmanager
    async def make(*scripts: Sequence[Step], mode: str = "credits", nanos: int = 10 * 10**9) -> AsyncIterator[World]:
        async with ScriptedServer(scripts) as provider:
            monkeypatch.setenv("OPENAI_API_KEY", "sk-operator-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.url}/v1")
            monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-operator-0123456789")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
            settings.cache_clear()
            set_api_key_mode(person, mode)
            made = World(person, provider)
            if nanos:
                made.credit(nanos)
            yield made
            await runner.drain()
            await close_committers()
            await close_providers()
            await close_wires()
        checks = run_audit()
        assert all(check.holds for check in checks), report(checks)

    yield make


@pytest.fixture(autouse=True)
def _quick_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_POLL_SECONDS", 0.02)
    monkeypatch.setattr(limits, "FRAME_SECONDS", 0.005)
