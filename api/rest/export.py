"""Exports: a selection of a layer as a file in any format, streamed if the format allows it.

``GET /api/export/{layer}`` takes the parameters of ``items`` without paging, and its own: ``f`` (format),
``reader=partner`` (the selection as a partner may read it: assumed positions are left out and counted in the file),
``zone`` (the VN-2000 zone of the coordinates beside WGS 84 in tables), ``delimiter`` (of CSV) and ``lang``.
"""

import asyncio
import datetime as dt
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import anyio
from anyio import from_thread, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Response
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from api.http.dependencies import CallParam
from api.http.parameters import LayerParam, layer_named, selection_of, with_locations
from gis.crs import PROVINCIAL_WIDTH, ZONES, Zone, parse_epsg, zone_by_epsg, zone_by_meridian
from gis.db import AccessLogEntry, Actor, Database, Session, result_of
from gis.files import CHUNK_BYTES, FORMATS, Export, find_format, formats, writers
from gis.model import Layer
from gis.read import sql
from gis.release import holdings
from gis.text import VIETNAM_TIME, Invalid, Language, Malformed, Refusal, Text
from layers.lines import ATTRIBUTION, DISCLAIMER
from layers.policy import OFFICE, PARTNER

router = APIRouter(prefix="/api/export", tags=["exports"])

EXPORT_PARAMETERS = ("f", "reader", "zone", "delimiter")

DEFAULT_CENTRAL_MERIDIAN = 105.75
"""Central meridian, in degrees east, of the default VN-2000 zone, a zone of 3°."""

MAX_CONCURRENT_WRITES = 2
"""Number of files that a process writes at the same time, since each uses most of a CPU core; others wait."""

SPOOL_PREFIX = "cotmoc-file-"
"""Prefix of the temporary folders in which files are written; the id of the writing process follows."""

_write_limit: RunVar[anyio.CapacityLimiter] = RunVar("write limit")


def reader_of(query_params: QueryParams, actor: Actor) -> Actor:
    """The actor for whom the file is read: the one of the request or, with ``reader=partner``, a partner.

    Raises ``Malformed`` for another ``reader``, and for any ``reader`` from an external role.
    """
    reader = query_params.get("reader")
    if actor.role.external:
        if reader is not None:
            raise Malformed(Text("Không có tham số 'reader'", "Unknown parameter 'reader'"))
        return actor
    if reader in (None, "", "office"):
        return actor
    if reader != "partner":
        raise Malformed(
            Text("'reader' không hợp lệ. Được phép: office, partner", "Invalid 'reader'. Allowed: office, partner")
        )
    return PARTNER if actor.level.may_read(PARTNER.level) else actor  # a public reader gets no more than public records


def export_of(database: Database, layer: Layer, parameters: QueryParams, reader: Actor, language: Language) -> Export:
    """The export of a request. Errors in the parameters are raised here, before the response begins."""
    filters = QueryParams([pair for pair in parameters.multi_items() if pair[0] not in EXPORT_PARAMETERS])
    with database.transaction(reader) as session:
        selection = result_of(with_locations(session, selection_of(session, layer, filters), filters))
        # As on pages, codes in a workbook are sorted in the order of their list.
        selection = replace(selection, ranked=parameters.get("f") == "xlsx")
        provenance = _release_provenance(session, layer)
    delimiter = parameters.get("delimiter") or ","
    if delimiter not in (",", ";"):
        raise Malformed(
            Text("'delimiter' không hợp lệ. Được phép: ',' và ';'", "Invalid 'delimiter'. Allowed: ',' and ';'")
        )
    metadata = {
        "title": layer.title.in_language(language),
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **({"as_of": selection.as_of.isoformat()} if selection.as_of else {}),
        "selection": dict(parameters),
        "reader": reader.level.value,
        "attribution": ATTRIBUTION,
        "caveat": DISCLAIMER.vi,
        **provenance,
    }
    return Export(
        selection,
        find_format(parameters.get("f") or "geojson"),
        vn2000_zone(parameters.get("zone")),
        language,
        delimiter,
        metadata,
    )


def _release_provenance(session: Session, layer: Layer) -> dict[str, Any]:
    """The releases and watermarks behind a partner's file, so that a leaked copy can be traced; empty for others."""
    if not session.actor.role.external:
        return {}
    manifests = [item.manifest for item in holdings.list_manifests(session) if item.withdrawn_at is None]
    latest = {manifest["release"]: manifest for manifest in reversed(manifests) if layer.name in manifest["layers"]}
    names = ("name", "version", "recipient", "watermark")
    return {"releases": [{name: manifest[name] for name in names} for manifest in latest.values()]}


def vn2000_zone(name: str | None) -> Zone:
    """The VN-2000 zone of an EPSG name, or the zone of the province. Raises ``Malformed`` for another CRS."""
    try:
        zone = zone_by_epsg(parse_epsg(name)) if name else zone_by_meridian(DEFAULT_CENTRAL_MERIDIAN)
    except Invalid:
        zone = None
    if zone is None:
        names = ", ".join(f"EPSG:{known.epsg}" for known in ZONES if known.width == PROVINCIAL_WIDTH)
        raise Malformed(Text(f"'zone' không hợp lệ. Được phép: {names}", f"Invalid 'zone'. Allowed: {names}"))
    return zone


@router.get("/{layer}", response_class=Response)
async def export(layer: LayerParam, call: CallParam) -> Response:
    """Export a selection as a file: the parameters of ``items`` without paging, and those of the file."""
    reader = reader_of(call.query, call.actor)
    requested = await to_thread.run_sync(export_of, call.database, layer, call.query, reader, call.language)
    return Download(recorded_chunks(call.database, call.actor, reader, requested), requested)


async def recorded_chunks(database: Database, actor: Actor, reader: Actor, requested: Export) -> AsyncGenerator[bytes]:
    """The chunks of the file; the export is recorded in the access log before the first chunk is sent."""
    recorded = False
    async with aclosing(_file_chunks(database, reader, requested)) as chunks:
        async for chunk in chunks:
            if not recorded:
                await to_thread.run_sync(database.record_access, actor, [_access_entry(requested)])
                recorded = True
            yield chunk


def _access_entry(requested: Export) -> AccessLogEntry:
    """The entry of the access log: selection, columns, format, clearance of the reader and, if known, row count."""
    selection = requested.selection
    criteria = {
        **selection.criteria(),
        "fields": [field.name for field in sql.selected_fields(selection)],
        "format": requested.format.name,
        "reader": selection.clearance.value,
        **({} if requested.format.streams else {"rows": requested.number}),
    }
    return AccessLogEntry(selection.layer.name, criteria, action="export")


async def _file_chunks(database: Database, reader: Actor, requested: Export) -> AsyncGenerator[bytes]:
    """The chunks of the file: streamed from the database, or written to a temporary file that is deleted afterwards."""
    if requested.format.streams:
        async with aclosing(formats.stream(database, reader, requested)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield chunk
        return

    def write(folder: Path) -> Path:
        return writers.write(database, reader, requested, folder, from_thread.check_cancelled)

    with database.download_slot(), TemporaryDirectory(prefix=f"{SPOOL_PREFIX}{os.getpid()}-") as folder:
        path = await to_thread.run_sync(write, Path(folder), limiter=_write_limiter())
        with path.open("rb") as written:
            while chunk := written.read(CHUNK_BYTES):
                yield chunk


def remove_stale_spools() -> None:
    """Delete the temporary folders of processes that have been killed, since their files may be restricted."""
    for folder in Path(gettempdir()).glob(f"{SPOOL_PREFIX}*-*"):
        writer = folder.name.removeprefix(SPOOL_PREFIX).partition("-")[0]
        if folder.is_symlink() or not writer.isdecimal() or Path("/proc", writer).exists():
            continue
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                shutil.rmtree(folder)


def _write_limiter() -> anyio.CapacityLimiter:
    try:
        return _write_limit.get()
    except LookupError:
        _write_limit.set(anyio.CapacityLimiter(MAX_CONCURRENT_WRITES))
        return _write_limit.get()


class Download(Response):
    """A streamed file; a client that disconnects ends the query and closes everything opened for it.

    The response starts with the first chunk, so a ``Refusal`` before that still becomes an error response.
    """

    def __init__(self, chunks: AsyncGenerator[bytes], requested: Export) -> None:
        self.chunks, self.requested = chunks, requested
        self.status_code, self.background = 200, None
        layer, reader = requested.selection.layer, requested.selection.clearance
        suffix = "-partner" if reader is PARTNER.level else ""
        name = f"{layer.name}{suffix}-{dt.datetime.now(VIETNAM_TIME):%Y%m%d-%H%M}{requested.format.extension}"
        charset = "; charset=utf-8" if requested.format.media_type.startswith("text/") else ""
        self.init_headers(
            {
                "Content-Type": requested.format.media_type + charset,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks until they end or the client disconnects."""
        refused: Refusal | None = None
        async with aclosing(self.chunks), anyio.create_task_group() as tasks:
            tasks.start_soon(_wait_for_disconnect, receive, tasks.cancel_scope)
            try:
                await self._send(send)
            except Refusal as refusal:
                refused = refusal
            tasks.cancel_scope.cancel()
        if refused is not None:
            raise refused

    async def _send(self, send: Send) -> None:
        started = False
        async for chunk in self.chunks:
            if not started:
                if self.requested.withheld:
                    self.headers["X-Withheld-Positions"] = str(self.requested.withheld)
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                started = True
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_for_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    scope.cancel()


def format_of(file: Path) -> str:
    """The format for the extension of a file name; GeoJSON for any other."""
    suffix = file.suffix.lower()
    return next((known.name for known in FORMATS.values() if known.extension == suffix), "geojson")


def save(database: Database, layer: str, file: Path, filters: list[str], language: Language = "vi") -> int:
    """Write an export to ``file``, completely or not at all, and return the number of features.

    ``filters`` are the parameters of ``/api/export/{layer}`` as ``name=value``. Raises the same errors.
    """
    query = QueryParams([(name, value) for name, _, value in (text.partition("=") for text in filters)])
    reader = reader_of(query, OFFICE)
    requested = export_of(database, layer_named(layer), query, reader, language)
    unfinished = file.with_name(f"{file.name}.part")
    try:
        asyncio.run(_save(recorded_chunks(database, OFFICE, reader, requested), unfinished))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return requested.number


async def _save(chunks: AsyncIterator[bytes], file: Path) -> None:
    with file.open("wb") as opened:
        async for chunk in chunks:
            opened.write(chunk)
