"""Who comes in through Clerk: its people, its events, and whether an address is known to be somebody's."""

import sqlalchemy as sa

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("clerk_id", sa.String(), nullable=True))
    op.add_column("users", sa.Column("clerk_changed_ms", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ux_users_clerk_id", "users", ["clerk_id"], unique=True)
    op.create_table(
        "clerk_events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("clerk_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clerk_events")),
    )
    op.create_index(
        op.f("ix_clerk_events_handled_at_next_try_at"), "clerk_events", ["handled_at", "next_try_at"], unique=False
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("clerk_events")
    op.drop_index("ux_users_clerk_id", table_name="users")
    for name in ("clerk_changed_ms", "clerk_id", "email_confirmed_at"):
        op.drop_column("users", name)
