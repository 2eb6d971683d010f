"""Opening a turn: everything that is decided before a provider hears of it, in one transaction.

Who pays, at which price version, how long the reply may be, and the hold that reserves the most it can cost. When it
commits, the call may be made; when it raises, nothing was written.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from projectloom import config
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
    InsufficientCredits,
    InvalidInput,
    LoomError,
    MissingApiKey,
    PromptTooLong,
    TooLarge,
    TooManyRequests,
    UnknownModel,
)
from projectloom.ids import new_id
from projectloom.ledger.accounts import lock_accounts, read_balances
from projectloom.ledger.holds import authorize
from projectloom.ledger.journal import input_hash
from projectloom.metering.cards import VersionedCard, current_card
from projectloom.metering.models import OPEN_STATES, Funding, Turn
from projectloom.money import Nanos
from projectloom.pricing import PricedModel, affordable_output, input_bound, likely_tokens, quote
from projectloom.providers import ChatCall, ChatMessage
from projectloom.providers import ProviderName as Provider
from projectloom.texts import is_storable

ROLES = frozenset(Role)


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


@dataclass(frozen=True, slots=True)
class Terms:
    """What a turn may cost and how long its reply may be."""

    max_output_tokens: int
    clamped: bool
    hold_nanos: Nanos
    input_estimate: int


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


def check_messages(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse prompts that no provider could be sent: empty, huge, not text, or not ending with the person's words."""
    if not messages or messages[-1].role != Role.USER:
        raise InvalidInput("The last message must be from the user.")
    if len(messages) > config.MAX_MESSAGES:
        raise TooLarge("That conversation has too many messages.")
    if not messages[-1].text.strip():
        raise InvalidInput("The message is empty.")
    total = 0
    for message in messages:
        if message.role not in ROLES:
            raise InvalidInput("A message's role must be system, user or assistant.")
        if not is_storable(message.text):
            raise InvalidInput("The message has characters that are not valid text.")
        total += len(message.text.encode())
    if total > config.MAX_BODY_BYTES:
        raise TooLarge("That message is too large.")


def funding_of(session: Session, user_id: str) -> Funding:
    """Who pays, by the person's stored preference."""
    mode = read_preference(session, user_id=user_id).api_key_mode
    return Funding.CREDITS if mode == "credits" else Funding.OWN_KEY


def _check_running(session: Session, user_id: str) -> None:
    query = select(func.count()).select_from(Turn).where(Turn.user_id == user_id, col(Turn.state).in_(OPEN_STATES))
    if session.exec(query).one() >= config.MAX_RUNNING_TURNS_PER_PERSON:
        raise TooManyRequests("Too many replies are being written at once. Please wait for one to end.", retry_after=5)


def _chat_model(versioned: VersionedCard, model_id: str) -> PricedModel:
    model = versioned.card.model(model_id)
    if model.kind != "chat":
        raise UnknownModel(model=model_id)
    return model


def _usual_model(session: Session, request: TurnRequest, versioned: VersionedCard, funding: Funding) -> str:
    chosen = read_preference(session, user_id=request.user_id).default_model
    offered = {model.id: model for model in versioned.card.chat_models()}
    for model_id in (chosen, *config.DEFAULT_MODELS):
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


def terms_of(
    session: Session,
    *,
    user_id: str,
    versioned: VersionedCard,
    model: PricedModel,
    funding: Funding,
    messages: tuple[ChatMessage, ...],
    max_tokens: int | None = None,
) -> Terms:
    """How long a reply may be and what it may cost, given the balance.

    The output limit shrinks to what the balance covers, down to a useful minimum. In own-key mode nothing is held.

    Raises:
        PromptTooLong: it cannot fit the model. InsufficientCredits: not even a short reply is covered.
    """
    likely = sum(likely_tokens(message.text) for message in messages)
    if likely > model.context_tokens:
        raise PromptTooLong(model=model.id)
    # A provider refuses more than the context, so the context bounds the input as well as the bytes do.
    bound = min(input_bound(model.provider, [(m.role, m.text) for m in messages]), model.context_tokens)
    wanted = min(max_tokens or config.DEFAULT_MAX_TOKENS, model.max_output_tokens)
    if funding == Funding.OWN_KEY:
        return Terms(wanted, clamped=False, hold_nanos=Nanos(0), input_estimate=likely)
    balances = read_balances(session, user_id=user_id)
    available = balances.available_nanos if balances else Nanos(0)
    if available < config.MIN_AVAILABLE_NANOS:
        raise InsufficientCredits(available_nanos=available)
    covered = affordable_output(versioned.card, model.id, input_bound=bound, available=available)
    allowed = min(wanted, covered)
    if allowed < min(wanted, config.MIN_USEFUL_TOKENS):
        raise InsufficientCredits(available_nanos=available)
    hold = quote(versioned.card, model.id, input_bound=bound, max_output=allowed)
    return Terms(allowed, clamped=allowed < wanted, hold_nanos=hold, input_estimate=likely)


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
            expires_at=moment + timedelta(seconds=config.HOLD_LIFETIME_SECONDS),
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
        lease_until=database_now(session) + timedelta(seconds=config.TURN_LEASE_SECONDS),
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
