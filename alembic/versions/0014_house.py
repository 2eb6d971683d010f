"""The house: the guide, limits on people's own keys, what a session is signed in on, and people who left."""

import sqlalchemy as sa

from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("user_sessions", sa.Column("device", sa.String(), nullable=True))
    # In one statement that both engines know: SQLite adds no constraint to a table afterwards.
    op.execute(
        "ALTER TABLE preferences ADD COLUMN guide VARCHAR DEFAULT 'new' NOT NULL "
        "CONSTRAINT ck_preferences_guide CHECK (guide IN ('new', 'closed', 'again'))"
    )
    op.execute(
        "ALTER TABLE provider_keys ADD COLUMN limit_month_nanos BIGINT "
        "CONSTRAINT ck_provider_keys_month_positive CHECK (limit_month_nanos > 0)"
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("provider_keys", "limit_month_nanos")
    op.drop_column("preferences", "guide")
    op.drop_column("user_sessions", "device")
    op.drop_column("users", "deleted_at")
