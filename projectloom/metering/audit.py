"""Proofs that turns, holds and usage records agree."""

from projectloom.ledger.audit import HOLDS, Proof, Subject

# A turn that was open for long ends with its hold, whose cause it is, or leaves a usage record.
_TURNS = Subject(
    "turns",
    "SELECT id FROM turns WHERE id >= :from_turn UNION SELECT id FROM turns WHERE state IN ('held', 'streaming') "
    "UNION SELECT cause FROM holds WHERE resolved_at >= :since "
    "UNION SELECT turn_id FROM usage_records WHERE id >= :from_use",
)
_USAGE = Subject("usage_records", "SELECT id FROM usage_records WHERE id >= :from_use")

METERING_PROOFS = (
    Proof(
        "every captured hold has one usage record of its charge",
        HOLDS,
        "SELECT h.id FROM touched t JOIN holds h ON h.id = t.id LEFT JOIN usage_records u ON u.hold_id = h.id "
        "WHERE h.state = 'captured' AND (u.id IS NULL OR u.charged_nanos <> h.captured_nanos OR u.entry_id IS NULL)",
    ),
    Proof(
        "every usage record has its turn's payer and hold, and every charge the entry that captured it",
        _USAGE,
        "SELECT u.id FROM touched t JOIN usage_records u ON u.id = t.id LEFT JOIN turns w ON w.id = u.turn_id "
        "LEFT JOIN holds h ON h.id = u.hold_id LEFT JOIN journal_entries e ON e.id = u.entry_id "
        "WHERE w.id IS NULL OR u.funding <> w.funding OR u.user_id <> w.user_id "
        "OR COALESCE(u.hold_id, '') <> COALESCE(w.hold_id, '') "
        "OR (u.funding = 'credits') <> (u.hold_id IS NOT NULL) OR (u.charged_nanos > 0) <> (u.entry_id IS NOT NULL) "
        "OR (u.charged_nanos > 0 AND (h.id IS NULL OR h.state <> 'captured' OR h.captured_nanos <> u.charged_nanos "
        "OR e.idempotency_key <> 'capture:' || h.id))",
    ),
    Proof(
        "every hold belongs to one turn, and is resolved when and only when its turn has ended",
        HOLDS,
        "SELECT h.id FROM touched t JOIN holds h ON h.id = t.id "
        "LEFT JOIN turns w ON w.id = h.cause AND w.hold_id = h.id "
        "WHERE w.id IS NULL OR (h.state = 'held') <> (w.state IN ('held', 'streaming'))",
    ),
    Proof(
        "no turn is paid from credit without a hold of its own, on that person's credit, of all that it may cost",
        _TURNS,
        "SELECT w.id FROM touched t JOIN turns w ON w.id = t.id LEFT JOIN holds h ON h.id = w.hold_id "
        "WHERE w.funding = 'credits' AND (h.id IS NULL OR h.cause <> w.id OR h.amount_nanos <> w.held_nanos "
        "OR h.account_id <> 'user:' || w.user_id || '\\:credits')",
    ),
    Proof(
        "no reply with text was free in credits mode, and none without text was charged",
        _TURNS,
        "SELECT w.id FROM touched t JOIN turns w ON w.id = t.id LEFT JOIN usage_records u ON u.turn_id = w.id "
        "WHERE w.funding = 'credits' AND ((w.state = 'settled' AND (u.id IS NULL OR u.charged_nanos = 0)) "
        "OR (w.state = 'voided' AND u.charged_nanos > 0))",
    ),
    Proof(
        "a turn has ended when and only when it says when",
        _TURNS,
        "SELECT w.id FROM touched t JOIN turns w ON w.id = t.id "
        "WHERE (w.state IN ('held', 'streaming')) <> (w.ended_at IS NULL)",
    ),
    Proof(
        "turns that credit does not pay for hold and charge nothing",
        _TURNS,
        "SELECT w.id FROM touched t JOIN turns w ON w.id = t.id LEFT JOIN usage_records u ON u.turn_id = w.id "
        "WHERE w.funding <> 'credits' AND (w.hold_id IS NOT NULL OR w.held_nanos <> 0 OR u.charged_nanos <> 0)",
    ),
)
