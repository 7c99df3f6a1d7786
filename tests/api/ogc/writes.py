"""Writes to the OGC API, and assertions about refusals."""

from tests.factories import transition

ITEMS = "/ogc/collections/{}/items"


def url_of(layer, feature):
    return f"{ITEMS.format(layer)}/{feature['id']}"


def properties(client, layer, feature):
    return client.get(url_of(layer, feature)).json()["properties"]


def assert_refused(answer, status, field=None, code=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    if field is not None:
        assert (field, code) in [(error["field"], error["code"]) for error in problem["errors"]], problem
    return problem


def apply_transitions(client, layer, feature, *steps):
    for to in steps:
        answer = transition(client, layer, feature, to)
        assert answer.status_code == 200, answer.text
