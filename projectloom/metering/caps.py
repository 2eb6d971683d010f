"""Caps that people set for what they spend from credit: in a day, in a month, in one conversation.

A cap counts what was charged in its window and what running replies may still take, so replies that run at once never
pass it together. Days and months are UTC's, by the database's clock. Callers hold the lock on the person's account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlmodel import Session, col, delete, func, select

from projectloom import limits
from projectloom.clock import next_month, start_of_day, start_of_month
from projectloom.db import database_now, reading, transaction
from projectloom.errors import CapReached, InvalidInput
from projectloom.metering.models import CapScope, SpendingCap, Turn, UsageRecord, is_open
from projectloom.money import Nanos, format_usd, from_usd

WORDS = {CapScope.DAY: "daily", CapScope.MONTH: "monthly", CapScope.CONVERSATION: "per-conversation"}


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit of what may be spent and how far it is used. ``resets_at`` is None for one that never starts anew."""

    endless: ClassVar[str] = "It never starts anew."
    """Said of a limit that does not."""
    change: ClassVar[str] = "You can change your caps in the settings"
    """What can be done about it, up to the address."""

    scope: str
    limit_nanos: Nanos
    spent_nanos: Nanos
    """What was charged in the window."""
    held_nanos: Nanos
    """What running replies may still take."""
    resets_at: datetime | None

    @property
    def title(self) -> str:
        """What a mail and a refusal call it, within a sentence."""
        return "the limit"

    @property
    def renewal(self) -> str:
        """When it starts anew, as a sentence."""
        if self.resets_at is None:
            return self.endless
        return f"It starts anew on {self.resets_at.day} {self.resets_at:%B} at {self.resets_at:%H:%M} UTC."

    @property
    def left_nanos(self) -> Nanos:
        """What another reply may cost at most."""
        return Nanos(max(self.limit_nanos - self.spent_nanos - self.held_nanos, 0))


@dataclass(frozen=True, slots=True)
class CapView(Cap):
    """One of a person's caps. That for conversations never starts anew."""

    endless: ClassVar[str] = "It counts each conversation by itself, so another one begins at zero."

    scope: CapScope

    @property
    def title(self) -> str:
        """As a mail and a refusal call it."""
        return f"your {WORDS[self.scope]} cap"


def read_caps(user_id: str, conversation_id: str | None = None) -> list[CapView]:
    """A person's caps with their use; the one for conversations with that of the one named, if one is."""
    with reading() as session:
        return caps_of(session, user_id=user_id, conversation_id=conversation_id)


def set_caps(user_id: str, wanted: Mapping[CapScope, object]) -> None:
    """Set caps in whole dollars, or take them away with None. They hold for every reply that begins from now on.

    Raises:
        InvalidInput: one of them is no such amount; then none is set.
    """
    for dollars in wanted.values():
        if dollars is not None and not _is_amount(dollars):
            raise InvalidInput(f"A cap is a whole number of dollars between $1 and ${limits.MAX_CAP_USD:,}.")
    with transaction() as session:
        for scope, dollars in wanted.items():
            old = delete(SpendingCap).where(col(SpendingCap.user_id) == user_id, col(SpendingCap.scope) == scope)
            session.connection().execute(old)
            if isinstance(dollars, int):
                session.add(SpendingCap(user_id=user_id, scope=scope, limit_nanos=from_usd(dollars)))


def _is_amount(dollars: object) -> bool:
    return isinstance(dollars, int) and not isinstance(dollars, bool) and 1 <= dollars <= limits.MAX_CAP_USD


def caps_of(session: Session, *, user_id: str, conversation_id: str | None) -> list[CapView]:
    """As :func:`read_caps`, within the caller's transaction."""
    query = select(SpendingCap.scope, SpendingCap.limit_nanos).where(SpendingCap.user_id == user_id)
    rows = session.exec(query.order_by(col(SpendingCap.limit_nanos))).all()
    if not rows:
        return []
    moment = database_now(session)
    return [
        _view(session, CapScope(scope), limit, user_id=user_id, conversation_id=conversation_id, moment=moment)
        for scope, limit in rows
    ]


def tightest(caps: Sequence[Cap]) -> Cap | None:
    """The cap that leaves the least; None when there is none."""
    return min(caps, key=lambda cap: cap.left_nanos, default=None)


def refusal(cap: Cap) -> CapReached:
    """The refusal of a reply that a cap does not cover: which cap, what is left of it, and when it starts anew."""
    title = cap.title[:1].upper() + cap.title[1:]
    words = f"{title} of {format_usd(cap.limit_nanos)} leaves {format_usd(cap.left_nanos)}."
    return CapReached(
        f"{words} {cap.renewal}",
        scope=cap.scope,
        limit_nanos=cap.limit_nanos,
        left_nanos=cap.left_nanos,
        resets_at=cap.resets_at,
    )


def _view(
    session: Session, scope: CapScope, limit: int, *, user_id: str, conversation_id: str | None, moment: datetime
) -> CapView:
    spent = select(func.coalesce(func.sum(UsageRecord.charged_nanos), 0)).where(UsageRecord.user_id == user_id)
    held = select(func.coalesce(func.sum(Turn.held_nanos), 0)).where(Turn.user_id == user_id, is_open())
    resets_at = None
    match scope:
        case CapScope.DAY:
            spent = spent.where(UsageRecord.created_at >= start_of_day(moment))
            resets_at = start_of_day(moment) + timedelta(days=1)
        case CapScope.MONTH:
            spent = spent.where(UsageRecord.created_at >= start_of_month(moment))
            resets_at = next_month(moment)
        case CapScope.CONVERSATION:
            # A conversation that is only about to begin has spent nothing.
            spent = spent.where(UsageRecord.conversation_id == (conversation_id or ""))
            held = held.where(Turn.conversation_id == (conversation_id or ""))
    return CapView(
        scope=scope,
        limit_nanos=Nanos(limit),
        spent_nanos=Nanos(int(session.exec(spent).one())),
        held_nanos=Nanos(int(session.exec(held).one())),
        resets_at=resets_at,
    )
