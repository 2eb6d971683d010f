"""Payments for their whole life: receipts, discounts and tax on orders, saved cards, auto top-up, promotional codes."""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIXED_BEFORE = ("id", "user_id", "price_cents", "bonus_cents", "currency", "livemode", "created_at")
_FIXED_REVERSAL = ("id", "kind", "payment_intent_id", "currency", "created_at")
_FIXED_CODE = ("code", "amount_nanos", "credit_days", "expires_at", "max_uses", "created_at")
_IN_FLIGHT = sa.text("source = 'auto' AND status = 'pending'")


def _added() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("source", sa.String(), server_default="checkout", nullable=False),
        sa.Column("discountable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("discount_cents", sa.Integer(), nullable=True),
        sa.Column("tax_cents", sa.Integer(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("receipt_url", sa.String(), nullable=True),
        sa.Column("invoice_url", sa.String(), nullable=True),
    )


def upgrade() -> None:
    """Apply."""
    for column in _added():
        op.add_column("orders", column)
    op.create_index(
        "ux_orders_auto_in_flight",
        "orders",
        ["user_id"],
        unique=True,
        sqlite_where=_IN_FLIGHT,
        postgresql_where=_IN_FLIGHT,
    )
    op.add_column("reversals", sa.Column("decided", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    _fix_columns("orders", (*_FIXED_BEFORE, "source", "discountable"))
    # What a dispute is about may change until it is taken.
    _fix_columns("reversals", _FIXED_REVERSAL)
    op.create_table(
        "saved_cards",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=True),
        sa.Column("setup_due", sa.Boolean(), nullable=False),
        sa.Column("payment_method_id", sa.String(), nullable=True),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("last4", sa.String(), nullable=True),
        sa.Column("exp_month", sa.Integer(), nullable=True),
        sa.Column("exp_year", sa.Integer(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_saved_cards_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_saved_cards")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_saved_cards_customer_id")),
    )
    op.create_table(
        "auto_top_ups",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("threshold_cents", sa.Integer(), nullable=False),
        sa.Column("amount_usd", sa.Integer(), nullable=False),
        sa.Column("monthly_ceiling_cents", sa.Integer(), nullable=False),
        sa.Column("stopped", sa.String(), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "threshold_cents > 0 AND amount_usd > 0 AND monthly_ceiling_cents >= amount_usd * 100",
            name=op.f("ck_auto_top_ups_amounts"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_auto_top_ups_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_auto_top_ups")),
    )
    op.create_table(
        "promotional_codes",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("credit_days", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount_nanos > 0 AND uses >= 0 AND uses <= max_uses", name=op.f("ck_promotional_codes_amounts")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_promotional_codes")),
    )
    _refuse("promotional_codes", "update", f"UPDATE OF {', '.join(_FIXED_CODE)}")
    _refuse("promotional_codes", "delete", "DELETE")
    with op.batch_alter_table("mail_outbox") as mails:
        # A mail to the operator is nobody's.
        mails.alter_column("user_id", existing_type=sa.String(), nullable=True)


def downgrade() -> None:
    """Take back."""
    op.execute("DELETE FROM mail_outbox WHERE user_id IS NULL")
    with op.batch_alter_table("mail_outbox") as mails:
        mails.alter_column("user_id", existing_type=sa.String(), nullable=False)
    for table in ("promotional_codes", "auto_top_ups", "saved_cards"):
        op.drop_table(table)
    op.drop_index("ux_orders_auto_in_flight", "orders")
    _fix_columns("orders", _FIXED_BEFORE)
    _fix_columns("reversals", (*_FIXED_REVERSAL, "amount_cents"))
    op.drop_column("reversals", "decided")
    for column in _added():
        op.drop_column("orders", column.name)


def _fix_columns(table: str, columns: tuple[str, ...]) -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    op.execute(f"DROP TRIGGER {table}_refuse_update" + (f" ON {table}" if on_postgres else ""))
    _refuse(table, "update", f"UPDATE OF {', '.join(columns)}")


def _refuse(table: str, name: str, what: str) -> None:
    trigger = f"CREATE TRIGGER {table}_refuse_{name} BEFORE {what} ON {table}"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION loom_refuse()")
        if what == "DELETE":
            op.execute(
                f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION loom_refuse()"
            )
    else:
        op.execute(f"{trigger} FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'refused: the books are only added to'); END")
