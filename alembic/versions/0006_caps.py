"""Caps that people set for what they spend, and who named a conversation."""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "spending_caps",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("limit_nanos", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("limit_nanos > 0", name=op.f("ck_spending_caps_positive")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_spending_caps_user_id")),
        sa.PrimaryKeyConstraint("user_id", "scope", name=op.f("pk_spending_caps")),
    )
    op.add_column("conversations", sa.Column("title_by", sa.String(), server_default="first_line", nullable=False))
    op.create_index("ix_usage_records_conversation_id", "usage_records", ["conversation_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_column("conversations", "title_by")
    op.drop_index("ix_usage_records_conversation_id", "usage_records")
    op.drop_table("spending_caps")
