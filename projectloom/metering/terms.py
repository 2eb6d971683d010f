"""The terms of a turn: whether the prompt can be served, how long the reply may be and what it may cost.

The same terms are told before sending and held when the turn opens.
"""

from dataclasses import dataclass, field

from sqlmodel import Session

from projectloom import limits
from projectloom.errors import BudgetReached, InsufficientCredits, LoomError, NoPictures, PromptTooLong
from projectloom.ledger.accounts import read_balances
from projectloom.metering.caps import Cap, caps_of, refusal, tightest
from projectloom.metering.cards import VersionedCard
from projectloom.metering.key_caps import key_caps_of
from projectloom.metering.models import Funding
from projectloom.metering.own_key_caps import own_key_cap, without_markup
from projectloom.metering.prompts import bound_of, likely_of
from projectloom.money import ZERO, Nanos
from projectloom.pricing import (
    LIKELY_BYTES_PER_TOKEN,
    LIKELY_FILE_TOKENS,
    LIKELY_IMAGE_TOKENS,
    PriceCard,
    PricedModel,
    affordable_output,
    likely_tokens,
    quote,
    request_bound,
)
from projectloom.providers import ChatMessage, Tool, WireRequest, WireSize

# A twentieth, and as much as a provider wraps around a request.
COUNT_MARGIN_PART, COUNT_MARGIN_TOKENS = 20, 64


@dataclass(frozen=True, slots=True)
class Terms:
    """What a turn may cost and how long its reply may be."""

    max_output_tokens: int
    clamped: bool
    hold_nanos: Nanos
    input_estimate: int
    capped: bool = False
    """It was a cap of the person's or of their key, not the balance, that shortened the reply."""
    bounded: bool = False
    """Something bounds what it may cost, so its provider is told how long it may be."""
    most_nanos: Nanos | None = None
    """What it may cost at most, by what bounds it, where nothing is held."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a turn's terms depend on."""

    user_id: str
    versioned: VersionedCard
    model: PricedModel
    funding: Funding
    messages: tuple[ChatMessage, ...] = field(repr=False)
    conversation_id: str | None = None
    max_tokens: int | None = None
    tools: tuple[Tool, ...] = field(default=(), repr=False)
    most_nanos: Nanos | None = None
    counted_input: int | None = None
    api_key_id: str | None = None
    wire: WireRequest | None = field(default=None, repr=False)
    kept_key: bool = False
    """It is paid with the key that the person keeps here, whose own limit then holds."""


def terms_of(session: Session, asked: Asked) -> Terms:
    """How long a reply may be and what it may cost, given the balance, the person's caps and their key's.

    The output limit shrinks to what these cover, down to a useful minimum; vectors come whole or not at all. Nothing is
    held where credits do not pay.

    Raises:
        PromptTooLong: it cannot fit the model. NoPictures: it has some, and the model takes none.
        InsufficientCredits: not even a short reply is covered. CapReached: the balance covers it, and a cap does not.
        BudgetReached: nor does what the request itself allows.
    """
    size, room = _measured(asked), _room(session, asked)
    if room is None:
        return Terms(size.unlimited, clamped=False, hold_nanos=ZERO, input_estimate=size.likely)
    card, model_id = _priced_for(asked), asked.model.id
    affordable = affordable_output(card, model_id, input_bound=size.bound, available=room.nanos)
    allowed = min(size.wanted, affordable) // size.copies * size.copies
    most = quote(card, model_id, input_bound=size.bound, max_output=allowed)
    if allowed < size.least or most > room.nanos:
        raise room.refusal
    clamped = allowed < size.wanted
    held = asked.funding == Funding.CREDITS
    return Terms(
        allowed,
        clamped,
        hold_nanos=most if held else ZERO,
        input_estimate=size.likely,
        capped=clamped and room.capped,
        bounded=True,
        most_nanos=None if held else most,
    )


def full_terms(asked: Asked) -> Terms:
    """The terms where nothing shortens the reply, for whoever finds out whether credit covers them. Reads nothing.

    Raises PromptTooLong.
    """
    size = _measured(asked)
    if asked.funding != Funding.CREDITS:
        return Terms(size.unlimited, clamped=False, hold_nanos=ZERO, input_estimate=size.likely)
    most = quote(asked.versioned.card, asked.model.id, input_bound=size.bound, max_output=size.wanted)
    return Terms(size.wanted, clamped=False, hold_nanos=most, input_estimate=size.likely, bounded=True)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A request in tokens."""

    bound: int
    """Its input at most."""
    likely: int
    """Its input, most likely."""
    wanted: int
    """The output that was asked for, over all answers."""
    least: int
    """Less output than this is of no use."""
    unlimited: int
    """The output limit where nobody holds anything for it."""
    copies: int = 1


def _measured(asked: Asked) -> _Measured:
    if asked.wire is not None:
        return _measured_wire(asked.model, asked.wire)
    return _measured_texts(asked) if asked.model.kind == "embedding" else _measured_chat(asked)


def _measured_wire(model: PricedModel, wire: WireRequest) -> _Measured:
    """A request that is passed on as it is. One that is too long the provider refuses before it costs anything."""
    size = wire.size
    bound = request_bound(
        model.provider, text_bytes=size.text_bytes, messages=size.messages, tools=size.tools, images=size.images
    )
    if not wire.wants_vectors and (size.unbounded or bound > model.context_tokens):
        bound = model.context_tokens
    wanted = min((wire.max_tokens or limits.WIRE_DEFAULT_MAX_TOKENS) * wire.copies, model.max_output_tokens)
    return _Measured(
        bound=bound,
        likely=min(_likely_wire(size), model.context_tokens),
        wanted=wanted // wire.copies * wire.copies,
        least=max(min(wanted // wire.copies, limits.MIN_USEFUL_TOKENS), wire.least_tokens) * wire.copies,
        unlimited=min((wire.max_tokens or model.max_output_tokens) * wire.copies, model.max_output_tokens),
        copies=wire.copies,
    )


def _likely_wire(size: WireSize) -> int:
    """What is charged as input where the provider never told: pictures and files count by what is usual for them."""
    texts = -(-size.text_bytes // LIKELY_BYTES_PER_TOKEN)
    return texts + size.images * LIKELY_IMAGE_TOKENS + size.files * LIKELY_FILE_TOKENS


def _measured_chat(asked: Asked) -> _Measured:
    model = asked.model
    if not model.takes_pictures and any(message.pictures for message in asked.messages):
        raise NoPictures(
            f"{model.label} takes no pictures. Choose another model, or leave the pictures out.", model=model.id
        )
    likely = likely_of(model.provider, asked.messages, asked.tools)
    if likely > model.context_tokens:
        raise PromptTooLong(model=model.id)
    wanted = min(asked.max_tokens or limits.DEFAULT_MAX_TOKENS, model.max_output_tokens)
    # A provider refuses more than the context, so the context bounds the input as well as the bytes do.
    bound = min(_input_bound(asked), model.context_tokens)
    return _Measured(bound, likely, wanted, least=min(wanted, limits.MIN_USEFUL_TOKENS), unlimited=wanted)


def _measured_texts(asked: Asked) -> _Measured:
    sizes = [likely_tokens(message.text) for message in asked.messages]
    if max(sizes) > asked.model.context_tokens:
        raise PromptTooLong("One of these texts is too long for the model.", model=asked.model.id)
    return _Measured(_input_bound(asked), sum(sizes), wanted=0, least=0, unlimited=0)


def _input_bound(asked: Asked) -> int:
    by_bytes = bound_of(asked.model.provider, asked.messages, asked.tools)
    if not asked.counted_input:
        return by_bytes
    # The provider calls its count an estimate, so a little is added. What it is short by is the house's loss.
    return min(by_bytes, asked.counted_input + asked.counted_input // COUNT_MARGIN_PART + COUNT_MARGIN_TOKENS)


@dataclass(frozen=True, slots=True)
class _Room:
    """What a call may cost at most, and what is said when that is too little."""

    nanos: Nanos
    refusal: LoomError
    capped: bool = False


def _room(session: Session, asked: Asked) -> _Room | None:
    """The least of the balance, the caps and what the request allows; None where nothing bounds the call."""
    room = None
    if asked.funding == Funding.CREDITS:
        available, cap = _available(session, asked)
        refused = refusal(cap) if cap is not None else InsufficientCredits(available_nanos=available)
        room = _Room(available, refused, capped=cap is not None)
    elif asked.kept_key:
        cap = own_key_cap(session, user_id=asked.user_id, provider=asked.model.provider)
        room = None if cap is None else _Room(cap.left_nanos, refusal(cap), capped=True)
    most = asked.most_nanos
    if most is not None and (room is None or most < room.nanos):
        return _Room(most, BudgetReached(left_nanos=most))
    return room


def _priced_for(asked: Asked) -> PriceCard:
    """The card by which a limit counts: nothing is added to what a provider bills to the person's own key."""
    card = asked.versioned.card
    return without_markup(card) if asked.kept_key and asked.most_nanos is None else card


def _available(session: Session, asked: Asked) -> tuple[Nanos, Cap | None]:
    """What may be held now, and the cap that leaves less than the balance, if one does."""
    balances = read_balances(session, user_id=asked.user_id)
    available = balances.available_nanos if balances else ZERO
    if available < limits.MIN_AVAILABLE_NANOS:
        raise InsufficientCredits(available_nanos=available)
    caps: list[Cap] = [*caps_of(session, user_id=asked.user_id, conversation_id=asked.conversation_id)]
    if asked.api_key_id is not None:
        caps += key_caps_of(session, asked.api_key_id)
    cap = tightest(caps)
    if cap is None or cap.left_nanos >= available:
        return available, None
    return cap.left_nanos, cap
