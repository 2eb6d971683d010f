"""What remained of each lot when an audit proved it, so that the next one sums only what moved since."""

import sqlalchemy as sa

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audited_lots",
        sa.Column("lot_id", sa.String(), nullable=False),
        sa.Column("movement_id", sa.BigInteger(), nullable=False),
        sa.Column("remaining_nanos", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lot_id"], ["credit_lots.id"], name=op.f("fk_audited_lots_lot_id")),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_audited_lots")),
    )
    op.create_index("ix_lot_movements_lot_id_id", "lot_movements", ["lot_id", "id"], unique=False)
    op.drop_index("ix_lot_movements_lot_id", table_name="lot_movements")


def downgrade() -> None:
    """Take back."""
    op.create_index("ix_lot_movements_lot_id", "lot_movements", ["lot_id"], unique=False)
    op.drop_index("ix_lot_movements_lot_id_id", table_name="lot_movements")
    op.drop_table("audited_lots")
