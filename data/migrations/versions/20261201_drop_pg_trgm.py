"""drop the extension pg_trgm

Revision ID: 4d7a1e8b63f2
Revises: 9e4b7c2f5a10
Created: 2026-12-01 13:30:00
"""

from alembic import op

revision = "4d7a1e8b63f2"
down_revision = "9e4b7c2f5a10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step forward.

    Nothing of ours uses the extension. It stays where another user created it or an object that is not ours needs it.
    """
    op.execute("""
do $$
declare
    owner_role name := current_user;
begin
    reset role; -- an extension is dropped by its owner, who is the administrator
    if exists (select from pg_extension where extname = 'pg_trgm' and extowner::regrole = session_user::regrole) then
        begin
            drop extension pg_trgm;
        exception when dependent_objects_still_exist then
            raise notice 'the extension pg_trgm is in use and is not dropped';
        end;
    end if;
    execute format('set local role %I', owner_role);
end $$;
""")


def downgrade() -> None:
    """Take the schema one step back: nothing of ours used the extension."""
