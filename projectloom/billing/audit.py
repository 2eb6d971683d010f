"""Proofs that purchases and the books agree."""

from projectloom.ledger.audit import ENTRIES, Proof, Subject

_ORDERS = Subject(
    "orders",
    "SELECT id FROM orders WHERE id >= :from_ord UNION SELECT id FROM orders WHERE completed_at >= :since "
    "UNION SELECT o.id FROM journal_entries e JOIN orders o ON o.id = e.cause "
    "WHERE e.id >= :from_je AND e.kind = 'top_up'",
)
# A few in a hundred purchases, each followed for months: reading all is cheaper than a trace of each change.
_REVERSALS = Subject("reversals")
# Made by hand, and few.
_CODES = Subject("(SELECT code AS id FROM promotional_codes) AS codes")
_UNHANDLED = Subject("stripe_events", "SELECT id FROM stripe_events WHERE handled_at IS NULL")
_AUTO_IN_FLIGHT = Subject("orders", "SELECT id FROM orders WHERE source = 'auto' AND status = 'pending'")
_FROZEN = Subject("ledger_accounts", "SELECT id FROM ledger_accounts WHERE kind = 'frozen' AND posted_nanos > 0")

BILLING_PROOFS = (
    Proof(
        "every paid order has one top-up of its pack, for what was paid, and no other order has one",
        _ORDERS,
        # A promotion code lessens what Stripe owes us for the pack, never the pack: the difference is given.
        "SELECT o.id FROM touched t JOIN orders o ON o.id = t.id "
        "LEFT JOIN journal_entries e ON e.idempotency_key = 'top_up:' || o.id "
        "LEFT JOIN postings p ON p.entry_id = e.id AND p.account_id = 'user:' || o.user_id || '\\:credits' "
        "LEFT JOIN postings s ON s.entry_id = e.id AND s.account_id = 'stripe:clearing' "
        "LEFT JOIN postings g ON g.entry_id = e.id AND g.account_id = 'platform:promotions' "
        "WHERE (o.completed_at IS NOT NULL AND (p.amount_nanos IS NULL OR e.kind <> 'top_up' "
        "OR p.amount_nanos <> (CAST(o.price_cents AS BIGINT) + o.bonus_cents) * 10000000 "
        "OR COALESCE(s.amount_nanos, 0) "
        "<> -(CAST(o.price_cents AS BIGINT) - COALESCE(o.discount_cents, 0)) * 10000000 "
        "OR COALESCE(g.amount_nanos, 0) "
        "<> -(CAST(o.bonus_cents AS BIGINT) + COALESCE(o.discount_cents, 0)) * 10000000)) "
        "OR (o.completed_at IS NULL AND e.id IS NOT NULL)",
    ),
    Proof(
        "no order was credited that was not paid",
        _ORDERS,
        "SELECT o.id FROM touched t JOIN orders o ON o.id = t.id WHERE o.completed_at IS NOT NULL "
        "AND (o.paid_cents IS NULL OR o.paid_cents < o.price_cents - COALESCE(o.discount_cents, 0))",
    ),
    Proof(
        "every top-up belongs to a paid order",
        ENTRIES,
        "SELECT e.id FROM touched t JOIN journal_entries e ON e.id = t.id LEFT JOIN orders o "
        "ON o.id = SUBSTR(e.idempotency_key, 8) AND o.completed_at IS NOT NULL "
        "WHERE e.kind = 'top_up' AND (o.id IS NULL OR SUBSTR(e.idempotency_key, 1, 7) <> 'top_up:')",
    ),
    Proof(
        "one auto top-up a person is under way at most",
        _AUTO_IN_FLIGHT,
        "SELECT user_id FROM orders WHERE source = 'auto' AND status = 'pending' GROUP BY user_id HAVING COUNT(*) > 1",
    ),
    Proof(
        "every refund or dispute stands in the books exactly as far as it came",
        _REVERSALS,
        "SELECT id FROM (SELECT r.id, r.applied, r.paid_nanos + r.bonus_nanos AS taken, "
        "COALESCE(SUM(CASE WHEN e.kind = 'reversal' THEN 1 ELSE 0 END), 0) AS taken_back, "
        "COALESCE(SUM(CASE WHEN SUBSTR(e.idempotency_key, 1, 14) = 'reinstatement:' THEN 1 ELSE 0 END), 0) "
        "AS put_back, "
        "COALESCE(SUM(CASE WHEN e.kind = 'freeze' THEN 1 ELSE 0 END), 0) AS frozen, "
        "COALESCE(SUM(CASE WHEN SUBSTR(e.idempotency_key, 1, 9) = 'unfreeze:' THEN 1 ELSE 0 END), 0) AS thawed "
        "FROM reversals r LEFT JOIN journal_entries e ON e.cause = r.id "
        "GROUP BY r.id, r.applied, r.paid_nanos, r.bonus_nanos) AS followed "
        "WHERE taken_back - put_back <> CASE WHEN taken > 0 THEN 1 ELSE 0 END OR (taken > 0 AND applied <> 2) "
        "OR (applied <> 1 AND frozen <> thawed) OR (applied = 1 AND thawed > 0)",
    ),
    Proof(
        "every refund or dispute of a credited order was followed as far as Stripe reported it",
        _REVERSALS,
        "SELECT r.id FROM reversals r JOIN orders o ON o.payment_intent_id = r.payment_intent_id "
        "WHERE o.completed_at IS NOT NULL AND o.currency = r.currency AND r.applied <> r.reported",
    ),
    Proof(
        "every reversal belongs to a refund or dispute",
        ENTRIES,
        "SELECT e.id FROM touched t JOIN journal_entries e ON e.id = t.id LEFT JOIN reversals r ON r.id = e.cause "
        "WHERE e.kind = 'reversal' AND r.id IS NULL",
    ),
    Proof(
        "what refunds and disputes took back is never more than the order brought",
        _REVERSALS,
        "SELECT o.id FROM reversals r JOIN orders o ON o.id = r.order_id WHERE r.applied = 2 "
        "GROUP BY o.id, o.price_cents, o.bonus_cents, o.discount_cents HAVING SUM(r.paid_nanos) "
        "> (CAST(o.price_cents AS BIGINT) - COALESCE(o.discount_cents, 0)) * 10000000 OR SUM(r.bonus_nanos) "
        "> (CAST(o.bonus_cents AS BIGINT) + COALESCE(o.discount_cents, 0)) * 10000000",
    ),
    Proof(
        "credit is frozen while a dispute or a requested refund of its purchase is open, and no longer",
        _FROZEN,
        "SELECT e.id FROM ledger_accounts a JOIN postings p ON p.account_id = a.id AND p.amount_nanos > 0 "
        "JOIN journal_entries e ON e.id = p.entry_id AND e.kind = 'freeze' "
        "LEFT JOIN journal_entries u ON u.idempotency_key = 'un' || e.idempotency_key "
        "LEFT JOIN reversals r ON r.id = e.cause AND r.applied = 1 "
        "WHERE a.kind = 'frozen' AND a.posted_nanos > 0 AND u.id IS NULL AND r.id IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id = a.user_id AND o.refund_requested_at IS NOT NULL "
        "AND SUBSTR(e.cause, 1, LENGTH(o.id) + 8) = 'refund:' || o.id || ':')",
    ),
    Proof(
        "every use of a promotional code is one person's grant of its amount, and no other grant is",
        _CODES,
        "SELECT c.code FROM promotional_codes c LEFT JOIN (SELECT e.cause, COUNT(*) AS grants, "
        "MIN(p.amount_nanos) AS least, MAX(p.amount_nanos) AS most FROM journal_entries e "
        "JOIN postings p ON p.entry_id = e.id AND p.account_id <> 'platform:promotions' "
        "WHERE e.kind = 'grant' AND SUBSTR(e.cause, 1, 5) = 'code:' GROUP BY e.cause) g ON g.cause = 'code:' || c.code "
        "WHERE c.uses <> COALESCE(g.grants, 0) OR g.least <> c.amount_nanos OR g.most <> c.amount_nanos "
        "UNION ALL SELECT e.id FROM journal_entries e LEFT JOIN promotional_codes c ON 'code:' || c.code = e.cause "
        "WHERE e.kind = 'grant' AND SUBSTR(e.cause, 1, 5) = 'code:' AND c.code IS NULL",
    ),
    Proof(
        "no event of Stripe waits unhandled without saying why",
        _UNHANDLED,
        "SELECT id FROM stripe_events WHERE handled_at IS NULL AND error IS NULL AND next_try_at IS NULL",
    ),
)
