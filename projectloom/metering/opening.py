"""Opening a turn: everything that is decided before a provider hears of it, in one transaction.

Who pays, at which price version, how long the reply may be, and the hold that reserves the most it can cost. When it
commits, the call may be made; when it raises, nothing was written.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import Session, select

from projectloom import limits
from projectloom.accounts.api_keys import living_api_key
from projectloom.accounts.users import is_confirmed
from projectloom.clock import now, start_of_day
from projectloom.config import settings
from projectloom.conversations.models import Message
from projectloom.db import database_now, insert_once, transaction
from projectloom.errors import (
    BudgetReached,
    CapReached,
    DayCeilingReached,
    EmailUnconfirmed,
    IdempotencyConflict,
    InsufficientCredits,
    LoomError,
    TooManyRequests,
    Unauthorized,
)
from projectloom.ids import new_id
from projectloom.ledger.accounts import lock_accounts, posted_credit
from projectloom.ledger.holds import authorize
from projectloom.metering.begun import Begun, begun_of
from projectloom.metering.cards import card_version, current_card
from projectloom.metering.day_ceiling import check_day_ceiling, note_refused
from projectloom.metering.exchanges import place_of
from projectloom.metering.models import Completion, Funding, Turn, TurnState, UsageRecord, is_open
from projectloom.metering.own_key_caps import lock_limited_keys
from projectloom.metering.payers import model_and_key, payer_of
from projectloom.metering.requests import TurnRequest, asked_of, check_request, hash_of
from projectloom.metering.terms import Asked, Terms, terms_of
from projectloom.metering.unpriced import note_unpriced
from projectloom.metering.wire_calls import wire_call
from projectloom.money import Nanos
from projectloom.pricing import PriceCard, PricedModel
from projectloom.providers import ChatCall, EmbeddingCall, ReadyCall, WireCall


@dataclass(frozen=True, slots=True)
class Opened:
    """A committed turn, ready for its provider. ``call`` is None when the same request opened it before."""

    turn: Begun
    message_id: str
    """The reply's message; empty where the exchange is not kept."""
    call: ChatCall | EmbeddingCall | WireCall | None = field(repr=False)
    card: PriceCard = field(repr=False)
    """The card of the turn's price version."""
    balance_nanos: Nanos | None = None
    """What the person had posted when it was opened; None where credits do not pay."""
    ready: ReadyCall | None = field(default=None, repr=False)
    """The call, under way since it was committed; None where it is still to be made."""


def open_turn(request: TurnRequest) -> Opened:
    """Decide, hold and record a turn.

    Raises:
        InvalidInput, TooLarge, PromptTooLong, UnknownModel, NotFound: the request cannot be served.
        MissingApiKey: own-key funding without a key. CreditsUnavailable: credits, but the operator has no key.
        Unauthorized: the person's API key that it came with was revoked.
        EmailUnconfirmed: credits, and the person's address is not confirmed where it has to be.
        InsufficientCredits, CapReached: the balance, or a cap of the person's or their key's, does not cover a useful
            reply.
        BudgetReached: what the request itself allows does not cover one.
        IdempotencyConflict: the client's request id came before with other input.
        TooManyRequests: too many of the person's replies are being written.
        DayCeilingReached: the operator pays for no further reply today.
        CountFirst: money is tight, and the prompt is to be counted by its provider before this is asked again.
    """
    check_request(request)
    try:
        return _open_turn(request)
    except _SameRequestWon:
        # The other one has committed, so this time it is found.
        return _open_turn(request)
    except DayCeilingReached:
        note_refused()
        raise
    except LoomError as refusal:
        note_unpriced(refusal, request.model)
        raise


def check_open(session: Session, request: TurnRequest) -> str:
    """Refuse what :func:`open_turn` would refuse now, and open nothing. Returns the id of the model that would answer.

    Raises what :func:`open_turn` raises.
    """
    check_request(request)
    asked, _ = _asked(session, request, payer_of(session, request))
    _check_running(session, request.user_id)
    terms_of(session, asked)
    return asked.model.id


class CountFirst(Exception):
    """Money is tight and the provider counts for nothing: its count may cover more than our bound. Nothing is written.

    To be answered by the same request with :attr:`TurnRequest.counted_input`.
    """

    def __init__(self, call: ChatCall) -> None:
        super().__init__("the prompt is to be counted first")
        self.call = call


class _SameRequestWon(Exception):
    """The same request id arrived twice at once and the other one was recorded. All that this one wrote is undone."""


def _open_turn(request: TurnRequest) -> Opened:
    with transaction() as session:
        funding, hashed = payer_of(session, request), hash_of(request)
        if funding == Funding.CREDITS:
            # Before looking for the same request: to insert it a second time would wait for the turn's settlement,
            # which waits for this lock.
            lock_accounts(session, user_id=request.user_id)
        elif funding == Funding.OWN_KEY:
            lock_limited_keys(session, user_id=request.user_id)
        known = _same_request(session, request, hashed)
        if known is not None:
            # Nothing is asked of it any more: what it needed then may be gone.
            return known
        asked, api_key = _asked(session, request, funding)
        _check_running(session, request.user_id)
        if funding == Funding.CREDITS:
            _check_losses(session, request.user_id)
        return _record(session, request, asked, api_key=api_key, hashed=hashed)


def _asked(session: Session, request: TurnRequest, funding: Funding) -> tuple[Asked, str]:
    """What the turn's terms depend on, and the key that pays the provider."""
    _check_key(session, request)
    if funding == Funding.CREDITS and not may_spend(session, request.user_id):
        raise EmailUnconfirmed("Please confirm your e-mail before you spend credit. The settings send you the link.")
    versioned = current_card(session)
    model, api_key = model_and_key(session, request, versioned, funding)
    return asked_of(request, versioned, model, funding), api_key


def may_spend(session: Session, user_id: str) -> bool:
    """Whether nothing but money limits what a person spends: where it is asked for, their address is confirmed."""
    return settings().confirm_email == "off" or is_confirmed(session, user_id=user_id)


def _check_key(session: Session, request: TurnRequest) -> None:
    """Refuse a key that was revoked since its caller was let in, or in the middle of a longer work."""
    key_id = request.api_key_id
    if key_id is not None and living_api_key(session, user_id=request.user_id, key_id=key_id) is None:
        raise Unauthorized("That API key was revoked.")


def _check_running(session: Session, user_id: str) -> None:
    query = select(func.count()).select_from(Turn).where(Turn.user_id == user_id, is_open())
    if session.exec(query).one() >= limits.MAX_RUNNING_TURNS_PER_PERSON:
        raise TooManyRequests("Too many replies are being written at once. Please wait for one to end.", retry_after=5)


def _check_losses(session: Session, user_id: str) -> None:
    """Whoever made the house pay too much today for replies that brought nothing has to wait for tomorrow."""
    lost = select(func.coalesce(func.sum(UsageRecord.provider_cost_nanos), 0)).where(
        UsageRecord.user_id == user_id,
        UsageRecord.funding == Funding.CREDITS,
        UsageRecord.charged_nanos == 0,
        UsageRecord.created_at >= start_of_day(database_now(session)),
    )
    if session.exec(lost).one() >= limits.HOUSE_LOSS_NANOS or _stopped_today(session, user_id) >= limits.EMPTY_STOPS:
        raise TooManyRequests(
            "Too many of your replies brought nothing today. Please try again tomorrow.", retry_after=3_600
        )


def _stopped_today(session: Session, user_id: str) -> int:
    """Replies that were stopped before their first word. Their providers charge for thoughts that they never tell."""
    today = start_of_day(database_now(session))
    # By the index of leases, which leaves out what ended on other days.
    stopped = select(func.count()).where(
        Turn.state == TurnState.VOIDED,
        Turn.lease_until >= today,
        Turn.user_id == user_id,
        Turn.completion == Completion.STOPPED,
        Turn.funding == Funding.CREDITS,
    )
    return session.exec(stopped).one()


def _same_request(session: Session, request: TurnRequest, hashed: str) -> Opened | None:
    if request.client_request_id is None:
        return None
    query = select(Turn).where(Turn.user_id == request.user_id, Turn.client_request_id == request.client_request_id)
    turn = session.exec(query).one_or_none()
    if turn is None:
        return None
    if turn.input_hash != hashed:
        raise IdempotencyConflict
    message_id = session.exec(select(Message.id).where(Message.turn_id == turn.id)).one_or_none()
    return Opened(begun_of(turn), message_id or "", None, card_version(session, turn.price_version))


def _terms(session: Session, request: TurnRequest, asked: Asked, api_key: str) -> Terms:
    """The terms by our own bound, unless they are tight and the provider's count may sharpen them."""
    counts = asked.model.provider == "anthropic" and request.counted_input is None and asked.funding == Funding.CREDITS
    counts = counts and request.wire is None
    try:
        terms = terms_of(session, asked)
    except (InsufficientCredits, CapReached, BudgetReached) as error:
        left = error.data.get("available_nanos", error.data.get("left_nanos"))
        if counts and isinstance(left, int) and left >= limits.MIN_AVAILABLE_NANOS:
            raise CountFirst(_chat_call(request, asked.model, api_key, max_tokens=1)) from None
        raise
    if counts and terms.clamped:
        raise CountFirst(_chat_call(request, asked.model, api_key, max_tokens=1))
    return terms


def _record(session: Session, request: TurnRequest, asked: Asked, *, api_key: str, hashed: str) -> Opened:
    terms, model, funding = _terms(session, request, asked, api_key), asked.model, asked.funding
    if funding != Funding.OWN_KEY:
        check_day_ceiling(session, hold_nanos=terms.hold_nanos)
    turn_id, moment = request.turn_id or new_id("turn"), now()
    conversation_id, message_id = place_of(session, request, turn_id)
    hold_id = None
    if funding == Funding.CREDITS:
        hold = authorize(
            session,
            user_id=request.user_id,
            amount_nanos=terms.hold_nanos,
            idempotency_key=f"hold:{turn_id}",
            cause=turn_id,
            expires_at=moment + timedelta(seconds=limits.HOLD_LIFETIME_SECONDS),
        )
        hold_id = hold.id
    turn = Turn(
        id=turn_id,
        user_id=request.user_id,
        conversation_id=conversation_id,
        client_request_id=request.client_request_id,
        input_hash=hashed,
        source=request.source,
        provider=model.provider,
        model=model.id,
        funding=funding,
        price_version=asked.versioned.version,
        max_output_tokens=terms.max_output_tokens,
        clamped=terms.clamped,
        input_estimate=terms.input_estimate,
        hold_id=hold_id,
        held_nanos=terms.hold_nanos,
        most_nanos=terms.most_nanos,
        lease_until=database_now(session) + timedelta(seconds=limits.TURN_LEASE_SECONDS),
        created_at=moment,
        api_key_id=request.api_key_id,
    )
    if not insert_once(session, Turn, turn.model_dump(), key=["user_id", "client_request_id"]):
        raise _SameRequestWon
    balance = posted_credit(session, user_id=request.user_id) if funding == Funding.CREDITS else None
    return Opened(begun_of(turn), message_id, call_of(request, terms, asked, api_key), asked.versioned.card, balance)


def call_of(request: TurnRequest, terms: Terms, asked: Asked, api_key: str) -> ChatCall | EmbeddingCall | WireCall:
    """What the provider is asked, within the terms."""
    model = asked.model
    if request.wire is not None:
        return wire_call(request.wire, terms, asked.funding, api_key)
    if request.wants_vectors:
        texts = tuple(message.text for message in request.messages)
        base_url = settings().provider_base(model.provider)
        return EmbeddingCall(model=model.id, texts=texts, api_key=api_key, base_url=base_url)
    return _chat_call(request, model, api_key, max_tokens=terms.max_output_tokens)


def _chat_call(request: TurnRequest, model: PricedModel, api_key: str, *, max_tokens: int) -> ChatCall:
    return ChatCall(
        model=model.id,
        messages=request.messages,
        max_tokens=max_tokens,
        api_key=api_key,
        base_url=settings().provider_base(model.provider),
        tools=request.tools,
    )
