"""store the results of idempotent requests

Revision ID: 7c1e5d9b3a84
Revises: 4d7a1e8b63f2
Created: 2026-12-01 16:30:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7c1e5d9b3a84"
down_revision = "4d7a1e8b63f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema to this revision."""
    result = sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    op.add_column("replays", result, schema="app")


def downgrade() -> None:
    """Downgrade the schema to the revision before."""
    op.drop_column("replays", "result", schema="app")
