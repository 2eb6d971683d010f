"""What people who chat do, at random, and what is known of it without asking the books."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from projectloom import limits
from projectloom.clock import now
from projectloom.db import database_now, reading, transaction
from projectloom.errors import (
    CapReached,
    DatabaseUnavailable,
    IdempotencyConflict,
    InsufficientCredits,
    MissingApiKey,
    TooManyRequests,
)
from projectloom.ids import new_id
from projectloom.ledger.credits import grant
from projectloom.metering.caps import read_caps, set_caps
from projectloom.metering.cards import current_card, store_version
from projectloom.metering.models import CapScope, Funding
from projectloom.metering.requests import TurnRequest
from projectloom.metering.running import runner
from projectloom.metering.turn import Settled, StartedTurn, Text, start_turn, stop_turn, watch_turn
from projectloom.pricing import PriceCard
from projectloom.providers import ChatMessage, ProviderName
from projectloom.workspace.chats import delete_conversation
from projectloom.workspace.preferences import delete_provider_key, save_provider_key, set_api_key_mode
from tests.conftest import new_person
from tests.properties.database_trouble import DatabaseTrouble
from tests.properties.turn_model import Person, Reply
from tests.properties.turn_plans import Plan, any_plan
from tests.providers.scripted_server import Asked, ScriptedServer, Step, refusal
from tests.spending import spend

MODELS: dict[str, ProviderName] = {
    "gpt-6-astra": "openai",
    "gpt-6.1-terra": "openai",
    "gpt-6-luna": "openai",
    "claude-opus-5-5": "anthropic",
    "claude-haiku-4-5": "anthropic",
    "claude-haiku-5-5": "anthropic",
}
BALANCES = (120_000_000, 120_000_000, 450_000_000, 3_000_000_000, 20_000_000_000, 20_000_000_000)
PROVIDERS: tuple[ProviderName, ...] = ("anthropic", "openai")
REFUSALS = (InsufficientCredits, CapReached, TooManyRequests, DatabaseUnavailable)


class PlannedProvider(ScriptedServer):
    """Both providers on one address: each call is answered by the plan that its prompt names."""

    def __init__(self) -> None:
        super().__init__(())
        self.plans: dict[str, Plan] = {}
        self.calls: dict[str, int] = {}

    def _script_for(self, asked: Asked) -> Sequence[Step]:
        if asked.path.endswith("/count_tokens"):
            # What is counted first is no call. Without a count the bound by bytes stands, which the model reckons by.
            return refusal(404, {})
        name = asked.body["messages"][-1]["content"].split()[0]
        self.calls[name] = self.calls.get(name, 0) + 1
        return self.plans[name].steps


class People:
    """One or two people at one provider, and every step that is theirs."""

    def __init__(self, provider: PlannedProvider, seed: int) -> None:
        self.provider, self.random = provider, random.Random(seed)
        self.trouble = DatabaseTrouble()
        self.people = [self._join() for _ in range(self.random.choice((1, 2)))]
        self.replies: dict[str, Reply] = {}
        self.watchers: list[tuple[Reply, asyncio.Task[None]]] = []
        self.cards: dict[int, PriceCard] = {}
        self.deleted: set[str] = set()
        self._note_card()

    def _join(self) -> Person:
        person = Person(new_person())
        set_api_key_mode(person.id, "credits")
        self._give(person, self.random.choice(BALANCES))
        if self.random.random() < 0.5:
            self._save_key(person, self.random.choice(PROVIDERS))
        return person

    def _save_key(self, person: Person, provider: ProviderName) -> None:
        save_provider_key(person.id, provider, "sk-ant-mine-0123456789")
        person.keys.add(provider)

    def _give(self, person: Person, nanos: int) -> None:
        # Some of it runs out, but not today.
        ends = now() + timedelta(days=1) if self.random.random() < 0.5 else None
        with transaction() as session:
            grant(session, user_id=person.id, reason=new_id("gift"), amount_nanos=nanos, expires_at=ends)
        person.given += nanos

    def _note_card(self) -> None:
        with reading() as session:
            versioned = current_card(session)
        self.version, self.cards[versioned.version] = versioned.version, versioned.card

    # What people do.

    def _request(self, person: Person, **values: object) -> TurnRequest:
        name = new_id("prompt")
        model = self.random.choice(list(MODELS))
        self.provider.plans[name] = any_plan(self.random, MODELS[model])
        chosen: dict[str, object] = {
            "user_id": person.id,
            "model": model,
            "messages": (ChatMessage("user", name + " words" * self.random.choice((1, 1, 500))),),
            "max_tokens": self.random.choice((None, 1, 256, 2_000, 20_000, 60_000)),
            "client_request_id": self.random.choice((None, new_id("request"))),
        }
        return TurnRequest(**(chosen | values))  # pyright: ignore[reportArgumentType]

    def _plan_of(self, request: TurnRequest) -> Plan:
        return self.provider.plans[request.messages[-1].text.split()[0]]

    async def send(self) -> None:
        person = self.random.choice(self.people)
        mine = {reply.conversation_id for reply in self.replies.values() if reply.person is person}
        earlier = sorted(mine - self.deleted)
        conversation = self.random.choice(earlier) if earlier and self.random.random() < 0.5 else None
        await self._send(person, self._request(person, conversation_id=conversation))

    async def _send(self, person: Person, request: TurnRequest) -> None:
        plan = self._plan_of(request)
        if plan.stalls:
            limits.PROVIDER_STALL_SECONDS = 0.3
        try:
            started = await start_turn(request)
        except MissingApiKey:
            assert person.mode == "own"
            assert plan.provider not in person.keys
        except (InsufficientCredits, CapReached):
            assert person.mode == "credits"
        except (TooManyRequests, DatabaseUnavailable):
            pass
        else:
            self._begun(person, request, started)
            if plan.stalls:
                await self._until_asked(request)
        finally:
            limits.PROVIDER_STALL_SECONDS = 30.0

    def _begun(self, person: Person, request: TurnRequest, started: StartedTurn) -> None:
        assert started.funding == (Funding.CREDITS if person.mode == "credits" else Funding.OWN_KEY)
        assert (started.held_nanos > 0) == (started.funding == Funding.CREDITS)
        plan = self._plan_of(request)
        self.replies[started.turn_id] = Reply(
            person,
            plan,
            request,
            started.turn_id,
            started.conversation_id,
            started.funding,
            self.version,
            started.held_nanos,
        )
        if started.funding == Funding.CREDITS:
            for cap in read_caps(person.id, started.conversation_id):
                assert cap.spent_nanos + cap.held_nanos <= cap.limit_nanos, cap

    async def _until_asked(self, request: TurnRequest) -> None:
        name, deadline = request.messages[-1].text.split()[0], asyncio.get_running_loop().time() + 10
        while name not in self.provider.calls and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)

    async def send_again(self) -> None:
        """The same request id: the same turn if the request is the same, else a conflict."""
        known = [reply for reply in self.replies.values() if reply.request.client_request_id]
        if not known:
            return
        reply = self.random.choice(known)
        if reply.person.mode == "own" and reply.plan.provider not in reply.person.keys:
            return
        if self.random.random() < 0.5:
            assert (await start_turn(reply.request)).turn_id == reply.turn_id
            return
        other = replace(reply.request, messages=(ChatMessage("user", "something else"),))
        try:
            await start_turn(other)
        except IdempotencyConflict:
            return
        raise AssertionError("another request was served under the same id")

    async def send_at_once(self) -> None:
        """One request, from several tabs at the same moment."""
        person = self.random.choice(self.people)
        request = self._request(person, client_request_id=new_id("request"))
        if self._plan_of(request).stalls or (
            person.mode == "own" and self._plan_of(request).provider not in person.keys
        ):
            return
        outcomes = await asyncio.gather(*(start_turn(request) for _ in range(3)), return_exceptions=True)
        started = [outcome for outcome in outcomes if isinstance(outcome, StartedTurn)]
        for outcome in outcomes:
            assert isinstance(outcome, (StartedTurn, *REFUSALS)), outcome
        assert len({turn.turn_id for turn in started}) <= 1
        if started:
            self._begun(person, request, started[0])

    def _open_reply(self) -> Reply | None:
        living = runner.living()
        found = [reply for reply in self.replies.values() if reply.turn_id in living]
        return self.random.choice(found) if found else None

    async def advance(self) -> None:
        """The provider goes on with one of its answers."""
        waiting = [reply for reply in self.replies.values() if reply.plan.waits]
        if waiting:
            self.random.choice(waiting).plan.open_gate()

    async def watch(self) -> None:
        if self.replies:
            reply = self.random.choice(list(self.replies.values()))
            self.watchers.append((reply, asyncio.create_task(self._watch(reply))))

    async def _watch(self, reply: Reply) -> None:
        seen, ends = "", 0
        with suppress(DatabaseUnavailable):
            async for event in watch_turn(reply.person.id, reply.turn_id):
                match event:
                    case Text(text=piece):
                        seen += piece
                    case Settled():
                        ends += 1
            assert ends == 1
            reply.seen.append(seen)

    async def leave(self) -> None:
        if self.watchers:
            _, task = self.watchers.pop(self.random.randrange(len(self.watchers)))
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def stop(self) -> None:
        if reply := self._open_reply():
            reply.stopped = True
            await stop_turn(reply.person.id, reply.turn_id)

    async def change_caps(self) -> None:
        person, scope = self.random.choice(self.people), self.random.choice(list(CapScope))
        set_caps(person.id, {scope: self.random.choice((None, 1, 1, 2, 20))})

    async def change_payer(self) -> None:
        person, mode = self.random.choice(self.people), self.random.choice(("own", "credits"))
        set_api_key_mode(person.id, mode)
        person.mode = mode

    async def change_key(self) -> None:
        person, provider = self.random.choice(self.people), self.random.choice(PROVIDERS)
        if provider in person.keys:
            delete_provider_key(person.id, provider)
            person.keys.discard(provider)
        else:
            self._save_key(person, provider)

    async def delete_conversation(self) -> None:
        """Also while a reply is being written in it."""
        if self.replies:
            reply = self.random.choice(list(self.replies.values()))
            if reply.conversation_id not in self.deleted:
                delete_conversation(reply.person.id, reply.conversation_id)
                self.deleted.add(reply.conversation_id)

    async def give_or_spend(self) -> None:
        person = self.random.choice(self.people)
        nanos = self.random.randint(1, 500_000_000)
        if self.random.random() < 0.5:
            self._give(person, nanos)
            return
        with suppress(InsufficientCredits):
            spend(person.id, nanos)
            person.spent_elsewhere += nanos
            person.spendings += 1

    async def change_prices(self) -> None:
        markup = Decimal(self.random.randint(0, 3_000)).scaleb(-2)
        card = replace(self.cards[self.version], markup_percent=markup)
        with transaction() as session:
            assert store_version(session, card, version=self.version + 1, effective_at=database_now(session))
        self._note_card()
        assert self.cards[self.version].markup_percent == markup
