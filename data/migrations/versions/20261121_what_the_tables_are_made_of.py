"""what the tables are made of

Revision ID: c2d94e71a05b
Revises: 5f0c3a9d27be
Created: 2026-11-21 12:58:00.000000
"""

from alembic import op

revision = "c2d94e71a05b"
down_revision = "5f0c3a9d27be"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step forward."""
    op.execute(
        "create table app.structure (table_name text not null, line text not null, primary key (table_name, line))"
    )


def downgrade() -> None:
    """Take it back."""
    op.execute("drop table app.structure")
