"""since when a state held is a column

Revision ID: 5f0c3a9d27be
Revises: b81f93d3aa1d
Created: 2026-11-21 09:45:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "5f0c3a9d27be"
down_revision = "b81f93d3aa1d"
branch_labels = None
depends_on = None

LAYERS = (
    "administrative_areas", "areas", "crossings", "documents", "gates", "incidents", "lines", "markers", "posts",
    "sectors", "tasks", "units", "works",
)  # fmt: skip
PARTS = ("gate_categories", "gate_events", "gate_plans", "links", "marker_inspections", "work_steps")


def upgrade() -> None:
    """Take the schema one step forward."""
    for name in (*LAYERS, *PARTS):
        op.drop_index(f"ix_{name}_history_since", table_name=f"{name}_history", schema="app")
    for name in LAYERS:
        op.create_index(f"ix_{name}_history_updated_at", f"{name}_history", ["updated_at", "id"], schema="app")
    for name in PARTS:
        since = sa.Column("since", sa.DateTime(timezone=True), sa.Computed("lower(valid)", persisted=True))
        op.add_column(f"{name}_history", since, schema="app")
        op.create_index(f"ix_{name}_history_since", f"{name}_history", ["since", "id"], schema="app")


def downgrade() -> None:
    """Take it back."""
    for name in PARTS:
        op.drop_index(f"ix_{name}_history_since", table_name=f"{name}_history", schema="app")
        op.drop_column(f"{name}_history", "since", schema="app")
    for name in LAYERS:
        op.drop_index(f"ix_{name}_history_updated_at", table_name=f"{name}_history", schema="app")
    for name in (*LAYERS, *PARTS):
        op.create_index(f"ix_{name}_history_since", f"{name}_history", [sa.text("lower(valid)")], schema="app")
