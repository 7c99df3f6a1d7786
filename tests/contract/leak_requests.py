"""Routes, actors and parameters of the leak tests."""

import json
import uuid

import pytest

from gis.db.actors import Actor
from layers.policy import ASSIGNABLE_ROLES
from tests import leak_markers
from tests.leak_markers import UNIT_A, UNIT_B

WRITE_ROUTES = {
    ("POST", "/ogc/collections/{layer}/items"): {"properties": {}},
    ("PUT", "/ogc/collections/{layer}/items/{item}"): {"source": "x"},
    ("PATCH", "/ogc/collections/{layer}/items/{item}"): {"source": "x"},
    ("DELETE", "/ogc/collections/{layer}/items/{item}"): None,
    ("POST", "/ogc/collections/{layer}/items/{item}/moves"): {"to": "x", "reason": "x"},
    ("POST", "/ogc/collections/{layer}/items/{item}/restore"): {"reason": "x"},
    ("POST", "/ogc/collections/{layer}/items/{item}/links"): {"at": "9001", "border": "VN-KH", "role": "site"},
    ("DELETE", "/ogc/collections/{layer}/items/{item}/links/{link_id}"): None,
    ("POST", "/ogc/collections/{layer}/items/{item}/{child}"): None,
    ("POST", "/api/bulk"): None,
    ("OPTIONS", "/ogc/collections/{layer}/items"): None,
    ("OPTIONS", "/ogc/collections/{layer}/items/{item}"): None,
}
"""The routes that write features, with a body for each."""

CHILD_ROWS = {
    "gates": {
        "/events": {"kind": "note", "on": "2026-01-01", "note": "x"},
        "/categories": {"category": "main", "valid_from": "2025-01-01", "valid_to": "2026-01-01"},
        "/plans": {"horizon": 2030, "category": "main", "on": "2026-01-01"},
    },
    "works": {"/steps": {"code": "notice", "on": "2026-01-01"}},
    "markers": {"/inspections": {"on": "2026-01-01", "condition": "intact", "note": "x"}},
}
"""The child resources of a layer, with a body for each."""

RELEASE_ROUTES = {
    ("POST", "/api/releases"), ("POST", "/api/releases/{release}/versions"),
    ("PUT", "/api/releases/{release}/versions/{number}"),
    ("POST", "/api/releases/{release}/versions/{number}/moves"),
}  # fmt: skip
"""The routes that write releases; they have their own tests."""

ACCOUNT_ROUTES = {
    ("POST", "/signout"), ("GET", "/account"), ("GET", "/api/account"), ("POST", "/api/account/password"),
    ("POST", "/api/account/second-factor"), ("PUT", "/api/account/second-factor"),
    ("POST", "/api/account/sign-out-everywhere"), ("GET", "/people"), ("GET", "/tokens"), ("GET", "/api/people"),
    ("POST", "/api/people"), ("POST", "/api/people/{account}/appointment"),
    ("POST", "/api/people/{account}/invitation"), ("POST", "/api/people/{account}/sign-out"),
    ("DELETE", "/api/people/{account}/second-factor"), ("DELETE", "/api/people/{account}"), ("GET", "/api/tokens"),
    ("POST", "/api/tokens"), ("DELETE", "/api/tokens/{token}"), ("GET", "/api/tokens/{token}/uses"),
    ("GET", "/api/account/sign-ins"), ("DELETE", "/api/account/sign-ins/{sign_in}"),
    ("POST", "/api/account/recovery-codes"),
}  # fmt: skip
"""The routes of accounts, which need a session and refuse tokens."""

PUBLIC_ROUTES = {
    ("GET", "/healthz"), ("GET", "/signin"), ("GET", "/signin/password"), ("POST", "/signin"),
    ("POST", "/signin/password"), ("GET", "/signin/oidc"), ("GET", "/signin/oidc/callback"), ("*", "/static"),
}  # fmt: skip
"""The routes that answer without authentication."""

ACTORS = {
    "administrator": Actor("administrator", ASSIGNABLE_ROLES["administrator"]),
    "office": Actor("office", ASSIGNABLE_ROLES["office"]),
    "planner": Actor("planner", ASSIGNABLE_ROLES["planner"]),
    "committee": Actor("committee", ASSIGNABLE_ROLES["committee"]),
    "officer A": leak_markers.OFFICER_OF[UNIT_A],
    "officer B": leak_markers.OFFICER_OF[UNIT_B],
    "public": Actor("public", ASSIGNABLE_ROLES["public"]),
    "partner": leak_markers.RECIPIENT_ACTOR,
    "anonymous": None,
}
"""The actors whose answers are checked. A partner may know what was released only, anonymous requests nothing."""

PARTLY_EDITABLE = ("incidents", "markers", "works", "tasks")
"""Layers that every role, some roles, or some roles in some columns may edit."""

SAMPLED_ACTORS = ("administrator", "planner", "partner", "anonymous")
"""Actors who read the same as another or nothing: every route is requested, but for a sample of the rows only."""

every_actor = pytest.mark.parametrize("who", ACTORS)
every_authenticated_actor = pytest.mark.parametrize("who", [who for who, actor in ACTORS.items() if actor is not None])


def requests_for_an_item(layer, *, writing):
    """Functions that send each kind of request for an item of a layer."""
    base = f"/ogc/collections/{layer}/items/"
    if_match = {"If-Match": '"1-0123456789abcdef"'}
    for tail in ("", "?f=html", "?as_of=2030-01-01", "/history", "/links", "/nearby"):
        yield lambda client, item, tail=tail: client.get(f"{base}{item}{tail}")
    children = CHILD_ROWS.get(layer, {})
    for child in children:
        yield lambda client, item, child=child: client.get(f"{base}{item}{child}")
    if not writing:
        return
    for child, row in children.items():
        yield lambda client, item, child=child, row=row: client.post(f"{base}{item}{child}", json=row)
    for (method, path), body in WRITE_ROUTES.items():
        if "{item}" not in path or "{child}" in path:
            continue
        tail = path.partition("{item}")[2].replace("{link_id}", str(uuid.UUID(int=7, version=4)))
        yield lambda client, item, method=method, tail=tail, body=body: client.request(
            method, f"{base}{item}{tail}", json=body, headers=if_match
        )
    for act in ({"properties": {"source": "x"}}, {"move": {"to": "suspended"}}, {"retire": True}, {"restore": True}):
        body = {"layer": layer, "reason": "x", "mode": "check", **act}
        yield lambda client, item, body=body: client.post(
            "/api/bulk", json={**body, "rows": [{"id": str(item), "version": 1}]}
        )
    yield lambda client, item: client.post(
        "/ogc/collections/works/items", json={"title": "x", "kind": "repair", "link": str(item)}
    )


def plain_text(answer, item):
    """Status, headers and body of an answer, without request id, date and the requested id."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return f"{answer.status_code} {json.dumps(headers)} {answer.text}".replace(str(item), "…")


SQL_INJECTIONS = [
    "'; set role cotmoc_office; --",
    "1 OR 1=1",
    "%27 or true --",
    "\\u0027",
    "') or level > 'public' --",
    "{{7*7}}",
]
