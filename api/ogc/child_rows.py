"""The child resources of a feature, such as the events of a gate: the rows of any child table, by its name."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.routing import APIRoute
from starlette.routing import Match

from api.http.asgi import Scope
from api.http.dependencies import CallParam, inline_dependency
from api.http.idempotency import IdempotencyParam
from api.http.parameters import AsOfParam, HistoryLayerParam, IdParam
from api.ogc.write_request import TargetWithIfMatchParam, WriteCallParam
from gis.db import result_of
from gis.read import Selection, pages
from gis.text import FEATURE_NOT_FOUND, Missing
from gis.write import child_resources


class ChildRoute(APIRoute):
    """A route whose path has a layer and a child resource; it matches only those that exist."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether method and path match, and the child resource exists."""
        match, child_scope = super().matches(scope)
        if match is Match.NONE:
            return match, child_scope
        parameters = child_scope["path_params"]
        if child_resources.child_resource(parameters["layer"], parameters["child"]) is None:
            return Match.NONE, {}
        return match, child_scope


router = APIRouter(prefix="/ogc/collections", tags=["changes"], route_class=ChildRoute)


def child_resource(layer: HistoryLayerParam, child: str) -> child_resources.ChildResource:
    """The child resource in the path. Raises ``Missing`` for released layers, which have none."""
    resource = child_resources.child_resource(layer.name, child)
    if resource is None:
        raise Missing(FEATURE_NOT_FOUND)
    return resource


ChildResourceParam = Annotated[child_resources.ChildResource, Depends(inline_dependency(child_resource))]


@router.get("/{layer}/items/{item}/{child}")
def read_child_rows(
    resource: ChildResourceParam, layer: HistoryLayerParam, item_id: IdParam, call: CallParam, as_of: AsOfParam
) -> dict[str, Any]:
    """The rows of the child tables of a feature, as of ``as_of``."""
    with call.reading() as session:
        result_of(pages.read_feature(session, Selection.for_reader(session, layer, as_of=as_of), item_id))
        return resource.read(session, item_id, as_of)


@router.post("/{layer}/items/{item}/{child}", status_code=201)
def record_child_row(  # noqa: PLR0917 - the parts of the request
    resource: ChildResourceParam,
    target: TargetWithIfMatchParam,
    call: WriteCallParam,
    key: IdempotencyParam,
    child: str,
    response: Response,
) -> dict[str, Any]:
    """Record a row of a child table. A repeat with the same ``Idempotency-Key`` returns the row that was recorded."""
    body = resource.body.parse(call.body)
    with call.transaction() as session:
        earlier = key.claim(session, f"POST {target.layer.name}/{target.id}/{child}")
        if earlier is not None:
            row = resource.recorded(session, target.id, earlier)
            response.status_code = 200
            return row.readable_values() if row is not None else {}
        recorded = resource.record(session, target.lock(session), **vars(body))
        key.store(session, recorded.id)
        return recorded.readable_values()
