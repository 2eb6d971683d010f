"""What an audit needs to read only what is new: what remained of each lot when it was proven, and indexes.

The movements of a lot are found by their numbers, and the few entries that are no captures without reading those.
"""

import sqlalchemy as sa

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # What takes long comes first, so that what nobody may write beside is held for a moment only.
    op.create_index("ix_lot_movements_lot_id_id", "lot_movements", ["lot_id", "id"], unique=False)
    few = sa.text("kind <> 'capture'")
    op.create_index(
        "ix_journal_entries_few", "journal_entries", ["kind", "cause"], postgresql_where=few, sqlite_where=few
    )
    op.create_table(
        "audited_lots",
        sa.Column("lot_id", sa.String(), nullable=False),
        sa.Column("movement_id", sa.BigInteger(), nullable=False),
        sa.Column("remaining_nanos", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lot_id"], ["credit_lots.id"], name=op.f("fk_audited_lots_lot_id")),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_audited_lots")),
    )
    op.drop_index("ix_lot_movements_lot_id", table_name="lot_movements")


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_journal_entries_few", table_name="journal_entries")
    op.create_index("ix_lot_movements_lot_id", "lot_movements", ["lot_id"], unique=False)
    op.drop_index("ix_lot_movements_lot_id_id", table_name="lot_movements")
    op.drop_table("audited_lots")
