"""The route of the steering committee's board.

Its figures and tables are declared in ``layers/boards.py``; this reads them as the signed-in actor, with the same
``Selection`` as the lists.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from api.http.dependencies import PageCallParam
from api.http.page import page_context, page_response
from api.http.query import moment_of
from api.rest.layers import layer_card
from api.settings import Settings
from gis.db import Session, result_of
from gis.model import Layer, all_layers
from gis.read import Selection, TimeSpan, change_feed, pages
from gis.release import holdings
from gis.text import VIETNAM_TIME
from layers import boards
from maps.messages import MESSAGES
from maps.navigation import declare_page
from maps.pages import board

router = APIRouter(tags=["pages"], include_in_schema=False)

declare_page("/board", MESSAGES["board"], rank=20, past=True)


@dataclass(frozen=True)
class LayerReading:
    """The features of one layer in a transaction, as its actor may read them at a moment (``boards.Features``)."""

    session: Session
    layer: Layer
    as_of: dt.datetime | None

    def count(self, where: boards.Where) -> int:
        """The number of features that match a filter."""
        return result_of(pages.count_features(self.session, self._selection(where)))

    def count_by(self, name: str, where: boards.Where) -> Mapping[str, int]:
        """The number of features that match a filter, for each value of a property."""
        return result_of(pages.count_by_value(self.session, self._selection(where), name))

    def rows(self, where: boards.Where) -> Sequence[boards.Properties]:
        """The properties of the features that match a filter."""
        return [feature["properties"] for feature in self.features(where)]

    def features(self, where: boards.Where) -> list[Any]:
        """The features that match a filter, as GeoJSON in the order of the list."""
        features = result_of(pages.read_features(self.session, self._selection(where)))
        return [json.loads(feature) for feature in features]

    def _selection(self, where: boards.Where) -> Selection:
        return Selection.for_reader(self.session, self.layer, where=where, as_of=self.as_of)


@router.get("/board")
def committee_board(call: PageCallParam) -> Response:
    """The steering committee's board."""
    actor = call.actor
    as_of = moment_of(call.query.get("as_of"), "as_of")
    since = moment_of(call.query.get("since"), "since")
    today = (as_of or dt.datetime.now(dt.UTC)).astimezone(VIETNAM_TIME).date()
    settings: Settings = call.request.app.state.settings
    with call.reading() as session:

        def features_of(layer: Layer) -> LayerReading:
            return LayerReading(session, layer, as_of)

        html = board.board_page(
            call.language,
            cards={layer.name: layer_card(layer, actor) for layer in all_layers()},
            figures=[(figure, figure.counted(features_of(figure.layer), today)) for figure in boards.FIGURES],
            tables=[
                (
                    table,
                    [
                        (layer.name, feature)
                        for layer in table.layers
                        for feature in features_of(layer).features(table.where)
                    ],
                )
                for table in boards.TABLES
            ],
            since=since,
            changed=_changes_since(session, since, as_of),
            recalled_count=holdings.count_recalled_holdings(session)
            if actor.role.manages_releases and as_of is None
            else 0,
            home=settings.home,
            **page_context(call.request),
        )
    return page_response(call.request, html)


def _changes_since(session: Session, since: dt.datetime | None, as_of: dt.datetime | None) -> dict[str, int]:
    """The number of changed features of each layer since the last meeting; empty without a meeting."""
    until = as_of or dt.datetime.now(dt.UTC)
    if since is None or since > until:
        return {}
    selections = [Selection.for_reader(session, layer) for layer in all_layers()]
    return change_feed.change_counts(session, selections, TimeSpan(since, until))
