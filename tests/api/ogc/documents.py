"""Reads JSON documents of the OGC API and follows their links."""

OGC = "/ogc"

COLLECTIONS = f"{OGC}/collections"

INCIDENTS, MARKERS = f"{COLLECTIONS}/incidents/items", f"{COLLECTIONS}/markers/items"

GEOJSON = "application/geo+json"

EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"


def get_json(client, url, **parameters):
    """The JSON document at a URL; fails the test if there is none."""
    answer = client.get(url, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get_problem(client, url, **parameters):
    """The problem details of a request that must be refused as malformed."""
    answer = client.get(url, params=parameters)
    assert answer.status_code == 400, (parameters, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def href(document, rel):
    """The URL of the link with this relation type."""
    matching = [link for link in document["links"] if link["rel"] == rel]
    assert matching, (rel, document["links"])
    return matching[0]["href"]


def ids(client, url=MARKERS, **parameters):
    """The ids of all features that match, on a single page."""
    page = get_json(client, url, **{"limit": 10000, **parameters})
    assert not [link for link in page["links"] if link["rel"] == "next"]
    return [feature["id"] for feature in page["features"]]
