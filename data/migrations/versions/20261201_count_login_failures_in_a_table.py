"""count failed sign-ins of IP addresses and unknown names in an unlogged table

Revision ID: 9e4b7c2f5a10
Revises: c2d94e71a05b
Created: 2026-12-01 13:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "9e4b7c2f5a10"
down_revision = "c2d94e71a05b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step forward."""
    op.create_table(
        "login_failures",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_login_failures")),
        schema="app",
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    """Take the schema one step back."""
    op.drop_table("login_failures", schema="app")
