"""Routes of the pages for a new feature, at the path that the card of its layer names (``Display.new_page``)."""

from collections.abc import Callable

from fastapi import APIRouter, Response

from api.http.dependencies import PageCallParam
from api.http.page import page_context, page_response
from api.rest.layers import may_create
from api.settings import Settings
from gis.model import Layer, all_layers
from gis.text import Forbidden, Text
from maps import map_page

router = APIRouter(tags=["pages"], include_in_schema=False)


def new_feature_page(layer: Layer) -> Callable[[PageCallParam], Response]:
    """The route of the page for a new feature of a layer."""

    def page(call: PageCallParam) -> Response:
        """The page; raises ``Forbidden`` for an actor who may not create features of the layer."""
        if not may_create(call.actor, layer):
            singular = layer.display.singular_text
            raise Forbidden(
                Text(
                    f"Tài khoản không có quyền ghi {singular.vi}",
                    f"This account may not log features of this kind: {singular.en}",
                )
            )
        settings: Settings = call.request.app.state.settings
        context = page_context(call.request)
        return page_response(
            call.request,
            map_page.new_feature_page(call.language, layer=layer, home=settings.home, **context),
        )

    return page


for _layer in all_layers():
    if _layer.display.new_page:
        router.add_api_route(_layer.display.new_page, new_feature_page(_layer), methods=["GET"])
