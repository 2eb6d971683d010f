"""Proofs that the books and the operators' record agree."""

from projectloom.ledger.audit import ENTRIES, Proof

OPERATING_PROOFS = (
    Proof(
        "every revocation stands in the operators' record, on the person whose credit it took",
        ENTRIES,
        "SELECT e.id FROM touched t JOIN journal_entries e ON e.id = t.id "
        "LEFT JOIN operator_actions a ON a.entry_id = e.id AND a.action = 'revoke' "
        "LEFT JOIN postings p ON p.entry_id = e.id AND p.account_id = 'user:' || a.user_id || '\\:credits' "
        "WHERE e.kind = 'revocation' AND p.id IS NULL",
    ),
)
