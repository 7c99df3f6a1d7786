"""What the login of partners reads, and the columns of snapshots."""

import psycopg
import pytest
from psycopg import sql

from gis.db.session import PARTNER_LOGIN
from gis.model.fields import Level
from gis.model.layer import catalog
from gis.release.snapshot import snapshot_layer
from tests.gis.release.releases import make_part, publish

COPIED = {
    "recipient", "id", "release", "added_in", "version", "sha256", "served_from", "served_to", "shared_geom",
    "shared_mercator",
}  # fmt: skip
"""The columns of every snapshot beside the fields of its layer."""


def test_partner_login_reads_only_its_recipients_rows(database, create_marker, connect):
    """The login itself can name any recipient, so only the server has its password."""
    _, number = create_marker(remark="CANARY")
    publish(database, "Bạn Q", make_part("markers", "number", number=[number]))
    raw = connect(PARTNER_LOGIN)
    assert raw.execute("select count(*) from release.markers").fetchone() == (0,)
    raw.execute("select set_config('cotmoc.recipient', 'Bạn Q', false)")
    assert raw.execute("select number from release.markers").fetchall() == [(number,)]
    tables = {
        name
        for (name,) in raw.execute(
            "select relname from pg_class where relnamespace = 'app'::regnamespace"
            " and relkind in ('r', 'v', 'm', 'S', 'p', 'f')"
        )
    }
    for name in tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(sql.SQL("select 1 from {}").format(sql.Identifier("app", name)))
    for statement in (
        "select app.shared_markers(null, null, 3)",
        "select app.publish_release(gen_random_uuid())",
        "select app.plain('x')",
        "set role cotmoc_shared",
        "set role cotmoc_publisher",
        "set role cotmoc_office",
        "set session authorization cotmoc_reader",
        "delete from release.markers",
        "update release.markers set recipient = 'x'",
        "truncate release.markers",
        "create table release.mine (x int)",
        "create table public.mine (x int)",
        "alter table release.markers disable row level security",
        "drop policy receive on release.markers",
        "select st_estimatedextent('release', 'markers', 'shared_geom')",
        "copy release.markers to program 'cat'",
        "select pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(psycopg.Error) as refused:
            raw.execute(statement)
        assert refused.value.sqlstate in ("42501", "42503"), statement


def test_snapshot_columns_are_those_up_to_level_partner(connect):
    """A new column up to level ``partner`` appears here; it is released once a release names it."""
    columns = (
        connect()
        .execute(
            "select table_name, array_agg(column_name::text order by column_name) from information_schema.columns"
            " where table_schema = 'release' and table_name not in ('manifests', 'tombstones') group by 1 order by 1"
        )
        .fetchall()
    )
    assert [name for name, _ in columns] == sorted(catalog)
    for name, column_names in columns:
        known = {
            field_name for field_name, field in catalog[name].fields.items() if Level.PARTNER.may_read(field.level)
        }
        assert set(column_names) == known | COPIED
        named = [
            field_name
            for field_name, field in catalog[name].fields.items()
            if field.level in (Level.INTERNAL, Level.RESTRICTED)
        ]
        assert not set(column_names) & set(named)
        assert set(snapshot_layer(catalog[name]).fields) == known | {"release"}
