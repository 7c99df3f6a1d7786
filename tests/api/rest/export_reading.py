"""Reads exported files back, in every format."""

import csv
import io
import zipfile

import geopandas
import openpyxl
import pyogrio
import pytest

from gis.files.formats import FORMATS

EVERY = [pytest.param(name, id=name) for name in FORMATS]

FOR_PROGRAMS = [name for name in FORMATS if name not in ("csv", "xlsx")]

FOR_PEOPLE = ["csv", "xlsx"]
"""The formats whose columns and codes have titles; the others have names and values as the API has them."""

SPECIAL_TEXT = 'Bến phà Chàng Riệc «ngoặc» "kép" \\ gạch\nxuống dòng; & <b>đậm</b>, 100 %'


def frames(path, f):
    """The feature tables of a file, by name, read by GDAL or, for GeoParquet, by geopandas."""
    if f == "parquet":
        return {"": geopandas.read_parquet(path)}
    if f == "shp":
        with zipfile.ZipFile(path) as packed:
            names = [name for name in packed.namelist() if name.endswith(".shp")]
        return {name: pyogrio.read_dataframe(f"/vsizip/{path}/{name}") for name in names}
    tables = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    return {name: pyogrio.read_dataframe(path, layer=name) for name in tables}


def rows(path, f):
    """The rows of a file as dictionaries with ``id`` and, in formats for programs, ``geometry``."""
    if f == "csv":
        return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    if f == "xlsx":
        titles, *values = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return [dict(zip(titles, row, strict=True)) for row in values]
    return [row for frame in frames(path, f).values() for row in frame.to_dict("records")]


def identity(row):
    """The id of a row, whose column has a title in formats for people."""
    return next(row[name] for name in ("id", "Mã định danh") if name in row)


def features_of(client, layer, **parameters):
    """The features that ``items`` returns for the same parameters."""
    answer = client.get(f"/ogc/collections/{layer}/items", params={"limit": 10000, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()["features"]
