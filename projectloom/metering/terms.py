"""The terms of a turn: who pays, whether the prompt can be served, how long the reply may be and what it may cost.

The same terms are told before sending and held when the turn opens.
"""

from dataclasses import dataclass

from sqlmodel import Session

from projectloom import limits
from projectloom.accounts.preferences import read_preference
from projectloom.conversations.models import Role
from projectloom.errors import InsufficientCredits, InvalidInput, PromptTooLong, TooLarge
from projectloom.ledger.accounts import read_balances
from projectloom.metering.cards import VersionedCard
from projectloom.metering.models import Funding
from projectloom.money import Nanos
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


def check_messages(messages: tuple[ChatMessage, ...]) -> None:
    """Refuse prompts that no provider could be sent: empty, huge, not text, or not ending with the person's words."""
    if not messages or messages[-1].role != Role.USER:
        raise InvalidInput("The last message must be from the user.")
    if len(messages) > limits.MAX_MESSAGES:
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
    if total > limits.MAX_BODY_BYTES:
        raise TooLarge("That message is too large.")


def funding_of(session: Session, user_id: str) -> Funding:
    """Who pays, by the person's stored preference."""
    mode = read_preference(session, user_id=user_id).api_key_mode
    return Funding.CREDITS if mode == "credits" else Funding.OWN_KEY


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
    wanted = min(max_tokens or limits.DEFAULT_MAX_TOKENS, model.max_output_tokens)
    if funding == Funding.OWN_KEY:
        return Terms(wanted, clamped=False, hold_nanos=Nanos(0), input_estimate=likely)
    balances = read_balances(session, user_id=user_id)
    available = balances.available_nanos if balances else Nanos(0)
    if available < limits.MIN_AVAILABLE_NANOS:
        raise InsufficientCredits(available_nanos=available)
    covered = affordable_output(versioned.card, model.id, input_bound=bound, available=available)
    allowed = min(wanted, covered)
    if allowed < min(wanted, limits.MIN_USEFUL_TOKENS):
        raise InsufficientCredits(available_nanos=available)
    hold = quote(versioned.card, model.id, input_bound=bound, max_output=allowed)
    return Terms(allowed, clamped=allowed < wanted, hold_nanos=hold, input_estimate=likely)
