"""What ``/api/admin`` answers, as JSON: exact decimal strings for amounts, ISO moments for times."""

from datetime import datetime
from typing import Any

from projectloom.billing.balance import LotView
from projectloom.metering.margins import Margin, MarginLine, Margins
from projectloom.metering.price_changes import Applied, Compared, PriceHistory
from projectloom.metering.price_diff import Change, plain
from projectloom.money import usd_string
from projectloom.operating.actions import ActionView
from projectloom.operating.books import BooksView, FullAuditView, Promise
from projectloom.operating.people import Found, HoldLine, OrderLine, PersonBooks
from projectloom.operating.troubles import Trouble, Troubles


def person(one: Found) -> dict[str, Any]:
    """Somebody who was found."""
    return {"id": one.user_id, "name": one.name, "createdAt": _iso(one.created_at), "left": one.left}


def books_of(found: PersonBooks) -> dict[str, Any]:
    """A person's books."""
    balances = found.balances
    amounts = {
        "postedUsd": balances.posted_nanos,
        "heldUsd": balances.held_nanos,
        "availableUsd": balances.available_nanos,
        "debtUsd": balances.debt_nanos,
        "frozenUsd": balances.frozen_nanos,
        "spentUsd": balances.spent_nanos,
    }
    return {
        **person(found.person),
        **{name: usd_string(nanos) for name, nanos in amounts.items()},
        "lots": [_lot(lot) for lot in found.lots],
        "holds": [_hold(hold) for hold in found.holds],
        "orders": [_order(order) for order in found.orders],
    }


def _lot(lot: LotView) -> dict[str, Any]:
    return {
        "id": lot.id,
        "kind": lot.kind,
        "leftUsd": usd_string(lot.left_nanos),
        "wholeUsd": usd_string(lot.whole_nanos),
        "createdAt": _iso(lot.created_at),
        "expiresAt": _iso(lot.expires_at),
    }


def _hold(hold: HoldLine) -> dict[str, Any]:
    return {
        "id": hold.id,
        "turn": hold.turn_id,
        "amountUsd": usd_string(hold.amount_nanos),
        "createdAt": _iso(hold.created_at),
        "expiresAt": _iso(hold.expires_at),
    }


def _order(order: OrderLine) -> dict[str, Any]:
    return {
        "id": order.id,
        "status": order.status,
        "source": order.source,
        "priceUsd": usd_string(order.price_nanos),
        "creditUsd": usd_string(order.credit_nanos),
        "problem": order.problem,
        "session": order.session_id,
        "paymentIntent": order.payment_intent_id,
        "createdAt": _iso(order.created_at),
        "completedAt": _iso(order.completed_at),
    }


def troubles(found: Troubles) -> dict[str, Any]:
    """What waits for somebody."""
    return {name: [_trouble(one) for one in getattr(found, name)] for name in ("orders", "refunds", "turns", "events")}


def _trouble(one: Trouble) -> dict[str, Any]:
    return {
        "id": one.id,
        "what": one.what,
        "why": one.why,
        "since": _iso(one.since),
        "user": one.user_id,
        "person": one.person,
        "amountUsd": None if one.amount_nanos is None else usd_string(one.amount_nanos),
    }


def margins(found: Margins) -> dict[str, Any]:
    """A range of days."""
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        **_margin(found.whole),
        "earnedUsd": usd_string(found.earned_nanos),
        "agrees": found.agrees,
        "days": [_margin_line(line) for line in found.days],
        "models": [_margin_line(line) for line in found.models],
        "lines": [_margin_line(line) for line in found.lines],
    }


def _margin_line(line: MarginLine) -> dict[str, Any]:
    named = {"day": line.day.isoformat() if line.day else None, "model": line.model or None}
    return {**named, **_margin(line.sums)}


def _margin(sums: Margin) -> dict[str, Any]:
    return {
        "count": sums.count,
        "chargedUsd": usd_string(sums.charged_nanos),
        "givenUsd": usd_string(sums.given_nanos),
        "providerCostUsd": usd_string(sums.cost_nanos),
        "uncollectedUsd": usd_string(sums.uncollected_nanos),
        "marginUsd": usd_string(sums.margin_nanos),
    }


def price_history(found: PriceHistory) -> dict[str, Any]:
    """Versions and proposals."""
    versions = [
        {
            "version": one.version,
            "effectiveAt": _iso(one.effective_at),
            "markupPercent": plain(one.card.markup_percent),
            "source": one.card.source,
        }
        for one in found.versions
    ]
    proposals = [
        {
            "id": one.id,
            "createdAt": _iso(one.created_at),
            "markupPercent": plain(found.markups[one.id or 0]),
            "source": one.source,
        }
        for one in found.proposals
    ]
    return {"live": found.live, "versions": versions, "proposals": proposals}


def compared(found: Compared) -> dict[str, Any]:
    """What a proposal would change."""
    return {
        "id": found.proposal_id,
        "liveVersion": found.live.version,
        "markupPercent": plain(found.card.markup_percent),
        "changes": [_change(change) for change in found.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "model": change.model or None,
        "what": change.what,
        "old": change.old,
        "new": change.new,
        "percent": change.percent,
    }


def applied(made: Applied) -> dict[str, Any]:
    """The version that a proposal became."""
    return {
        "version": made.version,
        "effectiveAt": _iso(made.effective_at),
        "markupPercent": plain(made.markup_percent),
        "nextVersion": made.next_version.version if made.next_version else None,
    }


def books(found: BooksView) -> dict[str, Any]:
    """Every promise."""
    return {
        "broken": found.broken,
        "rooms": [
            {"name": room.name, "promises": [_promise(promise) for promise in room.promises]} for room in found.rooms
        ],
        "fullAudit": _full_audit(found.full_audit) if found.full_audit else None,
    }


def _promise(promise: Promise) -> dict[str, Any]:
    return {
        "name": promise.name,
        "holds": promise.holds,
        "examined": promise.examined,
        "offenders": list(promise.offenders),
        "lookedAt": _iso(promise.looked_at),
        "provenAt": _iso(promise.proven_at),
        "fullExamined": promise.full_examined,
        "fullProvenAt": _iso(promise.full_proven_at),
    }


def _full_audit(found: FullAuditView) -> dict[str, Any]:
    return {
        "askedAt": _iso(found.asked_at),
        "askedBy": found.asked_by,
        "done": found.done,
        "total": found.total,
        "underWay": found.under_way,
        "endedAt": _iso(found.ended_at),
        "broken": found.broken,
    }


def action(one: ActionView) -> dict[str, Any]:
    """One line of the record."""
    return {
        "id": one.id,
        "at": _iso(one.at),
        "operator": one.operator,
        "action": one.action,
        "subject": one.subject,
        "user": one.user_id,
        "person": one.person,
        "reason": one.reason,
        "details": one.details,
        "entry": one.entry_id,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
