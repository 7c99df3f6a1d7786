"""Routes of the map as HTML.

The routes read the rows as the signed-in actor, with the same ``Selection`` as the API; ``maps.pages`` renders them.
"""

from fastapi import APIRouter, Request, Response

from api.http.dependencies import PageLanguageParam
from api.http.page import page_context, page_response
from api.settings import Settings
from maps import map_page, marks
from maps.messages import MESSAGES
from maps.navigation import declare_page

router = APIRouter(tags=["pages"], include_in_schema=False)

declare_page("/", MESSAGES["map"], rank=10, past=True)


def _home(request: Request) -> tuple[float, float, float]:
    settings: Settings = request.app.state.settings
    return settings.home


@router.get("/")
def show_map(request: Request, language: PageLanguageParam) -> Response:
    """The map page, which is also the start page."""
    return page_response(request, map_page.map_page(language, home=_home(request), **page_context(request)))


@router.get("/map.js")
def map_script() -> Response:
    """The script that folium generates for the map; it is the same for every reader."""
    return Response(map_page.map_script(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/marks.svg")
def marks_sprite() -> Response:
    """The SVG sprite of all marks."""
    return Response(marks.sprite(), media_type="image/svg+xml", headers={"Cache-Control": "no-cache"})
