"""Alembic's environment: runs as the owner, inside the transaction that ``gis.schema.migrate`` has begun."""

from alembic import context
from geoalchemy2 import alembic_helpers

import layers  # noqa: F401 - fills the catalog
from gis.model import SCHEMA, CodeListType, LevelType, Record
from gis.release import RELEASE_SCHEMA, snapshot_catalog

UNCOMPARED_TABLES = {"journal", "seals", "moves", "surface", "structure", "counters", "alembic_version"}
"""Tables that no layer or record declares: journal and seals, and the state of the migration itself."""


def include_object(item, name, kind, reflected, compare_to):  # type: ignore[no-untyped-def]
    """Whether autogenerate compares a database object: of tables, only those that are declared in our schemas."""
    if kind == "table" and (item.schema not in (SCHEMA, RELEASE_SCHEMA) or name in UNCOMPARED_TABLES):
        return False
    return alembic_helpers.include_object(item, name, kind, reflected, compare_to)


def render_item(kind, item, autogen_context):  # type: ignore[no-untyped-def]
    """The Python text of our own types in a revision, so that landed revisions need no code of ours."""
    if kind == "type" and isinstance(item, LevelType):
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return f"postgresql.ENUM(name='level', schema='{SCHEMA}', create_type=False)"
    if kind == "type" and isinstance(item, CodeListType):
        return "sa.Text()"
    return alembic_helpers.render_item(kind, item, autogen_context)


def compare_type(_context, _column, _described, _stored_type, described_type):  # type: ignore[no-untyped-def]
    """Skip the enum of levels, which is created before the revisions; None leaves other types to Alembic."""
    return False if isinstance(described_type, LevelType) else None


snapshot_catalog()  # declares the tables of released copies
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Record.metadata,
    include_object=include_object,
    include_schemas=True,
    include_name=lambda name, kind, _parents: kind != "schema" or name in (SCHEMA, RELEASE_SCHEMA),
    version_table_schema=SCHEMA,
    process_revision_directives=alembic_helpers.writer,
    render_item=render_item,
    compare_type=compare_type,
)
with context.begin_transaction():
    context.run_migrations()
