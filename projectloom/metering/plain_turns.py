"""The quick way through a turn, tried first: nearly every reply is plain, and costs a fraction of the slower way.

What is known from a moment ago (the card in force, who pays) is only a guess that the database checks as it writes:
where it was wrong, and wherever a turn is not plain, nothing is written and the slower way, which stays the truth,
decides.
"""

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from projectloom import limits
from projectloom.accounts.preferences import read_preference
from projectloom.config import settings
from projectloom.db import engine, in_thread, reading
from projectloom.errors import DatabaseUnavailable, LoomError
from projectloom.fresh import Fresh
from projectloom.group_commit import is_at_rest
from projectloom.group_stores import Answer
from projectloom.group_stores import Outcome as Fate
from projectloom.metering.begun import Begun
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.day_ceiling import quick_room
from projectloom.metering.models import Funding
from projectloom.metering.opening import Opened, call_of, may_spend
from projectloom.metering.quick_open import OpenItem, open_item, quick_open
from projectloom.metering.quick_settle import SettleItem, settle_item
from projectloom.metering.requests import TurnRequest, asked_of, check_request, hash_of
from projectloom.metering.settling import Outcome, bill_of
from projectloom.metering.terms import Asked, full_terms
from projectloom.money import Nanos
from projectloom.pricing import PriceCard, PricedModel
from projectloom.providers import ChatCall, EmbeddingCall, ReadyCall, WireCall


async def open_plainly(request: TurnRequest) -> Opened | None:
    """A committed turn, or None where :func:`projectloom.metering.opening.open_turn` has to decide.

    Raises:
        InvalidInput, TooLarge: the request cannot be served.
        DatabaseUnavailable: the database is away; what was written in spite of it, recovery resolves.
    """
    check_request(request)
    if _is_special(request):
        return None
    guess = await _guess(request.user_id)
    funding = Funding.CREDITS if guess.mode == Funding.CREDITS else Funding.OWN_KEY
    if funding == Funding.CREDITS and not guess.may_spend:
        return None
    try:
        asked, api_key = _asked(request, guess.versioned, funding)
        terms = full_terms(asked)
    except LoomError:
        # The slower way says it from what is stored now.
        return None
    if api_key is None:
        return None
    item = open_item(
        request,
        model=asked.model,
        funding=funding,
        price_version=guess.versioned.version,
        terms=terms,
        hashed=hash_of(request),
    )
    if item is None:
        return None
    call = call_of(request, terms, asked, api_key)
    async with quick_room(item.held_nanos) as is_room:
        if not is_room:
            # The slower way asks the database now, and whether credits pay at all.
            return None
        answer, ready = await _opened(item, call)
    if answer.outcome == Fate.NOT_PLAIN:
        return None
    if answer.outcome != Fate.DONE:
        raise DatabaseUnavailable
    reply_id = item.exchange.reply_id if item.exchange is not None else ""
    return Opened(
        turn=_begun(item),
        message_id=reply_id,
        call=call,
        card=guess.versioned.card,
        balance_nanos=_balance(answer),
        ready=ready,
    )


async def _opened(item: OpenItem, call: ChatCall | EmbeddingCall | WireCall) -> tuple[Answer, ReadyCall | None]:
    """Open a turn. Its call is made ready meanwhile, and made once the turn is committed; else nobody hears of it.

    A call that comes to nothing costs its connection, so it is made ready only for those whose last turn was plain; and
    where others are at work the processor has better to do meanwhile.
    """
    plain, begun = _memories.setdefault(engine(), _Memory()).plain, monotonic()
    ready, done = None, False
    if isinstance(call, WireCall) and is_at_rest() and plain.get(item.user_id) is not None:
        ready = ReadyCall(call)
    try:
        answer = await quick_open(item)
        done = answer.outcome == Fate.DONE
    finally:
        if not done:
            plain.forget(item.user_id)
            if ready is not None:
                ready.drop()
    if not done:
        return answer, None
    plain.put(item.user_id, item.turn_id, asked_at=begun)
    if ready is not None:
        ready.let_go()
        # It leaves now, and whatever else there is to do is done while its provider thinks.
        await asyncio.sleep(0)
    return answer, ready


def plain_end(turn: Begun, card: PriceCard, outcome: Outcome) -> SettleItem | None:
    """How a turn would be settled on the quick way; None where the slower one has to decide."""
    try:
        return settle_item(turn, outcome, bill_of(card, turn, outcome))
    except LoomError:
        return None


def _is_special(request: TurnRequest) -> bool:
    """Whether it asks for what only the slower way does, whatever is stored."""
    return (
        request.model is None
        or request.client_request_id is not None
        or request.on_the_house
        or request.most_nanos is not None
        or request.counted_input is not None
        or request.begins is not None
        or request.again
        or request.place is not None
        or request.instructions != ""
        or bool(request.messages and request.messages[-1].attached)
        # A large one is worked on in a thread.
        or (request.wire is not None and request.wire.is_large)
    )


def _asked(request: TurnRequest, versioned: VersionedCard, funding: Funding) -> tuple[Asked, str | None]:
    model: PricedModel = versioned.card.model(request.model or "")
    credit = funding == Funding.CREDITS
    api_key = settings().operator_key(model.provider) if credit else request.own_keys.get(model.provider)
    if (model.kind == "embedding") != request.wants_vectors:
        api_key = None
    return asked_of(request, versioned, model, funding), api_key


def _begun(item: OpenItem) -> Begun:
    return Begun(
        id=item.turn_id,
        user_id=item.user_id,
        conversation_id=item.conversation_id,
        provider=item.provider,
        model=item.model,
        funding=item.funding,
        max_output_tokens=item.max_output_tokens,
        clamped=False,
        input_estimate=item.input_estimate,
        hold_id=item.hold_id,
        held_nanos=item.held_nanos,
        source=item.source,
        price_version=item.price_version,
        api_key_id=item.api_key_id,
        created_at=item.created_at,
    )


def _balance(answer: Answer) -> Nanos | None:
    return None if answer.posted_nanos is None else Nanos(answer.posted_nanos)


@dataclass(frozen=True, slots=True)
class _Guess:
    """What was in force a moment ago."""

    versioned: VersionedCard
    mode: str
    may_spend: bool


@dataclass(frozen=True, slots=True)
class _Memory:
    """Of one database: by person."""

    guesses: Fresh[_Guess] = field(
        default_factory=lambda: Fresh[_Guess](seconds=limits.QUICK_FRESH_SECONDS, most=limits.QUICK_REMEMBERED)
    )
    plain: Fresh[str] = field(
        default_factory=lambda: Fresh[str](seconds=limits.CALL_READY_SECONDS, most=limits.QUICK_REMEMBERED)
    )
    """The last turn of those whose last one went this way."""


_memories: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()


async def _guess(user_id: str) -> _Guess:
    guesses = _memories.setdefault(engine(), _Memory()).guesses
    known, asked_at = guesses.get(user_id), monotonic()
    if known is None:
        known = await in_thread(_look_up, user_id)
        guesses.put(user_id, known, asked_at=asked_at)
    return known


def _look_up(user_id: str) -> _Guess:
    with reading() as session:
        mode = read_preference(session, user_id=user_id).api_key_mode
        return _Guess(current_card(session), mode, may_spend(session, user_id))
