"""Keys by which people's own programs ask in their name, and which key each turn came with."""

import sqlalchemy as sa

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("limit_day_nanos", sa.BigInteger(), nullable=True),
        sa.Column("limit_month_nanos", sa.BigInteger(), nullable=True),
        sa.Column("limit_total_nanos", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("limit_day_nanos > 0", name=op.f("ck_api_keys_day_positive")),
        sa.CheckConstraint("limit_month_nanos > 0", name=op.f("ck_api_keys_month_positive")),
        sa.CheckConstraint("limit_total_nanos > 0", name=op.f("ck_api_keys_total_positive")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    for table in ("turns", "usage_records"):
        # In one statement that both engines know: SQLite adds no constraint to a table afterwards.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN api_key_id VARCHAR "
            f"CONSTRAINT fk_{table}_api_key_id REFERENCES api_keys (id)"
        )
    # What a key spent in a window is read from the index alone. What came without a key is not in it.
    came_with_a_key = sa.text("api_key_id IS NOT NULL")
    op.create_index(
        "ix_usage_records_api_key_id_created_at",
        "usage_records",
        ["api_key_id", "created_at", "charged_nanos"],
        postgresql_where=came_with_a_key,
        sqlite_where=came_with_a_key,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_usage_records_api_key_id_created_at", "usage_records")
    op.drop_column("usage_records", "api_key_id")
    op.drop_column("turns", "api_key_id")
    op.drop_table("api_keys")
