"""Fees per use: web searches on a usage record, and whether the provider's report contradicted itself."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("usage_records", sa.Column("web_searches", sa.Integer(), server_default="0", nullable=False))
    op.add_column("usage_records", sa.Column("flagged", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take back."""
    op.drop_column("usage_records", "flagged")
    op.drop_column("usage_records", "web_searches")
