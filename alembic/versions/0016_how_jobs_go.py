"""How leased jobs went stands beside their leases."""

import sqlalchemy as sa

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Nothing is known of the runs before it."""
    op.add_column("job_leases", sa.Column("done_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_leases", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("job_leases", sa.Column("error", sa.String(), nullable=True))
    op.add_column("job_leases", sa.Column("found", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take back."""
    for column in ("found", "error", "failures", "done_at"):
        op.drop_column("job_leases", column)
