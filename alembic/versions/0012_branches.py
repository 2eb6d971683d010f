"""Which branch of a conversation is shown, and which messages begin it anew instead of following the one before."""

import sqlalchemy as sa

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # No foreign key: messages name their conversation already, and a message that is gone is read as none.
    op.add_column("conversations", sa.Column("tip_id", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("begins", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take back."""
    op.drop_column("messages", "begins")
    op.drop_column("conversations", "tip_id")
