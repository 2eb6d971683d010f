"""The terms of a turn: whether the prompt can be served, how long the reply may be and what it may cost.

The same terms are told before sending and held when the turn opens.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlmodel import Session

from projectloom import limits
from projectloom.conversations.models import Role
from projectloom.errors import BudgetReached, InsufficientCredits, InvalidInput, LoomError, PromptTooLong, TooLarge
from projectloom.ledger.accounts import read_balances
from projectloom.metering.caps import CapView, caps_of, refusal, tightest
from projectloom.metering.cards import VersionedCard
from projectloom.metering.models import Funding
from projectloom.money import ZERO, Nanos
from projectloom.pricing import PricedModel, affordable_output, input_bound, likely_tokens, quote
from projectloom.providers import ChatMessage, Tool, ToolCall, arguments_of
from projectloom.texts import is_storable

ROLES = frozenset(Role)

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
    """It was a cap of the person's, not the balance, that shortened the reply."""


def check_messages(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse prompts that no provider could be sent: empty, huge, not text, or not ending with the person's words."""
    if not messages or messages[-1].role != Role.USER:
        raise InvalidInput("The last message must be from the user.")
    if len(messages) > limits.MAX_MESSAGES:
        raise TooLarge("That conversation has too many messages.")
    if not messages[-1].text.strip() and not messages[-1].results:
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
    texts = [text for message in messages for text in _texts(message)]
    if not all(map(is_storable, texts)):
        raise InvalidInput("The message has characters that are not valid text.")
    if sum(len(text.encode()) for text in texts) > limits.MAX_BODY_BYTES:
        raise TooLarge("That message is too large.")


def _texts(message: ChatMessage) -> Iterator[str]:
    yield message.text
    for call in message.calls:
        yield call.arguments_json
    for result in message.results:
        yield result.text


def tool_texts(messages: tuple[ChatMessage, ...], tools: tuple[Tool, ...]) -> list[str]:
    """Tools, calls of them and results, each in one text of JSON as long as any provider's own spelling of it."""
    texts = [json.dumps({"name": one.name, "about": one.description, "parameters": one.parameters}) for one in tools]
    for message in messages:
        texts += [json.dumps({"id": call.id, "name": call.name, "arguments": _spelt(call)}) for call in message.calls]
        texts += [json.dumps({"id": one.call_id, "text": one.text, "failed": one.failed}) for one in message.results]
    return texts


def _spelt(call: ToolCall) -> str:
    """A call's arguments in the longer of two spellings: as the model wrote them, and as they are sent again."""
    return max(call.arguments_json, json.dumps(arguments_of(call)), key=lambda text: len(text.encode()))


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


def terms_of(session: Session, asked: Asked) -> Terms:
    """How long a reply may be and what it may cost, given the balance and the person's caps.

    The output limit shrinks to what these cover, down to a useful minimum; vectors come whole or not at all. Nothing is
    held where credits do not pay.

    Raises:
        PromptTooLong: it cannot fit the model. InsufficientCredits: not even a short reply is covered.
        CapReached: the balance covers it, and a cap does not. BudgetReached: nor does what the request itself allows.
    """
    return _embedding_terms(session, asked) if asked.model.kind == "embedding" else _chat_terms(session, asked)


def _chat_terms(session: Session, asked: Asked) -> Terms:
    model, card = asked.model, asked.versioned.card
    likely = sum(map(likely_tokens, [*(message.text for message in asked.messages), *_tool_texts(asked)]))
    if likely > model.context_tokens:
        raise PromptTooLong(model=model.id)
    # A provider refuses more than the context, so the context bounds the input as well as the bytes do.
    bound = min(_input_bound(asked), model.context_tokens)
    wanted = min(asked.max_tokens or limits.DEFAULT_MAX_TOKENS, model.max_output_tokens)
    room = _room(session, asked)
    if room is None:
        return Terms(wanted, clamped=False, hold_nanos=ZERO, input_estimate=likely)
    allowed = min(wanted, affordable_output(card, model.id, input_bound=bound, available=room.nanos))
    if allowed < min(wanted, limits.MIN_USEFUL_TOKENS):
        raise room.refusal
    clamped = allowed < wanted
    most = quote(card, model.id, input_bound=bound, max_output=allowed)
    return Terms(
        allowed,
        clamped=clamped,
        hold_nanos=most if asked.funding == Funding.CREDITS else ZERO,
        input_estimate=likely,
        capped=clamped and room.capped,
    )


def _embedding_terms(session: Session, asked: Asked) -> Terms:
    sizes = [likely_tokens(message.text) for message in asked.messages]
    if max(sizes) > asked.model.context_tokens:
        raise PromptTooLong("One of these texts is too long for the model.", model=asked.model.id)
    room = _room(session, asked)
    if room is None:
        return Terms(0, clamped=False, hold_nanos=ZERO, input_estimate=sum(sizes))
    most = quote(asked.versioned.card, asked.model.id, input_bound=_input_bound(asked), max_output=0)
    if most > room.nanos:
        raise room.refusal
    hold = most if asked.funding == Funding.CREDITS else ZERO
    return Terms(0, clamped=False, hold_nanos=hold, input_estimate=sum(sizes))


def _input_bound(asked: Asked) -> int:
    messages = [(message.role, message.text) for message in asked.messages]
    by_bytes = input_bound(asked.model.provider, messages, tools=_tool_texts(asked))
    if not asked.counted_input:
        return by_bytes
    # The provider calls its count an estimate, so a little is added. What it is short by is the house's loss.
    return min(by_bytes, asked.counted_input + asked.counted_input // COUNT_MARGIN_PART + COUNT_MARGIN_TOKENS)


def _tool_texts(asked: Asked) -> list[str]:
    return tool_texts(asked.messages, asked.tools)


@dataclass(frozen=True, slots=True)
class _Room:
    """What a call may cost at most, and what is said when that is too little."""

    nanos: Nanos
    refusal: LoomError
    capped: bool = False


def _room(session: Session, asked: Asked) -> _Room | None:
    """The least of the balance, the person's caps and what the request allows; None where nothing bounds the call."""
    room = None
    if asked.funding == Funding.CREDITS:
        available, cap = _available(session, asked)
        refused = refusal(cap) if cap is not None else InsufficientCredits(available_nanos=available)
        room = _Room(available, refused, capped=cap is not None)
    most = asked.most_nanos
    if most is not None and (room is None or most < room.nanos):
        return _Room(most, BudgetReached(left_nanos=most))
    return room


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
