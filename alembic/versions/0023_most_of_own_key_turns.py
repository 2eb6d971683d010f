"""What a turn may cost at most where a limit of the person's own key bounds it and nothing is held."""

import sqlalchemy as sa

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Those under way go on by what they likely cost."""
    op.add_column("turns", sa.Column("most_nanos", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("turns", "most_nanos")
