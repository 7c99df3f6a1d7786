"""tokens are counted and bounded, sign-ins say from where, recovery codes

Revision ID: 7c1f0d9a52be
Revises: 463dcc693679
Created: 2026-11-21 07:15:00
"""

import sqlalchemy as sa
from alembic import op

revision = "7c1f0d9a52be"
down_revision = "463dcc693679"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step forward."""
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["app.people.id"], name=op.f("fk_recovery_codes_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint("secret", name=op.f("uq_recovery_codes_secret")),
        schema="app",
    )
    op.create_index(op.f("ix_recovery_codes_person_id"), "recovery_codes", ["person_id"], schema="app")
    op.create_table(
        "token_uses",
        sa.Column("token_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_minute", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["app.tokens.id"], name=op.f("fk_token_uses_token_id")),
        sa.PrimaryKeyConstraint("token_id", "day", "address", name=op.f("pk_token_uses")),
        schema="app",
    )
    op.add_column("sign_ins", sa.Column("device", sa.Text(), nullable=True), schema="app")
    op.add_column("sign_ins", sa.Column("address", sa.Text(), nullable=True), schema="app")
    op.add_column(
        "tokens", sa.Column("per_minute", sa.Integer(), server_default=sa.text("600"), nullable=False), schema="app"
    )


def downgrade() -> None:
    """Take the schema one step back."""
    op.drop_column("tokens", "per_minute", schema="app")
    op.drop_column("sign_ins", "address", schema="app")
    op.drop_column("sign_ins", "device", schema="app")
    op.drop_table("token_uses", schema="app")
    op.drop_table("recovery_codes", schema="app")
