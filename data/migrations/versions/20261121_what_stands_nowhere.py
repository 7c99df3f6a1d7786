"""what stands nowhere is found by an index; words are sought as they stand, not folded

Revision ID: b81f93d3aa1d
Revises: da7065622f94
Created: 2026-11-21 09:36:46.842428
"""

import sqlalchemy as sa
from alembic import op


revision = "b81f93d3aa1d"
down_revision = "da7065622f94"
branch_labels = None
depends_on = None

LAYERS = (
    "administrative_areas", "areas", "crossings", "documents", "gates", "incidents", "lines", "markers", "posts",
    "sectors", "tasks", "units", "works",
)  # fmt: skip


def upgrade() -> None:
    """Take the schema one step forward."""
    for layer in LAYERS:
        op.create_index(
            f"ix_{layer}_unplaced",
            layer,
            ["id"],
            unique=False,
            schema="app",
            postgresql_where=sa.text("mercator is null and retired_at is null"),
        )
    for schema in ("app", "release"):
        op.execute(f"drop function if exists {schema}.fold(text)")


def downgrade() -> None:
    """Take it back."""
    for layer in LAYERS:
        op.drop_index(f"ix_{layer}_unplaced", table_name=layer, schema="app")
