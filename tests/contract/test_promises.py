"""Every layer in PostgreSQL: no actor reads above its clearance, and every change is journalled with its actor."""

import io
import json

import psycopg
import pyogrio
import pytest
from psycopg import sql
from shapely.geometry import shape

from gis.db import result_of
from gis.db.session import READER_LOGIN, WRITER_LOGIN
from gis.model.fields import Level
from gis.read import pages, timeline
from gis.read.selection import Selection
from gis.text.errors import Missing
from gis.write import commands
from layers.policy import OFFICE
from tests.contract.layer_groups import (
    CLERK,
    below_internal,
    create_assumed_row,
    create_row,
    every_editable_layer,
    every_layer,
    every_layer_with_geometry,
    table,
)
from tests.factories import now


@every_layer
def test_row_security_is_forced_on_table_and_history(layer, connect):
    for name in (layer.name, f"{layer.name}_history"):
        row = connect().execute(
            "select relrowsecurity, relforcerowsecurity, relowner::regrole::text from pg_class"
            " where oid = %s::regclass",
            [f"app.{name}"],
        )
        assert row.fetchone() == (True, True, "cotmoc_owner")


@every_layer
def test_geometry_has_a_spatial_index(layer, connect):
    cursor = connect().execute(
        "select count(*) from pg_indexes where schemaname = 'app' and tablename = %s"
        " and indexdef like '%%gist (geom)%%'",
        [layer.name],
    )
    assert cursor.fetchone() == (1,)


@every_layer
def test_raw_sql_without_an_actor_is_refused(layer, database, connect):
    row = create_row(database, layer)
    raw = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    with pytest.raises(psycopg.Error) as refused:
        raw.execute(sql.SQL("update {} set source = 'x' where id = %s").format(table(layer)), [row])
    assert refused.value.sqlstate == "CM001"
    with pytest.raises(psycopg.Error) as refused:
        raw.execute(sql.SQL("insert into {} (id) values (gen_random_uuid())").format(table(layer)))
    assert refused.value.sqlstate == "CM001"


@every_layer
def test_logins_without_a_role_have_no_access(layer, connect):
    for login in (READER_LOGIN, WRITER_LOGIN):
        for statement in ("select id from {}", "delete from {}", "truncate {}", "insert into {} default values"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connect(login).execute(sql.SQL(statement).format(table(layer)))


@every_layer
def test_readers_cannot_write_and_editors_cannot_delete(layer, database, connect):
    row = create_row(database, layer)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect(READER_LOGIN, role=OFFICE.role.write_role)
    editor = connect(WRITER_LOGIN, role=OFFICE.role.write_role)
    editor.execute("select set_config('cotmoc.actor', 'test', false)")
    for statement in ("delete from {} where id = %s", "update {} set version = 9 where id = %s"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            editor.execute(sql.SQL(statement).format(table(layer)), [row])
    for suffix in ("", "_history"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            editor.execute(sql.SQL("truncate {} cascade").format(table(layer, suffix)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        editor.execute(sql.SQL("update {} set actor = 'x'").format(table(layer, "_history")))


@every_layer
def test_changes_are_journalled_with_actor_time_and_reason(layer, database, connect):
    row = create_row(database, layer, source="trước")
    before = now()
    with database.transaction(CLERK, write=True, reason="đính chính", request="r-1", device_at="2026-01-01") as session:
        commands.store_update(session, layer, commands.lock_feature(session, layer.model, row), {"source": "sau"})
    with database.transaction(OFFICE) as session:
        newest, first = timeline.timeline(session, layer, row)
        then = json.loads(result_of(pages.read_feature(session, Selection(layer, Level.RESTRICTED, as_of=before), row)))
        today = json.loads(result_of(pages.read_feature(session, Selection(layer, Level.RESTRICTED), row)))
    assert (newest.actor, newest.reason, newest.version) == ("clerk", "đính chính", 2)
    assert newest.changes["source"] == {"old": "trước", "new": "sau"}
    assert (first.actor, first.reason, first.version, first.action) == ("office", "quyết định 12", 1, "insert")
    assert (then["properties"]["source"], today["properties"]["source"]) == ("trước", "sau")
    assert (then["properties"]["version"], today["properties"]["version"]) == (1, 2)
    assert then["geometry"] == today["geometry"]
    stored = connect().execute(
        "select actor, reason, request, device_at, action, old->>'source', new->>'source' from app.journal"
        " where feature_id = %s order by seq",
        [row],
    )
    assert stored.fetchall() == [
        ("office", "quyết định 12", None, None, "insert", None, "trước"),
        ("clerk", "đính chính", "r-1", "2026-01-01", "update", "trước", "sau"),
    ]


@every_layer
def test_history_ranges_have_no_gap_and_no_overlap(layer, database, connect):
    row = create_row(database, layer)
    for source in "abc":
        with database.transaction(OFFICE, write=True) as session:
            commands.store_update(session, layer, commands.lock_feature(session, layer.model, row), {"source": source})
    spans = (
        connect()
        .execute(
            f"select lower(valid), upper(valid) from app.{layer.name}_history where id = %s order by version", [row]
        )
        .fetchall()
    )
    assert len(spans) == 4
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert spans[-1][1] is None


@every_editable_layer
def test_retired_features_are_hidden_and_keep_their_history(layer, database):
    row = create_row(database, layer, source="trước khi ngừng")
    before = now()
    with database.transaction(OFFICE, write=True, reason="dỡ bỏ") as session:
        commands.retire(session, layer, commands.lock_feature(session, layer.model, row))
    with database.transaction(OFFICE) as session:
        assert result_of(pages.read_features(session, Selection(layer, Level.RESTRICTED, ids=[row]))) == []
        with pytest.raises(Missing):
            result_of(pages.read_feature(session, Selection(layer, Level.RESTRICTED), row))
        assert result_of(pages.read_feature(session, Selection(layer, Level.RESTRICTED, as_of=before), row))
        assert result_of(pages.read_features(session, Selection(layer, Level.RESTRICTED, as_of=now(), ids=[row]))) == []
        assert timeline.timeline(session, layer, row)[0].action == "retire"
    with database.transaction(OFFICE, write=True) as session, pytest.raises(Missing):
        commands.lock_feature(session, layer.model, row)


@every_layer
def test_feature_id_is_registered_and_immutable(layer, database, connect):
    row = create_row(database, layer)
    admin = connect()
    assert admin.execute("select layer from app.features where id = %s", [row]).fetchone() == (layer.name,)
    admin.execute("select set_config('cotmoc.actor', 'test', false)")
    with pytest.raises(psycopg.Error) as refused:
        admin.execute(f"update app.{layer.name} set id = gen_random_uuid() where id = %s", [row])
    assert refused.value.sqlstate == "CM003"


@every_layer
@below_internal
def test_rows_above_the_readers_level_are_invisible(layer, reader, database):
    hidden = [create_row(database, layer, level=level) for level in ("internal", "restricted")]
    visible = create_row(database, layer, level="public")
    before = now()
    with database.transaction(reader) as session:
        for row in hidden:
            assert result_of(pages.read_features(session, Selection(layer, reader.level, ids=[row]))) == []
            assert (
                result_of(pages.read_features(session, Selection(layer, reader.level, ids=[row], as_of=before))) == []
            )
            with pytest.raises(Missing):
                timeline.timeline(session, layer, row)
        assert result_of(pages.count_features(session, Selection(layer, reader.level, ids=[*hidden, visible]))) == 1


@every_layer
@below_internal
def test_raising_the_level_hides_past_states_too(layer, reader, database):
    row = create_row(database, layer, level="public", source="chuyện cũ")
    before = now()
    with database.transaction(OFFICE, write=True) as session:
        commands.store_update(
            session, layer, commands.lock_feature(session, layer.model, row), {"level": Level.RESTRICTED}
        )
    with database.transaction(reader) as session:
        assert result_of(pages.read_features(session, Selection(layer, reader.level, ids=[row], as_of=before))) == []


@every_layer
@below_internal
def test_columns_above_the_readers_level_are_refused_in_sql(layer, reader, connect):
    raw = connect(READER_LOGIN, role=reader.role.read_role)
    hidden = [
        name
        for name, layer_field in layer.fields.items()
        if not reader.level.may_read(layer_field.level) and layer_field.sql is None
    ]
    assert {"original", "created_by"} <= set(hidden)
    for name in (*hidden, "geom", "address", "chainage_m"):
        for suffix in ("", "_history"):
            for statement in (
                "select {0} from {1}",
                "select 1 from {1} where {0} is null",
                "select 1 from {1} order by {0}",
                "select (select count({0}) from {1})",
            ):
                if name == "retired_at":  # readable, because queries filter by it
                    continue
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    raw.execute(sql.SQL(statement).format(sql.Identifier(name), table(layer, suffix)))
    for suffix in ("", "_history"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(sql.SQL("select * from {}").format(table(layer, suffix)))


@every_layer_with_geometry
@below_internal
def test_assumed_positions_are_masked_below_internal(layer, reader, database, connect):
    row = create_assumed_row(database, connect, layer)
    around = (105.9, 11.6, 106.0, 11.8)
    with database.transaction(reader) as session:
        for moment in (None, now()):
            selection = Selection(layer, reader.level, ids=[row], as_of=moment)
            feature = json.loads(result_of(pages.read_feature(session, selection, row)))
            assert feature["geometry"] is None
            assert feature["properties"]["position_source"] == "assumed"
            assert feature["properties"]["address"] is None
            assert feature["properties"]["chainage_m"] is None
            assert (
                result_of(
                    pages.read_features(session, Selection(layer, reader.level, ids=[row], bbox=around, as_of=moment))
                )
                == []
            )
            assert result_of(pages.extent(session, selection)) is None
        entry = timeline.timeline(session, layer, row)[0]
        assert entry.changes["geometry"]["new"] is None
    raw = connect(READER_LOGIN, role=reader.role.read_role)
    shared = raw.execute(
        sql.SQL("select shared_geom, shared_address, shared_chainage_m from {} where id = %s").format(table(layer)),
        [row],
    )
    assert shared.fetchone() == (None, None, None)
    assert raw.execute("select geom from app.shared_places where id = %s", [row]).fetchone() == (None,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("select geom from app.places")
    with database.transaction(OFFICE) as session:
        feature = json.loads(result_of(pages.read_feature(session, Selection(layer, Level.RESTRICTED), row)))
    assert feature["geometry"] is not None
    assert feature["properties"]["chainage_m"] == 12345


@every_layer_with_geometry
def test_partner_export_counts_withheld_positions(layer, database, connect, client):
    row = create_assumed_row(database, connect, layer)
    visible = create_row(database, layer, level="public")
    hidden = create_row(database, layer, level="internal")
    file = client.get(f"/api/export/{layer.name}", params={"reader": "partner"}).json()
    by_id = {feature["id"]: feature for feature in file["features"]}
    assert by_id[str(row)]["geometry"] is None
    assert by_id[str(visible)]["geometry"] is not None
    assert str(hidden) not in by_id
    withheld = [feature for feature in by_id.values() if feature["properties"]["position_source"] == "assumed"]
    assert file["withheld_positions"] == len(withheld) >= 1
    assert file["numberReturned"] == len(by_id)
    columns = {name for feature in by_id.values() for name in feature["properties"]}
    assert columns == {"id", "layer", *layer.readable_fields(Level.PARTNER)}


@every_layer
def test_export_read_by_gdal_equals_the_items(layer, database, client):
    rows = [str(create_row(database, layer, source=f'dòng {n} «ngoặc» "kép"')) for n in range(3)]
    visible = client.get(f"/ogc/collections/{layer.name}/items", params={"limit": 10000}).json()
    file = client.get(f"/api/export/{layer.name}")
    frame = pyogrio.read_dataframe(io.BytesIO(file.content))
    assert set(rows) <= set(frame["id"])
    assert sorted(frame["id"]) == sorted(feature["id"] for feature in visible["features"])
    if layer.has_geometry:
        assert frame.crs.to_epsg() == 4326
    expected = {feature["id"]: feature for feature in visible["features"]}
    for row in rows:
        read = frame[frame["id"] == row].iloc[0]
        assert read["source"] == expected[row]["properties"]["source"]
        if layer.has_geometry:
            assert read.geometry.equals(shape(expected[row]["geometry"]))
    assert file.json()["features"] == visible["features"]
