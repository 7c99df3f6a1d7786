"""Routes, readers and parameters that the leak tests ask with."""

import json
import uuid

import pytest

from gis.db.actors import Actor
from layers.policy import ASSIGNABLE_ROLES
from tests import leak_markers
from tests.leak_markers import UNIT_A, UNIT_B

WRITING = {
    ("POST", "/ogc/collections/{layer}/items"): {"properties": {}},
    ("PUT", "/ogc/collections/{layer}/items/{item}"): {"source": "x"},
    ("PATCH", "/ogc/collections/{layer}/items/{item}"): {"source": "x"},
    ("DELETE", "/ogc/collections/{layer}/items/{item}"): None,
    ("POST", "/ogc/collections/{layer}/items/{item}/moves"): {"to": "x", "reason": "x"},
    ("POST", "/ogc/collections/{layer}/items/{item}/links"): {"at": "9001", "border": "VN-KH", "role": "site"},
    ("DELETE", "/ogc/collections/{layer}/items/{item}/links/{link_id}"): None,
    ("POST", "/ogc/collections/gates/items/{item}/events"): {"kind": "note", "on": "2026-01-01", "note": "x"},
    ("POST", "/ogc/collections/works/items/{item}/steps"): {"code": "notice", "on": "2026-01-01"},
    ("OPTIONS", "/ogc/collections/{layer}/items"): None,
    ("OPTIONS", "/ogc/collections/{layer}/items/{item}"): None,
}
"""The writing doors of features, with what is brought to them."""

OF_RELEASES = {
    ("POST", "/api/releases"), ("POST", "/api/releases/{release}/versions"),
    ("PUT", "/api/releases/{release}/versions/{number}"),
    ("POST", "/api/releases/{release}/versions/{number}/moves"),
}  # fmt: skip
"""The writing doors of releases, which have tests of their own."""

OF_ACCOUNTS = {
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
"""The doors of accounts, which no token opens: they ask for somebody who has signed in."""

OPEN = {
    ("GET", "/healthz"), ("GET", "/signin"), ("GET", "/signin/password"), ("POST", "/signin"),
    ("POST", "/signin/password"), ("GET", "/signin/oidc"), ("GET", "/signin/oidc/callback"), ("*", "/static"),
}  # fmt: skip
"""What answers to anybody."""

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
"""Whom each answer is judged for. A partner may know of what was released and nothing else, a stranger of nothing."""

OFFERED = ("incidents", "markers", "works", "tasks")
"""Layers that all change who see them, or some, or some in some columns only."""

LIKE_ANOTHER = ("administrator", "planner", "partner", "anonymous")
"""Who reads as another does, or nothing: each door is asked, but not for every row."""

everybody = pytest.mark.parametrize("who", ACTORS)
everybody_inside = pytest.mark.parametrize("who", [name for name, actor in ACTORS.items() if actor is not None])


def query_forms(layer, *, writing):
    base = f"/ogc/collections/{layer}/items/"
    matched = {"If-Match": '"1-0123456789abcdef"'}
    for tail in ("", "?f=html", "?as_of=2030-01-01", "/history", "/links"):
        yield lambda client, item, tail=tail: client.get(f"{base}{item}{tail}")
    for own_value, tail in (("gates", "/events"), ("works", "/steps")):
        if layer == own_value:
            yield lambda client, item, tail=tail: client.get(f"{base}{item}{tail}")
    if not writing:
        return
    for (method, path), body in WRITING.items():
        if "{item}" not in path or ("/items/{item}" in path and "{layer}" not in path and layer not in path):
            continue
        tail = path.partition("{item}")[2].replace("{link_id}", str(uuid.UUID(int=7, version=4)))
        yield lambda client, item, method=method, tail=tail, body=body: client.request(
            method, f"{base}{item}{tail}", json=body, headers=matched
        )
    yield lambda client, item: client.post(
        "/ogc/collections/works/items", json={"title": "x", "kind": "repair", "link": str(item)}
    )


def plain_text(answer, query):
    """An answer without what tells one request from another."""
    head = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return f"{answer.status_code} {json.dumps(head)} {answer.text}".replace(str(query), "…")


INJECTED = [
    "'; set role cotmoc_office; --",
    "1 OR 1=1",
    "%27 or true --",
    "\\u0027",
    "') or level > 'public' --",
    "{{7*7}}",
]
