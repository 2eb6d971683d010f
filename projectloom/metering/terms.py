"""The terms of a turn: whether the prompt can be served, how long the reply may be and what it may cost.

The same terms are told before sending and held when the turn opens.
"""

from dataclasses import dataclass, field

from sqlmodel import Session

from projectloom import limits
from projectloom.conversations.models import Role
from projectloom.errors import InsufficientCredits, InvalidInput, PromptTooLong, TooLarge
from projectloom.ledger.accounts import read_balances
from projectloom.metering.caps import CapView, caps_of, refusal, tightest
from projectloom.metering.cards import VersionedCard
from projectloom.metering.models import Funding
from projectloom.money import ZERO, Nanos
from projectloom.pricing import PricedModel, affordable_output, input_bound, likely_tokens, quote
from projectloom.providers import ChatMessage
from projectloom.texts import is_storable

ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a turn may cost and how long its reply may be."""

    max_output_tokens: int
    clamped: bool
    hold_nanos: Nanos
    input_estimate: int
    capped: bool = False
    """It was a cap of the person's, not the balance, that shortened the reply."""


def check_messages(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse prompts that no provider could be sent: empty, huge, not text, or not ending with the person's words."""
    if not messages or messages[-1].role != Role.USER:
        raise InvalidInput("The last message must be from the user.")
    if len(messages) > limits.MAX_MESSAGES:
        raise TooLarge("That conversation has too many messages.")
    if not messages[-1].text.strip():
        raise InvalidInput("The message is empty.")
    if any(message.role not in ROLES for message in messages):
        raise InvalidInput("A message's role must be system, user or assistant.")
    _check_text(messages)


def check_texts(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse texts that no vectors could be made of: none, too many, empty, huge, or not text."""
    if not messages or len(messages) > limits.MAX_EMBEDDED_TEXTS:
        raise InvalidInput(f"Send between 1 and {limits.MAX_EMBEDDED_TEXTS} texts.")
    if not all(message.text.strip() for message in messages):
        raise InvalidInput("One of the texts is empty.")
    _check_text(messages)


def _check_text(messages: tuple[ChatMessage, ...]) -> None:
    if not all(is_storable(message.text) for message in messages):
        raise InvalidInput("The message has characters that are not valid text.")
    if sum(len(message.text.encode()) for message in messages) > limits.MAX_BODY_BYTES:
        raise TooLarge("That message is too large.")


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


def terms_of(session: Session, asked: Asked) -> Terms:
    """How long a reply may be and what it may cost, given the balance and the person's caps.

    The output limit shrinks to what these cover, down to a useful minimum; vectors come whole or not at all. Nothing is
    held where credits do not pay.

    Raises:
        PromptTooLong: it cannot fit the model. InsufficientCredits: not even a short reply is covered.
        CapReached: the balance covers it, and a cap does not.
    """
    return _embedding_terms(session, asked) if asked.model.kind == "embedding" else _chat_terms(session, asked)


def _chat_terms(session: Session, asked: Asked) -> Terms:
    model, card = asked.model, asked.versioned.card
    likely = sum(likely_tokens(message.text) for message in asked.messages)
    if likely > model.context_tokens:
        raise PromptTooLong(model=model.id)
    # A provider refuses more than the context, so the context bounds the input as well as the bytes do.
    bound = min(_input_bound(asked), model.context_tokens)
    wanted = min(asked.max_tokens or limits.DEFAULT_MAX_TOKENS, model.max_output_tokens)
    if asked.funding != Funding.CREDITS:
        return Terms(wanted, clamped=False, hold_nanos=ZERO, input_estimate=likely)
    available, cap = _available(session, asked)
    allowed = min(wanted, affordable_output(card, model.id, input_bound=bound, available=available))
    if allowed < min(wanted, limits.MIN_USEFUL_TOKENS):
        raise refusal(cap) if cap is not None else InsufficientCredits(available_nanos=available)
    clamped = allowed < wanted
    return Terms(
        allowed,
        clamped=clamped,
        hold_nanos=quote(card, model.id, input_bound=bound, max_output=allowed),
        input_estimate=likely,
        capped=clamped and cap is not None,
    )


def _embedding_terms(session: Session, asked: Asked) -> Terms:
    sizes = [likely_tokens(message.text) for message in asked.messages]
    if max(sizes) > asked.model.context_tokens:
        raise PromptTooLong("One of these texts is too long for the model.", model=asked.model.id)
    if asked.funding != Funding.CREDITS:
        return Terms(0, clamped=False, hold_nanos=ZERO, input_estimate=sum(sizes))
    available, cap = _available(session, asked)
    hold = quote(asked.versioned.card, asked.model.id, input_bound=_input_bound(asked), max_output=0)
    if hold > available:
        raise refusal(cap) if cap is not None else InsufficientCredits(available_nanos=available)
    return Terms(0, clamped=False, hold_nanos=hold, input_estimate=sum(sizes))


def _input_bound(asked: Asked) -> int:
    return input_bound(asked.model.provider, [(message.role, message.text) for message in asked.messages])


def _available(session: Session, asked: Asked) -> tuple[Nanos, CapView | None]:
    """What may be held now, and the cap that leaves less than the balance, if one does."""
    balances = read_balances(session, user_id=asked.user_id)
    available = balances.available_nanos if balances else ZERO
    if available < limits.MIN_AVAILABLE_NANOS:
        raise InsufficientCredits(available_nanos=available)
    cap = tightest(caps_of(session, user_id=asked.user_id, conversation_id=asked.conversation_id))
    if cap is None or cap.left_nanos >= available:
        return available, None
    return cap.left_nanos, cap
