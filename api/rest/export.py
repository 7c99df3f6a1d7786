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

from api.http.parameters import DatabaseParam, LayerParam, layer_named, selection_of
from api.http.security import ActorParam, LanguageParam
from gis.crs.systems import PROVINCIAL_WIDTH, ZONES, Zone, epsg_of, zone_for, zone_of
from gis.db.actors import Actor
from gis.db.session import Database, Reading, Session
from gis.files import formats as exchange, writers as files
from gis.files.formats import FORMATS, PIECE, Export, format_named
from gis.model.layer import Layer
from gis.read import sql as query
from gis.release import workflow as sharing
from gis.text.dates import VIETNAM
from gis.text.errors import Invalid, Malformed, Refusal
from gis.text.i18n import Language, Text
from layers.lines import ATTRIBUTION, CAVEAT
from layers.policy import OFFICE, PARTNER

router = APIRouter(prefix="/api/export", tags=["exports"])

OWN = ("f", "reader", "zone", "delimiter")

PROVINCES_MERIDIAN = 105.75
"""Central meridian of the 3° zone of VN-2000 that tables give unless another is asked for, in degrees east."""

WRITTEN_AT_ONCE = 2
"""Files that a worker writes at the same time; each takes most of a processor. Others wait their turn."""

UNSENT = "cotmoc-file-"
"""Begins the names of the folders in which files are written; the process follows that writes there."""

_writing: RunVar[anyio.CapacityLimiter] = RunVar("files being written")


def reader_of(query_params: QueryParams, actor: Actor) -> Actor:
    """Who is to read the file: the one who asks, or a partner. Whoever is outside reads as who they are."""
    asked = query_params.get("reader")
    if actor.role.outside:
        if asked is not None:
            raise Malformed(Text("Không có tham số 'reader'", "No parameter 'reader'"))
        return actor
    if asked in (None, "", "office"):
        return actor
    if asked != "partner":
        raise Malformed(Text("reader: office hoặc partner", "reader: office or partner"))
    return PARTNER if actor.level.reads(PARTNER.level) else actor  # nobody's eyes see more than their own


def export_of(database: Database, layer: Layer, asked: QueryParams, reader: Actor, language: Language) -> Export:
    """The file that is asked for. What is wrong with the asking is refused here, before anything has left."""
    shown = QueryParams([pair for pair in asked.multi_items() if pair[0] not in OWN])
    with database.acting(reader) as session:
        selection = selection_of(session, layer, shown, reader)
        released = _released(session, layer, reader)
    delimiter = asked.get("delimiter") or ","
    if delimiter not in (",", ";"):
        raise Malformed(Text("delimiter: , hoặc ;", "delimiter: , or ;"))
    about = {
        "title": layer.title.said_in(language),
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **({"as_of": selection.as_of.isoformat()} if selection.as_of else {}),
        "selection": dict(asked),
        "reader": reader.level.value,
        "attribution": ATTRIBUTION,
        "caveat": CAVEAT.vi,
        **released,
    }
    return Export(
        selection,
        format_named(asked.get("f") or "geojson"),
        zone_asked(asked.get("zone")),
        language,
        delimiter,
        about,
    )


def _released(session: Session, layer: Layer, reader: Actor) -> dict[str, Any]:
    """By which releases a partner's file has come, so that a copy that turns up elsewhere can be told."""
    if not reader.role.outside:
        return {}
    standing = [one.manifest for one in sharing.manifests(session) if one.withdrawn_at is None]
    latest = {one["release"]: one for one in reversed(standing) if layer.name in one["layers"]}
    told = ("name", "version", "recipient", "watermark")
    return {"releases": [{name: one[name] for name in told} for one in latest.values()]}


def zone_asked(name: str | None) -> Zone:
    """The zone of VN-2000 that is asked for, or the one that the province works in."""
    try:
        found = zone_of(epsg_of(name)) if name else zone_for(PROVINCES_MERIDIAN)
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
    return Download(pieces(database, actor, reader, wanted), wanted)


async def pieces(database: Database, asker: Actor, reader: Actor, wanted: Export) -> AsyncGenerator[bytes]:
    """The file piece by piece. That ``asker`` takes it away is written down before the first piece leaves."""
    begun = False
    async with aclosing(_file(database, reader, wanted)) as file:
        async for piece in file:
            if not begun:
                await to_thread.run_sync(database.journal, asker, [_taken(wanted)])
                begun = True
            yield piece


def _taken(wanted: Export) -> Reading:
    """What the journal says of a file: which rows and columns, in which form, for whose eyes, and how many if known."""
    selection = wanted.selection
    told = {
        **selection.told(),
        "fields": [one.name for one in query.wanted(selection)],
        "format": wanted.format.name,
        "reader": selection.reader.value,
        **({} if wanted.format.streams else {"rows": wanted.number}),
    }
    return Reading(selection.layer.name, told, action="export")


async def _file(database: Database, reader: Actor, wanted: Export) -> AsyncGenerator[bytes]:
    """The file, streamed from the database or written first, given out and then deleted."""
    if wanted.format.streams:
        async with aclosing(exchange.stream(database, reader, wanted)) as streamed:  # type: ignore[type-var]
            async for piece in streamed:
                yield piece
        return

    def write(folder: Path) -> Path:
        return files.write(database, reader, wanted, folder, from_thread.check_cancelled)

    with database.download(), TemporaryDirectory(prefix=f"{UNSENT}{os.getpid()}-") as folder:
        path = await to_thread.run_sync(write, Path(folder), limiter=_writers())
        with path.open("rb") as written:
            while piece := written.read(PIECE):
                yield piece


def clear_unsent() -> None:
    """Take away what killed processes have left of the files they were writing: it was for one reader's eyes."""
    for folder in Path(gettempdir()).glob(f"{UNSENT}*-*"):
        writer = folder.name.removeprefix(UNSENT).partition("-")[0]
        if folder.is_symlink() or not writer.isdecimal() or Path("/proc", writer).exists():
            continue
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                shutil.rmtree(folder)


def _writers() -> anyio.CapacityLimiter:
    try:
        return _writing.get()
    except LookupError:
        _writing.set(anyio.CapacityLimiter(WRITTEN_AT_ONCE))
        return _writing.get()


class Download(Response):
    """A file on its way: when the client goes, so does all that was opened for it.

    The answer begins with the first piece, so what is refused until then is a refusal.
    """

    def __init__(self, pieces: AsyncGenerator[bytes], wanted: Export) -> None:
        self.pieces, self.wanted = pieces, wanted
        self.status_code, self.background = 200, None
        layer, reader = wanted.selection.layer, wanted.selection.reader
        marked = "-partner" if reader is PARTNER.level else ""
        name = f"{layer.name}{marked}-{dt.datetime.now(VIETNAM):%Y%m%d-%H%M}{wanted.format.extension}"
        charset = "; charset=utf-8" if wanted.format.media_type.startswith("text/") else ""
        self.init_headers(
            {
                "Content-Type": wanted.format.media_type + charset,
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces while listening for the client's leaving, whichever ends first."""
        refused: Refusal | None = None
        async with aclosing(self.pieces), anyio.create_task_group() as together:
            together.start_soon(_until_gone, receive, together.cancel_scope)
            try:
                await self._send(send)
            except Refusal as refusal:
                refused = refusal
            together.cancel_scope.cancel()
        if refused is not None:
            raise refused

    async def _send(self, send: Send) -> None:
        begun = False
        async for piece in self.pieces:
            if not begun:
                if self.wanted.withheld:
                    self.headers["X-Withheld-Positions"] = str(self.wanted.withheld)
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                begun = True
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    scope.cancel()


def format_of(file: Path) -> str:
    """The format that a file's name asks for; GeoJSON where it asks for none."""
    return next((one.name for one in FORMATS.values() if one.extension == file.suffix.lower()), "geojson")


def save(database: Database, layer: str, file: Path, where: list[str], language: Language = "vi") -> int:
    """Write a view of a layer to ``file``, all of it or nothing; returns how many features it holds.

    ``where`` are the parameters of the export as ``name=value``. Raises like its door does.
    """
    asked = QueryParams([(name, value) for name, _, value in (one.partition("=") for one in where)])
    reader = reader_of(asked, OFFICE)
    wanted = export_of(database, layer_named(layer), asked, reader, language)
    unfinished = file.with_name(f"{file.name}.part")
    try:
        asyncio.run(_save(pieces(database, OFFICE, reader, wanted), unfinished))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return wanted.number


async def _save(written: AsyncIterator[bytes], file: Path) -> None:
    with file.open("wb") as opened:
        async for piece in written:
            opened.write(piece)
