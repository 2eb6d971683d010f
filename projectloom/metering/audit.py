"""Proofs that turns, holds and usage records agree."""

from sqlmodel import Session

from projectloom.ledger.audit import Check, Proof, prove

METERING_PROOFS = (
    Proof(
        "every captured hold has one usage record of its charge, and every charge its captured hold",
        "usage_records",
        "SELECT h.id FROM holds h LEFT JOIN usage_records u ON u.hold_id = h.id WHERE h.state = 'captured' "
        "AND (u.id IS NULL OR u.charged_nanos <> h.captured_nanos OR u.entry_id IS NULL) "
        "UNION ALL SELECT u.id FROM usage_records u LEFT JOIN holds h ON h.id = u.hold_id WHERE u.charged_nanos > 0 "
        "AND (h.id IS NULL OR h.state <> 'captured')",
    ),
    Proof(
        "every hold belongs to one turn, and is resolved when and only when its turn has ended",
        "holds",
        "SELECT h.id FROM holds h LEFT JOIN turns t ON t.hold_id = h.id WHERE t.id IS NULL "
        "OR (h.state = 'held') <> (t.state IN ('held', 'streaming'))",
    ),
    Proof(
        "no reply with text was free in credits mode, and none without text was charged",
        "turns",
        "SELECT t.id FROM turns t LEFT JOIN usage_records u ON u.turn_id = t.id WHERE t.funding = 'credits' "
        "AND ((t.state = 'settled' AND (u.id IS NULL OR u.charged_nanos = 0)) "
        "OR (t.state = 'voided' AND u.charged_nanos > 0))",
    ),
    Proof(
        "own-key turns hold and charge nothing",
        "turns",
        "SELECT t.id FROM turns t LEFT JOIN usage_records u ON u.turn_id = t.id WHERE t.funding = 'own_key' "
        "AND (t.hold_id IS NOT NULL OR t.held_nanos <> 0 OR u.charged_nanos <> 0)",
    ),
)


def audit_metering(session: Session) -> list[Check]:
    """Prove that turns, holds and usage records agree."""
    return prove(session, METERING_PROOFS)
