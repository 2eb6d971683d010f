"""What operators do: the record of their actions, the last word on each promise of the books, and full audits."""

import sqlalchemy as sa

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    _actions()
    op.create_table(
        "proof_outcomes",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("examined", sa.BigInteger(), nullable=False),
        sa.Column("offenders", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("full_examined", sa.BigInteger(), nullable=True),
        sa.Column("full_proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_proof_outcomes")),
    )
    op.create_table(
        "full_audits",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("under_way", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("broken", sa.Integer(), nullable=True),
        sa.CheckConstraint("done >= 0 AND done <= total", name=op.f("ck_full_audits_progress")),
        sa.ForeignKeyConstraint(["asked_by"], ["users.id"], name=op.f("fk_full_audits_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_full_audits")),
        sa.UniqueConstraint("under_way", name=op.f("uq_full_audits_under_way")),
    )


def _actions() -> None:
    op.create_table(
        "operator_actions",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["users.id"], name=op.f("fk_operator_actions_operator_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_operator_actions_user_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entries.id"], name=op.f("fk_operator_actions_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_actions")),
    )
    for column in ("operator_id", "user_id", "entry_id"):
        op.create_index(op.f(f"ix_operator_actions_{column}"), "operator_actions", [column])
    on_postgres = op.get_bind().dialect.name == "postgresql"
    for name, what in (("update", "UPDATE"), ("delete", "DELETE")):
        trigger = f"CREATE TRIGGER operator_actions_refuse_{name} BEFORE {what} ON operator_actions"
        if on_postgres:
            op.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION loom_refuse()")
        else:
            op.execute(f"{trigger} FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'refused: the books are only added to'); END")
    if on_postgres:
        op.execute(
            "CREATE TRIGGER operator_actions_refuse_truncate BEFORE TRUNCATE ON operator_actions "
            "EXECUTE FUNCTION loom_refuse()"
        )


def downgrade() -> None:
    """Take back."""
    op.drop_table("full_audits")
    op.drop_table("proof_outcomes")
    op.drop_table("operator_actions")
