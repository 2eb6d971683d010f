"""Proofs that purchases and the books agree."""

from sqlmodel import Session

from projectloom.ledger.audit import Check, Proof, prove

BILLING_PROOFS = (
    Proof(
        "every completed order has one top-up of its pack, and every top-up its completed order",
        "orders",
        "SELECT o.id FROM orders o LEFT JOIN journal_entries e ON e.idempotency_key = 'top_up:' || o.id "
        "LEFT JOIN postings p ON p.entry_id = e.id AND p.account_id = 'user:' || o.user_id || ':credits' "
        "WHERE (o.status = 'completed' AND (p.amount_nanos IS NULL "
        "OR p.amount_nanos <> (CAST(o.price_cents AS BIGINT) + o.bonus_cents) * 10000000)) "
        "OR (o.status <> 'completed' AND e.id IS NOT NULL) "
        "UNION ALL SELECT e.id FROM journal_entries e LEFT JOIN orders o ON e.idempotency_key = 'top_up:' || o.id "
        "WHERE e.kind = 'top_up' AND o.id IS NULL",
    ),
    Proof(
        "no event of Stripe waits unhandled without saying why",
        "stripe_events",
        "SELECT id FROM stripe_events WHERE handled_at IS NULL AND error IS NULL",
    ),
)


def audit_billing(session: Session) -> list[Check]:
    """Prove that orders, top-ups and the inbox agree."""
    return prove(session, BILLING_PROOFS)
