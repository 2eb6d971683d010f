"""Settling a turn: the one place where a reply is charged, once.

It decides from what was delivered and what the provider reported: exact usage when there is a final report, else a
counted estimate that is labelled so; never above the hold; nothing when nothing was delivered. The turn, the hold, the
usage record and the stored reply change together in one transaction.
"""

import json
import logging
from dataclasses import dataclass, replace

from sqlalchemy import update
from sqlmodel import Session, col

from projectloom.clock import now
from projectloom.conversations.chats import write_reply
from projectloom.db import database_now, transaction
from projectloom.errors import LoomError
from projectloom.ids import new_id
from projectloom.instruments import LOSSES
from projectloom.ledger.holds import capture, void
from projectloom.metering.alarms import tell_above_hold
from projectloom.metering.begun import Begun, begun_of
from projectloom.metering.cards import card_version
from projectloom.metering.models import Completion, Funding, Turn, TurnState, UsageRecord, is_open
from projectloom.metering.notices import tell_caps, tell_key_caps, tell_low_balance
from projectloom.money import ZERO, Nanos
from projectloom.pricing import PriceCard, costs
from projectloom.tokens import Usage

_log = logging.getLogger(__name__)

# A text whose tokens nobody counted is charged by few: tokenizers make more of it than this, not less.
CHARGED_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn's call ended, as far as its process knows."""

    text: str
    usage: Usage | None
    usage_final: bool
    completion: Completion
    error: LoomError | None = None
    answered: bool = False
    """Something else than text was delivered: vectors, or calls of tools."""
    called_bytes: int = 0
    """Of the calls of tools that came whole: their names and arguments."""

    @property
    def delivered(self) -> bool:
        """Whether the person got anything for it."""
        return self.answered or bool(self.text)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a reply comes to, before anybody asks what was held for it."""

    usage: Usage
    estimated: bool
    """Counted by us, because the provider did not tell."""
    provider_cost_nanos: Nanos
    due_nanos: Nanos
    """What the person would owe on credits; zero when nothing was delivered."""


def settle_turn(turn_id: str, outcome: Outcome) -> bool:
    """Resolve a turn for good; False when it was resolved before (by recovery, say), which then stands.

    Raises:
        DatabaseUnavailable: not settled; its hold stays until this is tried again or recovery does it.
    """
    with transaction() as session:
        return settle(session, turn_id, outcome)


def settle(session: Session, turn_id: str, outcome: Outcome) -> bool:
    """As :func:`settle_turn`, within the caller's transaction."""
    if not _close(session, turn_id, outcome):
        return False
    turn = session.get_one(Turn, turn_id, populate_existing=True)
    bill = bill_of(card_version(session, turn.price_version), begun_of(turn), outcome)
    if bill is not None:
        _record_usage(session, turn, bill)
    elif turn.hold_id:
        void(session, hold_id=turn.hold_id)
    write_reply(session, turn_id=turn_id, text=outcome.text)
    return True


def _close(session: Session, turn_id: str, outcome: Outcome) -> bool:
    completion = outcome.completion
    if not outcome.delivered and completion == Completion.PARTIAL:
        completion = Completion.FAILED
    changed = session.connection().execute(
        update(Turn)
        .where(col(Turn.id) == turn_id, is_open())
        .values(
            state=TurnState.SETTLED if outcome.delivered else TurnState.VOIDED,
            completion=completion,
            text=outcome.text,
            usage_json=dump_usage(outcome.usage, final=outcome.usage_final),
            error_code=outcome.error.code if outcome.error else None,
            error_message=outcome.error.message if outcome.error else None,
            ended_at=now(),
        )
    )
    return changed.rowcount == 1


def bill_of(card: PriceCard, turn: Begun, outcome: Outcome) -> Bill | None:
    """The bill of a turn at the prices of ``card``; None when neither an answer nor a report came. Changes nothing.

    Raises :class:`projectloom.errors.UnknownModel`.
    """
    usage, estimated = _counted(turn, outcome)
    if usage is None:
        return None
    due, provider_cost = costs(card, turn.model, usage)
    return Bill(usage, estimated, provider_cost, due if outcome.delivered else ZERO)


def _counted(turn: Begun, outcome: Outcome) -> tuple[Usage | None, bool]:
    """What was used, and whether we estimated it; None when neither an answer nor a report came."""
    reported = outcome.usage
    if not outcome.delivered:
        return reported, reported is not None and not outcome.usage_final
    # Nothing was written where vectors came.
    written = -(-(len(outcome.text.encode()) + outcome.called_bytes) // CHARGED_BYTES_PER_TOKEN)
    # A report that denies what came with it is no report.
    denied = reported is None or not reported.total_input_tokens or (written > 0 and not reported.output_tokens)
    if reported is not None and outcome.usage_final and not denied:
        return reported, False
    if reported is None or not reported.total_input_tokens:
        return Usage(input_tokens=turn.input_estimate, output_tokens=min(written, turn.max_output_tokens)), True
    # The provider told the input when it began; its last word on the output may be older than the text.
    output = max(reported.output_tokens, min(written, turn.max_output_tokens))
    return replace(reported, output_tokens=output), True


def _record_usage(session: Session, turn: Turn, bill: Bill) -> None:
    charged, uncollected, entry_id = 0, 0, None
    if turn.hold_id:
        charged = min(bill.due_nanos, turn.held_nanos)
        uncollected = bill.due_nanos - charged
        entry_id = capture(session, hold_id=turn.hold_id, amount_nanos=charged)
    if uncollected:
        LOSSES.labels("above_hold").inc(uncollected)
        tell_above_hold(session, turn, uncollected_nanos=uncollected)
    if turn.funding == Funding.CREDITS and not charged and bill.provider_cost_nanos:
        LOSSES.labels("brought_nothing").inc(bill.provider_cost_nanos)
        _log.error(
            "a reply that brought nothing cost the house",
            extra={"turn_id": turn.id, "provider_cost_nanos": bill.provider_cost_nanos},
        )
    if bill.usage.flagged:
        _log.warning("the provider's usage report contradicts itself", extra={"turn_id": turn.id})
    session.add(
        UsageRecord(
            id=new_id("use"),
            turn_id=turn.id,
            user_id=turn.user_id,
            conversation_id=turn.conversation_id,
            provider=turn.provider,
            model=turn.model,
            source=turn.source,
            funding=Funding(turn.funding),
            **bill.usage.counts(),
            estimated=bill.estimated,
            provider_cost_nanos=bill.provider_cost_nanos,
            charged_nanos=charged,
            uncollected_nanos=uncollected,
            price_version=turn.price_version,
            hold_id=turn.hold_id,
            entry_id=entry_id,
            api_key_id=turn.api_key_id,
            # The clock that the windows of caps are reckoned by.
            created_at=database_now(session),
        )
    )
    session.flush()
    if charged:
        tell_low_balance(session, user_id=turn.user_id, charged_nanos=charged)
        tell_caps(session, user_id=turn.user_id, conversation_id=turn.conversation_id, charged_nanos=charged)
        if turn.api_key_id is not None:
            tell_key_caps(session, user_id=turn.user_id, key_id=turn.api_key_id, charged_nanos=charged)


def dump_usage(usage: Usage | None, *, final: bool) -> str | None:
    """A usage report as a turn's row keeps it."""
    return None if usage is None else json.dumps({"final": final, **usage.counts()})


def load_usage(text: str | None) -> tuple[Usage | None, bool]:
    """A kept usage report, and whether it was the final one."""
    if text is None:
        return None, False
    values = json.loads(text)
    final = values.pop("final")
    return Usage(**values), final
