"""GeoParquet 1.1 (OGC): WKB geometries, compressed with Zstandard."""

import json
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from gis.crs.systems import WGS84
from gis.files.formats import Export, Format, declare_format
from gis.files.spool import GEOMETRY, Spool
from gis.text.i18n import Text

ROW_GROUP_BATCHES: Final = 20
"""Batches of rows in a row group, which is the unit that a reader can skip."""


def write_parquet(export: Export, rows: Spool, path: Path) -> None:
    """Write a GeoParquet 1.1 file with the key ``geo`` that the standard requires, and the export's metadata."""
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(rows.geometry_types)}
    column["orientation"] = "counterclockwise"
    if rows.bounds:
        column["bbox"] = rows.bounds
    if export.selection.crs.epsg != WGS84:  # the default is OGC:CRS84, longitude first
        column["crs"] = CRS.from_epsg(export.selection.crs.epsg).to_json_dict()
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    schema = rows.schema.with_metadata({"geo": json.dumps(geo), **export.metadata_text()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batches = rows.batches()
        while group := list(islice(batches, ROW_GROUP_BATCHES)):
            writer.write_table(pa.Table.from_batches(group).replace_schema_metadata(schema.metadata))


declare_format(
    Format(
        "parquet",
        Text("GeoParquet", "GeoParquet"),
        "application/vnd.apache.parquet",
        ".parquet",
        rank=80,
        write=write_parquet,
    )
)
