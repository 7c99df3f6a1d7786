"""Every route and the requests that read through it; answers of any format decoded to text."""

import gzip
import io
import sqlite3
import tempfile
import uuid
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import geopandas
import openpyxl
import pyogrio

from gis.model.layer import catalog
from tests.leak_markers import RECIPIENT_NAME, ROW_KINDS, MarkedDataset


def decode_response(content: bytes, media_type: str) -> str:
    """The content of an answer as text: a file's tables, a workbook's cells, an archive's members, plain bytes."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if "spreadsheet" in media_type:
        book = openpyxl.load_workbook(io.BytesIO(content))
        return "\n".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    if "parquet" in media_type:
        return geopandas.read_parquet(io.BytesIO(content)).to_csv()
    if "geopackage" in media_type:
        return _tables(content)
    if "flatgeobuf" in media_type:
        return str(pyogrio.read_dataframe(io.BytesIO(content)).to_csv()) if content else ""
    if "zip" in media_type or content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return content.decode("utf-8", "replace")


def _tables(content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.gpkg"
        path.write_bytes(content)
        connection = sqlite3.connect(path)
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        rows = [
            str(row) for name in names if "rtree" not in name for row in connection.execute(f'select * from "{name}"')
        ]
        connection.close()
        frames = [pyogrio.read_dataframe(path, layer=name) for name, _ in pyogrio.list_layers(path)]
    return "\n".join([*rows, *(frame.to_csv() for frame in frames)])


def request_urls(dataset: MarkedDataset) -> dict[str, list[str]]:
    """URLs that read through each GET route, by the route's path."""
    as_of = str(dataset.before_reclassification).replace(" ", "T").replace("+", "%2B")
    layers, located = list(catalog), [layer.name for layer in catalog.values() if layer.has_geometry]
    item = "/ogc/collections/{layer}/items/{item}"
    few = ("public", "unit B", "restricted", "assumed", "retired", "reclassified")
    box, mercator = "105.8,11.5,106.2,11.7", "{layer}/tiles/WebMercatorQuad"

    def each(path: str, *queries: str, names: list[str] = layers) -> list[str]:
        return [path.replace("{layer}", name) + query for name in names for query in (queries or ("",))]

    def every(
        path: str, *queries: str, only: list[str] | None = None, kinds: Collection[str] = tuple(ROW_KINDS)
    ) -> list[str]:
        return [
            path.replace("{layer}", row.layer.name).replace("{item}", str(row.id)) + query
            for row in dataset.rows
            if row.kind in kinds and (only is None or row.layer.name in only)
            for query in (queries or ("",))
        ]

    return {
        "/ogc": ["/ogc", "/ogc?f=html"],
        "/ogc/": ["/ogc/"],
        "/ogc/conformance": ["/ogc/conformance"],
        "/ogc/api": ["/ogc/api", "/ogc/api?f=html"],
        "/ogc/collections": ["/ogc/collections", "/ogc/collections?f=html"],
        "/ogc/collections/{layer}": each("/ogc/collections/{layer}", "", "?f=html"),
        "/ogc/collections/{layer}/items": [
            *each("/ogc/collections/{layer}/items", "?limit=1000&count=exact", f"?as_of={as_of}", "?q=zq"),
            *each("/ogc/collections/{layer}/items", f"?bbox={box}&f=html&limit=1000", names=["incidents", "works"]),
            *each("/ogc/collections/{layer}/items", "?sortby=-address&limit=3", "?filter=address%20IS%20NOT%20NULL",
                  "?near=106.0,11.6,50km", names=["incidents", "markers", "works"]),
        ],
        item: [
            *every(item, kinds=("partner", "unit A", *few), only=["incidents", "works", "tasks", "gates", "markers"]),
            *every(item, kinds=("unit B", "restricted")),
            *every(item, "?f=html", f"?as_of={as_of}", only=["incidents", "works", "markers"], kinds=few),
        ],
        f"{item}/history": every(f"{item}/history", kinds=few),
        f"{item}/links": every(f"{item}/links", kinds=few),
        f"{item}/nearby": every(f"{item}/nearby", kinds=few),
        f"{item}/{{child}}": [*every(f"{item}/events", only=["gates"]), *every(f"{item}/steps", only=["works"])],
        "/ogc/collections/{layer}/changes": each("/ogc/collections/{layer}/changes", "?since=2026-01-01"),
        "/ogc/collections/{layer}/schema": each("/ogc/collections/{layer}/schema"),
        "/ogc/collections/{layer}/queryables": each("/ogc/collections/{layer}/queryables"),
        "/ogc/collections/{layer}/sortables": each("/ogc/collections/{layer}/sortables"),
        "/ogc/collections/{layer}/tiles/{tms}/{zoom}/{row}/{column}": [
            *each(f"/ogc/collections/{mercator}/0/0/0", names=located),
            *each(f"/ogc/collections/{mercator}/8/119/203", "", f"?as_of={as_of}", names=located),
        ],
        "/ogc/collections/{layer}/tiles": each("/ogc/collections/{layer}/tiles", names=located),
        "/ogc/collections/{layer}/tiles/{tms}": each(f"/ogc/collections/{mercator}", names=located),
        "/ogc/collections/{layer}/tiles/{tms}/tilejson.json": each(
            f"/ogc/collections/{mercator}/tilejson.json", names=located
        ),
        "/ogc/collections/{layer}/styles/default": each("/ogc/collections/{layer}/styles/default", names=located),
        "/ogc/tileMatrixSets": ["/ogc/tileMatrixSets"],
        "/ogc/tileMatrixSets/{tms}": ["/ogc/tileMatrixSets/WebMercatorQuad"],
        "/api/locate": [
            "/api/locate?lon=106&lat=11.6",
            *(
                f"/api/locate?q={9000 + row.number}{offset}"
                for row in dataset.rows
                if row.layer.name == "markers"
                for offset in ("", "%20%2B%20120%20m")
            ),
        ],
        "/api/export/{layer}": [
            *each("/api/export/{layer}", "", "?reader=partner"),
            *each("/api/export/{layer}", "?f=csv", f"?f=geojsonseq&as_of={as_of}", names=["incidents", "markers"]),
            *each("/api/export/{layer}", "?f=gpkg", "?f=shp", "?f=kml", "?f=fgb", "?f=parquet", "?f=xlsx",
                  names=["works"]),
        ],
        "/api/cards": ["/api/cards"],
        "/api/layers": ["/api/layers"],
        "/api/changes": ["/api/changes?since=2026-01-01", f"/api/changes?since=2026-01-01&until={as_of}"],
        "/changes": ["/changes?since=2026-01-01"],
        "/api/releases": ["/api/releases"],
        "/api/releases/{release}": [f"/api/releases/{id_}" for id_ in (dataset.release, uuid.uuid4())],
        "/api/releases/{release}/versions/{number}/preview": [f"/api/releases/{dataset.release}/versions/1/preview"],
        "/api/holdings": ["/api/holdings", f"/api/holdings?recipient={RECIPIENT_NAME}"],
        "/api/releases/{release}/versions/{number}": [f"/api/releases/{dataset.release}/versions/1"],
        "/api/readings": ["/api/readings"],
        "/readings": ["/readings"],
        "/releases": ["/releases"],
        "/releases/new": ["/releases/new"],
        "/releases/{release}": [f"/releases/{id_}" for id_ in (dataset.release, uuid.uuid4())],
        "/releases/{release}/new": [f"/releases/{dataset.release}/new"],
        "/releases/{release}/edit": [f"/releases/{dataset.release}/edit"],
        "/holdings": ["/holdings", "/holdings?at=9001"],
        "/ogc/releases": ["/ogc/releases"],
        "/ogc/releases/{release}": [f"/ogc/releases/{id_}" for id_ in (dataset.release, uuid.uuid4())],
        "/ogc/releases/{release}/delta": [f"/ogc/releases/{dataset.release}/delta?since={number}" for number in (0, 1)],
        "/api/basemap/lines": ["/api/basemap/lines"],
        "/api/basemap/context": ["/api/basemap/context"],
        "/": ["/", "/?q=zq"],
        "/map.js": ["/map.js"],
        "/marks.svg": ["/marks.svg"],
        "/incidents/new": ["/incidents/new"],
        "/board": ["/board", f"/board?as_of={as_of}"],
        "/{layer}": each("/{layer}", "", f"?as_of={as_of}"),
        "/{layer}/{item}": every("/{layer}/{item}", kinds=few),
    }  # fmt: skip


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Method and path of every route of an application; ``*`` stands for all methods of a mount."""
    pending = list(app.routes)
    while pending:
        route = pending.pop()
        inner = getattr(route, "original_router", None)
        if getattr(route, "methods", None):
            yield from ((method, route.path) for method in route.methods if method != "HEAD")
        elif inner is not None:
            pending += inner.routes
        else:
            yield "*", route.path
