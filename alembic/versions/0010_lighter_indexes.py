"""Indexes that keep the cost of a reply apart from what its person asked before.

How many replies a person runs, and how many they stopped today before a word came, is asked before each reply. Each
has an index of just those rows. What no question needs is dropped, since every reply would write it: a person's turns
are found by the index of their request ids, nobody looks for holds by their cause, and a lot whose index does not hold
what remains of it is changed in place.
"""

import sqlalchemy as sa

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('held', 'streaming')")
_STOPPED = sa.text("state = 'voided' AND completion = 'stopped' AND funding = 'credits'")
_LOST = sa.text("charged_nanos = 0 AND funding = 'credits'")


def upgrade() -> None:
    """Apply."""
    _partial("ix_turns_open", "turns", ["user_id"], _OPEN)
    _partial("ix_turns_stopped", "turns", ["user_id", "lease_until"], _STOPPED)
    _partial("ix_usage_records_lost", "usage_records", ["user_id", "created_at"], _LOST)
    op.drop_index("ix_turns_user_id", table_name="turns")
    op.drop_index("ix_holds_cause", table_name="holds")
    op.create_index("ix_credit_lots_account_id", "credit_lots", ["account_id"])
    op.drop_index("ix_credit_lots_account_id_remaining", table_name="credit_lots")


def downgrade() -> None:
    """Take back."""
    op.create_index("ix_credit_lots_account_id_remaining", "credit_lots", ["account_id", "remaining_nanos"])
    op.drop_index("ix_credit_lots_account_id", table_name="credit_lots")
    op.create_index("ix_holds_cause", "holds", ["cause"])
    op.create_index("ix_turns_user_id", "turns", ["user_id"])
    op.drop_index("ix_usage_records_lost", table_name="usage_records")
    op.drop_index("ix_turns_stopped", table_name="turns")
    op.drop_index("ix_turns_open", table_name="turns")


def _partial(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, postgresql_where=where, sqlite_where=where)
