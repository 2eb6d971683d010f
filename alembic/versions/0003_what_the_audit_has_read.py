"""What the audit has read: how far the books are proven, so that the next audit begins there."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_marks",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("clean_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posting_id", sa.BigInteger(), nullable=False),
        sa.Column("movement_id", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("full_checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_marks")),
    )
    op.create_table(
        "audited_accounts",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("posting_id", sa.BigInteger(), nullable=False),
        sa.Column("spent_nanos", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["ledger_accounts.id"], name=op.f("fk_audited_accounts_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_audited_accounts")),
    )
    op.create_index("ix_holds_resolved_at", "holds", ["resolved_at"], unique=False)
    op.create_index("ix_orders_completed_at", "orders", ["completed_at"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_orders_completed_at", "orders")
    op.drop_index("ix_holds_resolved_at", "holds")
    for table in ("audited_accounts", "audit_marks"):
        op.drop_table(table)
