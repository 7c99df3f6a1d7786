"""Collections, geometries and assertions of the tests of bad input."""

INCIDENTS, AREAS = "/ogc/collections/incidents/items", "/ogc/collections/areas/items"
JSON = {"Content-Type": "application/json"}


def point(*coordinates):
    return {"type": "Point", "coordinates": list(coordinates)}


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [list(ring) for ring in rings]}


SQUARE = [[106, 11.5], [106.1, 11.5], [106.1, 11.6], [106, 11.6], [106, 11.5]]


def assert_refused(answer, status, field=None, code=None):
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert "psycopg" not in answer.text
    if field is not None:
        faults = [(error["field"], error["code"]) for error in answer.json()["errors"]]
        assert (field, code) in faults, answer.text[:500]


def post_raw(client, body):
    return client.post(INCIDENTS, content=body if isinstance(body, bytes) else body.encode(), headers=JSON)
