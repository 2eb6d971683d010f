"""What each step of an agent did with its tools, so that a run can be read again after its end."""

import sqlalchemy as sa

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. The steps of earlier runs have none."""
    op.add_column("agent_steps", sa.Column("uses_json", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("agent_steps", "uses_json")
