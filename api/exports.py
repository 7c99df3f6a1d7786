"""A file of exactly what is shown: the same selection, streamed as RFC 7946 GeoJSON.

``reader=partner`` gives the same selection as a partner may have it: positions that are only assumed stay empty, and
the file says how many.
"""

import datetime as dt
import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.datastructures import QueryParams

from api.features import GEOJSON
from api.identity import ActorParam
from api.params import DatabaseParam, LayerParam, layer_named, selection_of
from gis import query
from gis.database import Actor, Database
from gis.errors import Malformed
from gis.language import Text
from gis.layer import Layer
from gis.query import Selection
from layers.policy import OFFICE, PARTNER

router = APIRouter(prefix="/api/export", tags=["exports"])

ATTRIBUTION = "© OpenStreetMap contributors (ODbL 1.0)"
CAVEAT = "Đường biên tham khảo từ OpenStreetMap (2017), không phải đường biên pháp lý."


def reader_of(query_params: QueryParams, actor: Actor) -> Actor:
    """Who is to read the file: the one who asks, or a partner."""
    asked = query_params.get("reader")
    if asked in (None, "", "office"):
        return actor
    if asked != "partner":
        raise Malformed(Text("reader: office hoặc partner", "reader: office or partner"))
    return PARTNER


@router.get("/{layer}", response_class=StreamingResponse)
def export(request: Request, layer: LayerParam, actor: ActorParam, database: DatabaseParam) -> StreamingResponse:
    """Download the view: the parameters of the items, without paging."""
    reader = reader_of(request.query_params, actor)
    with database.acting(reader) as session:
        selection = selection_of(session, layer, request.query_params, reader)
    query.check(selection)
    stamp = dt.datetime.now(dt.timezone(dt.timedelta(hours=7)))
    name = f"{layer.name}{'-partner' if reader is PARTNER else ''}-{stamp:%Y%m%d-%H%M}.geojson"
    pieces = written(database, reader, selection, request.query_params)
    head = next(pieces)  # what is refused is refused here, before anything of the file has left
    return StreamingResponse(
        chain([head], pieces),
        media_type=GEOJSON,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def written(
    database: Database, reader: Actor, selection: Selection, asked: QueryParams | dict[str, str]
) -> Iterator[bytes]:
    """The selection as a FeatureCollection, piece by piece, closed by what a reader must know of it."""
    number = withheld = 0
    with database.acting(reader) as session:
        features = query.stream(session, selection)
        first = list(islice(features, 1))
        yield b'{"type":"FeatureCollection","features":['
        for feature in chain(first, features):
            yield (b",\n" if number else b"\n") + feature
            number += 1
            withheld += _is_withheld(feature)
    yield b"]," + json.dumps(_about(selection.layer, reader, number, withheld, asked), ensure_ascii=False)[1:].encode()


def _is_withheld(feature: bytes) -> bool:
    return b'"geometry":null' in feature[:200] and b'"position_source":"assumed"' in feature


def _about(layer: Layer, reader: Actor, number: int, withheld: int, asked: Any) -> dict[str, Any]:
    about: dict[str, Any] = {
        "name": layer.name,
        "numberReturned": number,
        "timeStamp": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "selection": dict(asked),
        "reader": reader.level,
        "attribution": ATTRIBUTION,
        "caveat": CAVEAT,
    }
    if withheld:
        about["withheld_positions"] = withheld
    return about


def save(database: Database, layer: str, file: Path, where: list[str]) -> int:
    """Write a view of a layer to ``file``, all of it or nothing; returns how many features it holds.

    ``where`` are the parameters of the items as ``name=value``. Raises like the items' door does.
    """
    asked = QueryParams([(name, value) for name, _, value in (one.partition("=") for one in where)])
    actor = reader_of(asked, OFFICE)
    with database.acting(actor) as session:
        selection = selection_of(session, layer_named(layer), asked, actor)
    unfinished = file.with_name(f"{file.name}.part")
    try:
        with unfinished.open("wb") as opened:
            opened.writelines(written(database, actor, selection, asked))
        number = int(json.loads(unfinished.read_bytes())["numberReturned"])
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return number
