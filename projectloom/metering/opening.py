"""Opening a turn: everything that is decided before a provider hears of it, in one transaction.

Who pays, at which price version, how long the reply may be, and the hold that reserves the most it can cost. When it
commits, the call may be made; when it raises, nothing was written.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.clock import now, start_of_day
from projectloom.config import settings
from projectloom.conversations.chats import add_message, create_conversation, find_conversation
from projectloom.conversations.models import Message, Role
from projectloom.db import database_now, insert_once, transaction
from projectloom.errors import BudgetReached, CapReached, IdempotencyConflict, InsufficientCredits, TooManyRequests
from projectloom.ids import new_id
from projectloom.ledger.accounts import lock_accounts
from projectloom.ledger.holds import authorize
from projectloom.metering.cards import current_card
from projectloom.metering.models import OPEN_STATES, Funding, Turn, UsageRecord
from projectloom.metering.payers import model_and_key, payer_of
from projectloom.metering.requests import TurnRequest, check_request, hash_of
from projectloom.metering.terms import Asked, Terms, terms_of
from projectloom.pricing import PricedModel
from projectloom.providers import ChatCall, EmbeddingCall


@dataclass(frozen=True, slots=True)
class Opened:
    """A committed turn, ready for its provider. ``call`` is None when the same request opened it before."""

    turn: Turn
    message_id: str
    """The reply's message; empty where the exchange is not kept."""
    call: ChatCall | EmbeddingCall | None = field(repr=False)


def open_turn(request: TurnRequest) -> Opened:
    """Decide, hold and record a turn.

    Raises:
        InvalidInput, TooLarge, PromptTooLong, UnknownModel, NotFound: the request cannot be served.
        MissingApiKey: own-key funding without a key. CreditsUnavailable: credits, but the operator has no key.
        InsufficientCredits, CapReached: the balance, or a cap of the person's, does not cover a useful reply.
        BudgetReached: what the request itself allows does not cover one.
        IdempotencyConflict: the client's request id came before with other input.
        TooManyRequests: too many of the person's replies are being written.
        CountFirst: money is tight, and the prompt is to be counted by its provider before this is asked again.
    """
    check_request(request)
    try:
        return _open_turn(request)
    except _SameRequestWon:
        # The other one has committed, so this time it is found.
        return _open_turn(request)


def check_open(session: Session, request: TurnRequest) -> str:
    """Refuse what :func:`open_turn` would refuse now, and open nothing. Returns the id of the model that would answer.

    Raises what :func:`open_turn` raises.
    """
    check_request(request)
    asked, _ = _asked(session, request)
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
        asked, api_key = _asked(session, request)
        hashed = hash_of(request)
        if asked.funding == Funding.CREDITS:
            # Before looking for the same request: to insert it a second time would wait for the turn's settlement,
            # which waits for this lock.
            lock_accounts(session, user_id=request.user_id)
        known = _same_request(session, request, hashed)
        if known is not None:
            return known
        _check_running(session, request.user_id)
        if asked.funding == Funding.CREDITS:
            _check_losses(session, request.user_id)
        return _record(session, request, asked, api_key=api_key, hashed=hashed)


def _asked(session: Session, request: TurnRequest) -> tuple[Asked, str]:
    """What the turn's terms depend on, and the key that pays the provider."""
    versioned = current_card(session)
    funding = payer_of(session, request)
    model, api_key = model_and_key(session, request, versioned, funding)
    asked = Asked(
        user_id=request.user_id,
        versioned=versioned,
        model=model,
        funding=funding,
        messages=request.messages,
        conversation_id=request.conversation_id,
        max_tokens=request.max_tokens,
        tools=request.tools,
        most_nanos=request.most_nanos,
        counted_input=request.counted_input,
    )
    return asked, api_key


def _check_running(session: Session, user_id: str) -> None:
    query = select(func.count()).select_from(Turn).where(Turn.user_id == user_id, col(Turn.state).in_(OPEN_STATES))
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
    if session.exec(lost).one() >= limits.HOUSE_LOSS_NANOS:
        raise TooManyRequests(
            "Too many of your replies brought nothing today. Please try again tomorrow.", retry_after=3_600
        )


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
    return Opened(turn, message_id or "", None)


def _terms(session: Session, request: TurnRequest, asked: Asked, api_key: str) -> Terms:
    """The terms by our own bound, unless they are tight and the provider's count may sharpen them."""
    counts = asked.model.provider == "anthropic" and request.counted_input is None and asked.funding == Funding.CREDITS
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
    turn_id, moment = request.turn_id or new_id("turn"), now()
    conversation_id, message_id = _place(session, request, turn_id)
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
        lease_until=database_now(session) + timedelta(seconds=limits.TURN_LEASE_SECONDS),
        created_at=moment,
    )
    if not insert_once(session, Turn, turn.model_dump(), key=["user_id", "client_request_id"]):
        raise _SameRequestWon
    return Opened(turn, message_id, _call(request, terms, model, api_key))


def _call(request: TurnRequest, terms: Terms, model: PricedModel, api_key: str) -> ChatCall | EmbeddingCall:
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


def _place(session: Session, request: TurnRequest, turn_id: str) -> tuple[str | None, str]:
    """Where the turn belongs: its conversation and, where the exchange is kept, its reply's message."""
    if request.kept:
        return _keep_exchange(session, request, turn_id)
    if request.conversation_id is not None:
        find_conversation(session, user_id=request.user_id, conversation_id=request.conversation_id)
    return request.conversation_id, ""


def _keep_exchange(session: Session, request: TurnRequest, turn_id: str) -> tuple[str, str]:
    prompt = request.messages[-1].text
    if request.conversation_id is None:
        conversation = create_conversation(session, user_id=request.user_id, first_text=prompt)
    else:
        conversation = find_conversation(session, user_id=request.user_id, conversation_id=request.conversation_id)
    asked = add_message(session, conversation=conversation, role=Role.USER, text=prompt)
    reply = add_message(
        session, conversation=conversation, role=Role.ASSISTANT, text="", parent_id=asked.id, turn_id=turn_id
    )
    return conversation.id, reply.id
