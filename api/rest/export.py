"""A file of exactly what is shown: the same selection in any format, streamed where the format allows.

``GET /api/export/{layer}`` takes the parameters of the items, without paging, and its own: ``f`` the format,
``reader=partner`` the selection as a partner may have it (positions that are only assumed stay empty, and the file
says how many), ``zone`` the zone of VN-2000 that tables give beside WGS 84, ``delimiter`` of a CSV, ``lang``.
"""

import asyncio
import datetime as dt
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping
from contextlib import aclosing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import anyio
from anyio import from_thread, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from api.http.dependencies import ActorParam, LanguageParam
from api.http.parameters import DatabaseParam, LayerParam, layer_named, selection_of
from gis.crs import PROVINCIAL_WIDTH, ZONES, Zone, parse_epsg, zone_by_epsg, zone_by_meridian
from gis.db import AccessLogEntry, Actor, Database, Session
from gis.files import CHUNK_BYTES, FORMATS, Export, find_format, formats, writers as files
from gis.model import Layer
from gis.read import sql
from gis.release import holdings
from gis.text import VIETNAM_TIME, Invalid, Language, Malformed, Refusal, Text
from layers.lines import ATTRIBUTION, DISCLAIMER
from layers.policy import OFFICE, PARTNER

router = APIRouter(prefix="/api/export", tags=["exports"])

EXPORT_PARAMETERS = ("f", "reader", "zone", "delimiter")

DEFAULT_CENTRAL_MERIDIAN = 105.75
"""Central meridian of the 3° zone of VN-2000 that tables give unless another is asked for, in degrees east."""

MAX_CONCURRENT_WRITES = 2
"""Files that a worker writes at the same time; each takes most of a processor. Others wait their turn."""

SPOOL_PREFIX = "cotmoc-file-"
"""Begins the names of the folders in which files are written; the process follows that writes there."""

_write_limit: RunVar[anyio.CapacityLimiter] = RunVar("files being written")


def reader_of(query_params: QueryParams, actor: Actor) -> Actor:
    """Who is to read the file: the one who asks, or a partner. Whoever is outside reads as who they are."""
    asked = query_params.get("reader")
    if actor.role.external:
        if asked is not None:
            raise Malformed(Text("Không có tham số 'reader'", "No parameter 'reader'"))
        return actor
    if asked in (None, "", "office"):
        return actor
    if asked != "partner":
        raise Malformed(Text("reader: office hoặc partner", "reader: office or partner"))
    return PARTNER if actor.level.may_read(PARTNER.level) else actor  # nobody's eyes see more than their own


def export_of(database: Database, layer: Layer, parameters: QueryParams, reader: Actor, language: Language) -> Export:
    """The file that is asked for. What is wrong with the asking is refused here, before anything has left."""
    shown = QueryParams([pair for pair in parameters.multi_items() if pair[0] not in EXPORT_PARAMETERS])
    with database.transaction(reader) as session:
        selection = selection_of(session, layer, shown, reader)
        released = _release_provenance(session, layer, reader)
    delimiter = parameters.get("delimiter") or ","
    if delimiter not in (",", ";"):
        raise Malformed(Text("delimiter: , hoặc ;", "delimiter: , or ;"))
    about = {
        "title": layer.title.in_language(language),
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **({"as_of": selection.as_of.isoformat()} if selection.as_of else {}),
        "selection": dict(parameters),
        "reader": reader.level.value,
        "attribution": ATTRIBUTION,
        "caveat": DISCLAIMER.vi,
        **released,
    }
    return Export(
        selection,
        find_format(parameters.get("f") or "geojson"),
        vn2000_zone(parameters.get("zone")),
        language,
        delimiter,
        about,
    )


def _release_provenance(session: Session, layer: Layer, reader: Actor) -> dict[str, Any]:
    """By which releases a partner's file has come, so that a copy that turns up elsewhere can be told."""
    if not reader.role.external:
        return {}
    standing = [one.manifest for one in holdings.list_manifests(session) if one.withdrawn_at is None]
    latest = {one["release"]: one for one in reversed(standing) if layer.name in one["layers"]}
    told = ("name", "version", "recipient", "watermark")
    return {"releases": [{name: one[name] for name in told} for one in latest.values()]}


def vn2000_zone(name: str | None) -> Zone:
    """The zone of VN-2000 that is asked for, or the one that the province works in."""
    try:
        found = zone_by_epsg(parse_epsg(name)) if name else zone_by_meridian(DEFAULT_CENTRAL_MERIDIAN)
    except Invalid:
        found = None
    if found is None:
        names = ", ".join(f"EPSG:{one.epsg}" for one in ZONES if one.width == PROVINCIAL_WIDTH)
        raise Malformed(Text(f"zone: một trong {names}", f"zone: one of {names}"))
    return found


@router.get("/{layer}", response_class=Response)
async def export(
    request: Request, layer: LayerParam, actor: ActorParam, database: DatabaseParam, language: LanguageParam
) -> Response:
    """Download the view: the parameters of the items, without paging, and those of the file."""
    asked = request.query_params
    reader = reader_of(asked, actor)
    wanted = await to_thread.run_sync(export_of, database, layer, asked, reader, language)
    return Download(recorded_chunks(database, actor, reader, wanted), wanted)


async def recorded_chunks(database: Database, actor: Actor, reader: Actor, requested: Export) -> AsyncGenerator[bytes]:
    """The file piece by piece. That ``asker`` takes it away is written down before the first piece leaves."""
    begun = False
    async with aclosing(_file_chunks(database, reader, requested)) as file:
        async for piece in file:
            if not begun:
                await to_thread.run_sync(database.record_access, actor, [_access_entry(requested)])
                begun = True
            yield piece


def _access_entry(requested: Export) -> AccessLogEntry:
    """What the journal says of a file: which rows and columns, in which form, for whose eyes, and how many if known."""
    selection = requested.selection
    told = {
        **selection.criteria(),
        "fields": [one.name for one in sql.selected_fields(selection)],
        "format": requested.format.name,
        "reader": selection.clearance.value,
        **({} if requested.format.streams else {"rows": requested.number}),
    }
    return AccessLogEntry(selection.layer.name, told, action="export")


async def _file_chunks(database: Database, reader: Actor, requested: Export) -> AsyncGenerator[bytes]:
    """The file, streamed from the database or written first, given out and then deleted."""
    if requested.format.streams:
        async with aclosing(formats.stream(database, reader, requested)) as streamed:  # type: ignore[type-var]
            async for piece in streamed:
                yield piece
        return

    def write(folder: Path) -> Path:
        return files.write(database, reader, requested, folder, from_thread.check_cancelled)

    with database.download_slot(), TemporaryDirectory(prefix=f"{SPOOL_PREFIX}{os.getpid()}-") as folder:
        path = await to_thread.run_sync(write, Path(folder), limiter=_write_limiter())
        with path.open("rb") as written:
            while piece := written.read(CHUNK_BYTES):
                yield piece


def remove_stale_spools() -> None:
    """Take away what killed processes have left of the files they were writing: it was for one reader's eyes."""
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
    """A file on its way: when the client goes, so does all that was opened for it.

    The answer begins with the first piece, so what is refused until then is a refusal.
    """

    def __init__(self, chunks: AsyncGenerator[bytes], requested: Export) -> None:
        self.chunks, self.requested = chunks, requested
        self.status_code, self.background = 200, None
        layer, reader = requested.selection.layer, requested.selection.clearance
        marked = "-partner" if reader is PARTNER.level else ""
        name = f"{layer.name}{marked}-{dt.datetime.now(VIETNAM_TIME):%Y%m%d-%H%M}{requested.format.extension}"
        charset = "; charset=utf-8" if requested.format.media_type.startswith("text/") else ""
        self.init_headers(
            {
                "Content-Type": requested.format.media_type + charset,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces while listening for the client's leaving, whichever ends first."""
        refused: Refusal | None = None
        async with aclosing(self.chunks), anyio.create_task_group() as together:
            together.start_soon(_wait_for_disconnect, receive, together.cancel_scope)
            try:
                await self._send(send)
            except Refusal as refusal:
                refused = refusal
            together.cancel_scope.cancel()
        if refused is not None:
            raise refused

    async def _send(self, send: Send) -> None:
        begun = False
        async for piece in self.chunks:
            if not begun:
                if self.requested.withheld:
                    self.headers["X-Withheld-Positions"] = str(self.requested.withheld)
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                begun = True
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_for_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    scope.cancel()


def format_of(file: Path) -> str:
    """The format that a file's name asks for; GeoJSON where it asks for none."""
    return next((one.name for one in FORMATS.values() if one.extension == file.suffix.lower()), "geojson")


def save(database: Database, layer: str, file: Path, filters: list[str], language: Language = "vi") -> int:
    """Write a view of a layer to ``file``, all of it or nothing; returns how many features it holds.

    ``where`` are the parameters of the export as ``name=value``. Raises like its door does.
    """
    asked = QueryParams([(name, value) for name, _, value in (one.partition("=") for one in filters)])
    reader = reader_of(asked, OFFICE)
    wanted = export_of(database, layer_named(layer), asked, reader, language)
    unfinished = file.with_name(f"{file.name}.part")
    try:
        asyncio.run(_save(recorded_chunks(database, OFFICE, reader, wanted), unfinished))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return wanted.number


async def _save(chunks: AsyncIterator[bytes], file: Path) -> None:
    with file.open("wb") as opened:
        async for piece in chunks:
            opened.write(piece)
