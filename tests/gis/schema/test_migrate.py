"""Migrations: concurrent ones, and what they guarantee about the schema."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import create_engine, text

from api.cli.migrate import MIGRATIONS_FOLDER, migrate
from gis.crs import systems
from gis.db.session import OWNER_ROLE
from gis.schema import migrate as migrations

CHECKOUT = Path(__file__).resolve().parents[3]


def test_concurrent_migrations_of_an_empty_database_succeed(cluster):
    cluster.create_database("three")
    code = f"from api.cli.migrate import migrate; migrate({cluster.url('three')!r})"
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    with psycopg.connect(host=str(cluster.socket_dir), dbname="three", user="postgres") as admin:
        assert admin.execute("select count(*) from app.surface").fetchone() == (1,)
    migrations.check(cluster.url("three"), MIGRATIONS_FOLDER)
    cluster.drop_database("three")


def test_migrated_schema_equals_the_declared_layers(cluster, empty_database_name):
    migrations.check(cluster.url(empty_database_name), MIGRATIONS_FOLDER)


def test_check_reports_a_missing_column(cluster, empty_database_name):
    engine = create_engine(cluster.url(empty_database_name))
    with engine.begin() as connection:
        connection.execute(text("alter table app.markers drop column remark"))
    engine.dispose()
    with pytest.raises(CommandError, match="remark"):
        migrations.check(cluster.url(empty_database_name), MIGRATIONS_FOLDER)


def test_migration_restores_the_leakproof_mark(cluster, empty_database_name):
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres", autocommit=True
    ) as admin:
        is_leakproof = (
            "select proleakproof from pg_proc where oid = 'geometry_overlaps(geometry, geometry)'::regprocedure"
        )
        assert admin.execute(is_leakproof).fetchone() == (True,)
        admin.execute("alter function geometry_overlaps(geometry, geometry) not leakproof")
        migrate(cluster.url(empty_database_name))
        assert admin.execute(is_leakproof).fetchone() == (True,)


def test_our_srids_are_in_spatial_ref_sys(cluster, empty_database_name):
    with psycopg.connect(host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres") as admin:
        rows = admin.execute("select srid, proj4text from spatial_ref_sys where auth_name = 'cotmoc'").fetchall()
    assert dict(rows) == {row["srid"]: row["proj4text"] for row in systems.spatial_ref_sys_rows()}


def test_collation_sorts_vietnamese_words_and_numbers_by_value(cluster, empty_database_name):
    with psycopg.connect(host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres") as admin:
        words = admin.execute(
            "select array_agg(w order by w collate natural_vi)"
            " from unnest(array['147/10','96','147/6','Đà','Dũng','Em']) w"
        ).fetchone()
        assert words == (["96", "147/6", "147/10", "Dũng", "Đà", "Em"],)
        assert admin.execute("select app.plain('Đường MỐC')").fetchone() == ("Duong MOC",)


def downgrade(url, revision):
    """Take the schema back to a revision, as its owner."""
    with migrations._admin_connection(url) as connection, connection.begin():
        connection.execute(text(f"set local role {OWNER_ROLE}"))
        connection.execute(text("set local search_path = app, public"))
        command.downgrade(migrations._alembic_config(connection, MIGRATIONS_FOLDER), revision)


def test_migration_drops_pg_trgm_unless_it_is_in_use(cluster, empty_database_name):
    with psycopg.connect(
        host=str(cluster.socket_dir), dbname=empty_database_name, user="postgres", autocommit=True
    ) as admin:

        def repeat_revision():
            downgrade(cluster.url(empty_database_name), "9e4b7c2f5a10")
            migrate(cluster.url(empty_database_name))
            return admin.execute("select count(*) from pg_extension where extname = 'pg_trgm'").fetchone()[0]

        admin.execute("create extension pg_trgm; create table public.notes (t text)")
        admin.execute("create index on public.notes using gin (t gin_trgm_ops)")
        assert repeat_revision() == 1
        admin.execute("drop table public.notes")
        assert repeat_revision() == 0
