"""Models that a person likes best, and whether they want to be told of cheaper ones."""

import sqlalchemy as sa

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Nobody has favourites yet, and everybody is told."""
    op.add_column("preferences", sa.Column("favourites", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("preferences", sa.Column("cheaper_told", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """Take back."""
    op.drop_column("preferences", "cheaper_told")
    op.drop_column("preferences", "favourites")
