"""Fast routes answer as the framework's router would."""

import re

from api.app import create_app


def test_fast_route_is_the_first_route_that_matches(settings, database):
    app = create_app(settings, database)
    fast_routes = [
        route for router in app.state.routers for route in router.routes if getattr(route, "fast_handler", None)
    ]
    assert {route.name for route in fast_routes} >= {"items", "item", "tile"}
    for route in fast_routes:
        path = re.sub(r"\{\w+\}", "x", route.path)
        every = (candidate for router in app.state.routers for candidate in router.routes)
        first = next(
            candidate for candidate in every if "GET" in candidate.methods and candidate.path_regex.fullmatch(path)
        )
        assert first is route


def test_fast_routes_refuse_with_problem_details_and_answer_head(client):
    for path in ("/ogc/collections/nothing/items", "/ogc/collections/incidents/items?nothing=1"):
        refused = client.get(path, headers={"Accept-Language": "en"})
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["x-content-type-options"] == "nosniff"
    assert client.put("/ogc/collections/markers/items", json={}).status_code == 405
    head = client.head("/ogc/collections/markers/items?limit=1")
    assert head.status_code == 200
    assert not head.content
