"""The pinned VN-2000 transformation, compared with EPSG operation 6960 and with PostGIS."""

import numpy as np
import psycopg
import pytest
from hypothesis import given, strategies as st
from pyproj import CRS, Geod, Transformer

from gis.cluster.private_cluster import Cluster
from gis.crs import systems
from gis.text.errors import Invalid

GEOD = Geod(ellps="WGS84")
EPSG_6960 = Transformer.from_pipeline("urn:ogc:def:coordinateOperation:EPSG::6960")
"""From VN-2000 to WGS 84 as Vietnamese law defines it; in degrees, latitude first."""

longitudes = st.floats(102, 110)
latitudes = st.floats(8, 24)
codes = st.sampled_from(sorted(systems.SUPPORTED_EPSG))
zones = pytest.mark.parametrize("zone", systems.ZONES, ids=lambda zone: str(zone.epsg))


def metres(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The geodesic distance of two positions, longitude first."""
    return float(GEOD.inv(*first, *second)[2])


@given(longitudes, latitudes)
def test_vn2000_transformation_equals_epsg_operation_6960(lon, lat):
    expected_lat, expected_lon = EPSG_6960.transform(lat, lon)
    assert metres(systems.to_wgs84(lon, lat, systems.VN2000), (expected_lon, expected_lat)) < 0.001


@zones
def test_zone_parameters_equal_the_epsg_registry(zone):
    parameters = {p.name: p.value for p in CRS.from_epsg(zone.epsg).coordinate_operation.params}
    assert parameters["Longitude of natural origin"] == zone.central_meridian
    assert parameters["Scale factor at natural origin"] == zone.scale_factor
    assert parameters["False easting"] == zone.false_easting
    assert parameters["False northing"] == parameters["Latitude of natural origin"] == 0
    assert CRS.from_epsg(zone.epsg).source_crs.to_epsg() == systems.VN2000


@zones
def test_zone_equals_epsg_projection_and_operation_6960(zone):
    unprojected = Transformer.from_crs(zone.epsg, systems.VN2000, always_xy=True)
    east, north = 536_487.939, 1_203_673.846
    lon, lat = unprojected.transform(east, north)
    expected_lat, expected_lon = EPSG_6960.transform(lat, lon)
    assert metres(systems.to_wgs84(east, north, zone.epsg), (expected_lon, expected_lat)) < 0.001


@pytest.mark.parametrize("epsg", [systems.WGS84, systems.WEB_MERCATOR, systems.UTM_48N, systems.UTM_49N])
def test_wgs84_projections_equal_proj(epsg):
    proj = Transformer.from_crs(systems.WGS84, epsg, always_xy=True)
    assert systems.from_wgs84(106.15, 10.95, epsg) == pytest.approx(proj.transform(106.15, 10.95), abs=0.001)


def test_datum_shift_is_continuous_at_11_04_degrees():
    """By default PROJ switches to another operation at this latitude, which shifts positions by 0.8 m."""
    north, south = (
        np.subtract(systems.to_wgs84(106.0, lat, systems.VN2000), (106.0, lat)) for lat in (11.0401, 11.0399)
    )
    assert np.abs(north - south).max() * 111_320 < 0.001


def test_known_point_south_of_11_04_degrees_has_its_wgs84_position():
    assert systems.to_wgs84(106.0, 10.80, systems.VN2000) == pytest.approx(
        (106.00178818688468, 10.798985623388836), abs=1e-9
    )


@given(longitudes, latitudes, codes)
def test_round_trip_transformation_is_within_2_mm(lon, lat, epsg):
    """Within 2 mm: a datum shift that ignores heights has no exact inverse."""
    assert metres(systems.to_wgs84(*systems.from_wgs84(lon, lat, epsg), epsg), (lon, lat)) < 0.002


def test_arrays_are_transformed_like_single_coordinates():
    lon, lat = np.array([106.0, 106.7]), np.array([10.8, 22.0])
    east, north = systems.from_wgs84(lon, lat, 9210)
    assert (east[1], north[1]) == systems.from_wgs84(106.7, 22.0, 9210)


@pytest.mark.parametrize(
    ("meridian", "width", "epsg"),
    [(105.75, 3, 9210), (105.5, 3, 9209), (107.25, 3, 9215), (105, 3, 5897), (105, 6, 3405)],
)
def test_zone_is_determined_by_meridian_and_width(meridian, width, epsg):
    assert systems.zone_by_meridian(meridian, width) == systems.zone_by_epsg(epsg)


def test_undeclared_zone_gives_none():
    assert systems.zone_by_meridian(105.8) is None
    assert systems.zone_by_meridian(105.75, 6) is None
    assert systems.zone_by_epsg(systems.UTM_48N) is None


def test_meridian_label_is_in_degrees_and_minutes():
    assert [systems.zone_by_epsg(code).meridian_label for code in (9210, 9208, 5897)] == ["105°45′", "104°45′", "105°"]


@pytest.mark.parametrize(("lon", "epsg"), [(105.7, 9210), (106.72, 9213), (102.2, 5896), (109.4, 9218)])
def test_nearest_zone_has_the_closest_central_meridian(lon, epsg):
    assert systems.nearest_zone(lon).epsg == epsg


def test_utm_zone_changes_at_108_degrees():
    assert (systems.utm_epsg(107.999), systems.utm_epsg(108)) == (systems.UTM_48N, systems.UTM_49N)


@pytest.mark.parametrize(
    "name",
    ["EPSG:9210", " epsg:9210 ", "http://www.opengis.net/def/crs/EPSG/0/9210", "urn:ogc:def:crs:EPSG::9210"],
)
def test_parse_epsg_accepts_uris_and_urns(name):
    assert systems.parse_epsg(name) == 9210


@pytest.mark.parametrize("name", ["EPSG:3148", "EPSG:6956", "9210", "VN-2000", "EPSG:", "", "EPSG:9210; drop"])
def test_unsupported_crs_is_refused_and_supported_ones_are_listed(name):
    with pytest.raises(Invalid) as refusal:
        systems.parse_epsg(name)
    assert [(error.field, error.code) for error in refusal.value.errors] == [("crs", "unknown_crs")]
    assert "EPSG:9210" in refusal.value.extra["known"]


@pytest.mark.parametrize("transform", [systems.to_wgs84, systems.from_wgs84])
def test_transformation_refuses_an_unsupported_crs(transform):
    with pytest.raises(Invalid):
        transform(106.0, 11.0, 3148)


def test_spatial_ref_sys_rows_have_unique_srids_between_900000_and_999000():
    rows = systems.spatial_ref_sys_rows()
    assert len(rows) == len({row["srid"] for row in rows}) == len(systems.ZONES) + 1
    assert {row["srid"] for row in rows} == {systems.postgis_srid(zone.epsg) for zone in systems.ZONES} | {
        systems.postgis_srid(systems.VN2000)
    }
    assert all(999_000 > row["srid"] > 900_000 for row in rows), "PostGIS keeps 999000 and above for itself"
    assert systems.postgis_srid(systems.UTM_48N) == systems.UTM_48N


def test_spatial_ref_sys_rows_use_the_position_vector_convention():
    """The rotations in ``+towgs84`` have the opposite sign of those in the decree."""
    [row] = [row for row in systems.spatial_ref_sys_rows() if row["auth_srid"] == systems.VN2000]
    bound = Transformer.from_crs(CRS.from_proj4(row["proj4text"]), systems.WGS84, always_xy=True)
    assert metres(bound.transform(106.0, 10.80), systems.to_wgs84(106.0, 10.80, systems.VN2000)) < 0.001


@pytest.fixture(scope="module")
def database():
    """A database with PostGIS as the distribution ships it and our rows in ``spatial_ref_sys``."""
    with Cluster.throwaway() as cluster, psycopg.connect(cluster.url().replace("+psycopg", "")) as connection:
        connection.execute("CREATE EXTENSION postgis")
        columns = ("srid", "auth_name", "auth_srid", "srtext", "proj4text")
        insert = f"INSERT INTO spatial_ref_sys ({', '.join(columns)}) VALUES ({', '.join(f'%({c})s' for c in columns)})"
        connection.cursor().executemany(insert, systems.spatial_ref_sys_rows())
        yield connection


@pytest.mark.parametrize("epsg", [systems.VN2000, *(zone.epsg for zone in systems.ZONES)])
@pytest.mark.parametrize("lat", [10.80, 11.0399, 11.0401, 21.97])
def test_postgis_agrees_with_pyproj(database, epsg, lat):
    east, north = systems.from_wgs84(106.0, lat, epsg)
    transformed = "ST_Transform(ST_Point(%s, %s, %s), %s::int)"
    [lon_lat] = database.execute(
        f"SELECT ARRAY[ST_X(p), ST_Y(p)] FROM (SELECT {transformed} AS p) q",
        [east, north, systems.postgis_srid(epsg), systems.WGS84],
    ).fetchone()
    [back] = database.execute(
        f"SELECT ARRAY[ST_X(p), ST_Y(p)] FROM (SELECT {transformed} AS p) q",
        [106.0, lat, systems.WGS84, systems.postgis_srid(epsg)],
    ).fetchone()
    assert metres(tuple(lon_lat), systems.to_wgs84(east, north, epsg)) < 0.001
    assert metres(systems.to_wgs84(*back, epsg), systems.to_wgs84(east, north, epsg)) < 0.001


def test_postgis_default_transformation_differs_by_more_than_10_cm(database):
    """The reason for our rows: if this ever fails, they are no longer needed."""
    [lon] = database.execute("SELECT ST_X(ST_Transform(ST_Point(106.0, 10.80, 4756), 4326))").fetchone()
    assert abs(lon - systems.to_wgs84(106.0, 10.80, systems.VN2000)[0]) * 111_320 > 0.1
