"""Price proposals: cards that are compared before they charge anybody."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "price_proposals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("card_json", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_proposals")),
        sa.UniqueConstraint("digest", name=op.f("uq_price_proposals_digest")),
    )
    for name, what in (("update", "UPDATE"), ("delete", "DELETE")):
        trigger = f"CREATE TRIGGER price_proposals_refuse_{name} BEFORE {what} ON price_proposals"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION loom_refuse()")
        else:
            op.execute(f"{trigger} FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'refused: the books are only added to'); END")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER price_proposals_refuse_truncate BEFORE TRUNCATE ON price_proposals "
            "EXECUTE FUNCTION loom_refuse()"
        )


def downgrade() -> None:
    """Take back."""
    op.drop_table("price_proposals")
