"""Opening a turn: everything that is decided before a provider hears of it, in one transaction.

Who pays, at which price version, how long the reply may be, and the hold that reserves the most it can cost. When it
commits, the call may be made; when it raises, nothing was written.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.accounts.keys import open_key
from projectloom.accounts.preferences import read_preference
from projectloom.clock import now
from projectloom.config import settings
from projectloom.conversations.chats import add_message, create_conversation, find_conversation
from projectloom.conversations.models import Message, Role
from projectloom.db import database_now, insert_once, transaction
from projectloom.errors import (
    CreditsUnavailable,
    IdempotencyConflict,
    InvalidInput,
    LoomError,
    MissingApiKey,
    TooManyRequests,
    UnknownModel,
)
from projectloom.ids import new_id
from projectloom.ledger.accounts import lock_accounts
from projectloom.ledger.holds import authorize
from projectloom.ledger.journal import input_hash
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.models import OPEN_STATES, Funding, Turn
from projectloom.metering.terms import Terms, check_messages, funding_of, terms_of
from projectloom.pricing import PricedModel
from projectloom.providers import ChatCall, ChatMessage
from projectloom.providers import ProviderName as Provider
from projectloom.texts import is_storable


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What is asked of the meter. The prompt and the key show in no repr."""

    user_id: str
    model: str | None
    """None takes the person's usual model, or one that they have a key for."""
    messages: tuple[ChatMessage, ...] = field(repr=False)
    conversation_id: str | None = None
    """Where the exchange is kept; None begins a conversation."""
    max_tokens: int | None = None
    source: str = "chat"
    own_keys: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Keys that came with the request, by provider. They stand in for stored ones and are not kept."""
    client_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A committed turn, ready for its provider. ``call`` is None when the same request opened it before."""

    turn: Turn
    message_id: str
    call: ChatCall | None = field(repr=False)


def open_turn(request: TurnRequest) -> Opened:
    """Decide, hold and record a turn.

    Raises:
        InvalidInput, TooLarge, PromptTooLong, UnknownModel, NotFound: the request cannot be served.
        MissingApiKey: own-key funding without a key. CreditsUnavailable: credits, but the operator has no key.
        InsufficientCredits: the balance does not cover a useful reply.
        IdempotencyConflict: the client's request id came before with other input.
        TooManyRequests: too many of the person's replies are being written.
    """
    check_messages(request.messages)
    if request.client_request_id is not None and not is_storable(request.client_request_id):
        raise InvalidInput("The request's id has characters that are not valid text.")
    try:
        return _open_turn(request)
    except _SameRequestWon:
        # The other one has committed, so this time it is found.
        return _open_turn(request)


class _SameRequestWon(Exception):
    """The same request id arrived twice at once and the other one was recorded. All that this one wrote is undone."""


def _open_turn(request: TurnRequest) -> Opened:
    with transaction() as session:
        versioned = current_card(session)
        funding = funding_of(session, request.user_id)
        model_id = request.model or _usual_model(session, request, versioned, funding)
        model = _chat_model(versioned, model_id)
        api_key = _key_for(session, request, model.provider, funding)
        if api_key is None:
            raise _no_key(funding, model.provider)
        hashed = _request_hash(request)
        if funding == Funding.CREDITS:
            # Before looking for the same request: to insert it a second time would wait for the turn's settlement,
            # which waits for this lock.
            lock_accounts(session, user_id=request.user_id)
        known = _same_request(session, request, hashed)
        if known is not None:
            return known
        _check_running(session, request.user_id)
        terms = terms_of(
            session,
            user_id=request.user_id,
            versioned=versioned,
            model=model,
            funding=funding,
            messages=request.messages,
            max_tokens=request.max_tokens,
        )
        return _record(
            session,
            request=request,
            versioned=versioned,
            model=model,
            funding=funding,
            terms=terms,
            api_key=api_key,
            hashed=hashed,
        )


def _check_running(session: Session, user_id: str) -> None:
    query = select(func.count()).select_from(Turn).where(Turn.user_id == user_id, col(Turn.state).in_(OPEN_STATES))
    if session.exec(query).one() >= limits.MAX_RUNNING_TURNS_PER_PERSON:
        raise TooManyRequests("Too many replies are being written at once. Please wait for one to end.", retry_after=5)


def _chat_model(versioned: VersionedCard, model_id: str) -> PricedModel:
    model = versioned.card.model(model_id)
    if model.kind != "chat":
        raise UnknownModel(model=model_id)
    return model


def _usual_model(session: Session, request: TurnRequest, versioned: VersionedCard, funding: Funding) -> str:
    chosen = read_preference(session, user_id=request.user_id).default_model
    offered = {model.id: model for model in versioned.card.chat_models()}
    for model_id in (chosen, *limits.DEFAULT_MODELS):
        model = offered.get(model_id or "")
        if model is not None and _key_for(session, request, model.provider, funding):
            return model.id
    raise _no_key(funding, None)


def _key_for(session: Session, request: TurnRequest, provider: Provider, funding: Funding) -> str | None:
    if funding == Funding.CREDITS:
        return settings().operator_key(provider)
    return request.own_keys.get(provider) or open_key(
        session, user_id=request.user_id, provider=provider, master_secret=settings().master_secret
    )


def _no_key(funding: Funding, provider: str | None) -> LoomError:
    return CreditsUnavailable(provider=provider) if funding == Funding.CREDITS else MissingApiKey(provider=provider)


def _request_hash(request: TurnRequest) -> str:
    prompt = [[message.role, message.text] for message in request.messages]
    return input_hash(
        {
            "model": request.model,
            "messages": prompt,
            "max_tokens": request.max_tokens,
            "conversation": request.conversation_id,
        }
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
    message_id = session.exec(select(Message.id).where(Message.turn_id == turn.id)).one()
    return Opened(turn, message_id, None)


def _record(
    session: Session,
    *,
    request: TurnRequest,
    versioned: VersionedCard,
    model: PricedModel,
    funding: Funding,
    terms: Terms,
    api_key: str,
    hashed: str,
) -> Opened:
    turn_id, moment = new_id("turn"), now()
    conversation_id, message_id = _keep_exchange(session, request, turn_id)
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
        price_version=versioned.version,
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
    call = ChatCall(
        model=model.id,
        messages=request.messages,
        max_tokens=terms.max_output_tokens,
        api_key=api_key,
        base_url=settings().provider_base(model.provider),
    )
    return Opened(turn, message_id, call)


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
