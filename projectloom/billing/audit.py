"""Proofs that purchases and the books agree."""

from sqlmodel import Session

from projectloom.ledger.audit import Check, Proof, prove

BILLING_PROOFS = (
    Proof(
        "every paid order has one top-up of its pack, and every top-up its paid order",
        "orders",
        "SELECT o.id FROM orders o LEFT JOIN journal_entries e ON e.idempotency_key = 'top_up:' || o.id "
        "LEFT JOIN postings p ON p.entry_id = e.id AND p.account_id = 'user:' || o.user_id || ':credits' "
        "WHERE (o.completed_at IS NOT NULL AND (p.amount_nanos IS NULL "
        "OR p.amount_nanos <> (CAST(o.price_cents AS BIGINT) + o.bonus_cents) * 10000000)) "
        "OR (o.completed_at IS NULL AND e.id IS NOT NULL) "
        "UNION ALL SELECT e.id FROM journal_entries e LEFT JOIN orders o ON e.idempotency_key = 'top_up:' || o.id "
        "WHERE e.kind = 'top_up' AND o.id IS NULL",
    ),
    Proof(
        "every refund or dispute stands in the books exactly as far as it came",
        "reversals",
        "SELECT id FROM (SELECT r.id, r.applied, r.paid_nanos + r.bonus_nanos AS taken, "
        "COALESCE(SUM(CASE WHEN e.kind = 'reversal' THEN 1 ELSE 0 END), 0) AS taken_back, "
        "COALESCE(SUM(CASE WHEN SUBSTR(e.idempotency_key, 1, 14) = 'reinstatement:' THEN 1 ELSE 0 END), 0) "
        "AS put_back, "
        "COALESCE(SUM(CASE WHEN e.kind = 'freeze' THEN 1 ELSE 0 END), 0) AS frozen, "
        "COALESCE(SUM(CASE WHEN SUBSTR(e.idempotency_key, 1, 9) = 'unfreeze:' THEN 1 ELSE 0 END), 0) AS thawed "
        "FROM reversals r LEFT JOIN journal_entries e ON e.cause = r.id "
        "GROUP BY r.id, r.applied, r.paid_nanos, r.bonus_nanos) AS followed "
        "WHERE taken_back - put_back <> CASE WHEN taken > 0 THEN 1 ELSE 0 END OR (taken > 0 AND applied <> 2) "
        "OR (applied <> 1 AND frozen <> thawed) OR (applied = 1 AND thawed > 0) "
        "UNION ALL SELECT e.id FROM journal_entries e LEFT JOIN reversals r ON e.cause = r.id "
        "WHERE e.kind = 'reversal' AND r.id IS NULL",
    ),
    Proof(
        "what refunds and disputes took back is never more than the order brought",
        "orders",
        "SELECT o.id FROM orders o JOIN reversals r ON r.order_id = o.id AND r.applied = 2 "
        "GROUP BY o.id, o.price_cents, o.bonus_cents "
        "HAVING SUM(r.paid_nanos) > CAST(o.price_cents AS BIGINT) * 10000000 "
        "OR SUM(r.bonus_nanos) > CAST(o.bonus_cents AS BIGINT) * 10000000",
    ),
    Proof(
        "no event of Stripe waits unhandled without saying why",
        "stripe_events",
        "SELECT id FROM stripe_events WHERE handled_at IS NULL AND error IS NULL AND next_try_at IS NULL",
    ),
)


def audit_billing(session: Session) -> list[Check]:
    """Prove that orders, top-ups and the inbox agree."""
    return prove(session, BILLING_PROOFS)
