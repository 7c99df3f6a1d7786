"""Reading items, links and pages as a client does."""

COLLECTIONS = "/ogc/collections"


def items(client, layer, **parameters):
    """A page of the items of a layer."""
    answer = client.get(f"{COLLECTIONS}/{layer}/items", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def link(document, rel):
    """The URL of the link with this relation type, or None."""
    return next((link_["href"] for link_ in document["links"] if link_["rel"] == rel), None)


def walk(client, url):
    """All features of a page and of those after it, by the link ``next``."""
    features = []
    while url is not None:
        page = client.get(url).json()
        features += page["features"]
        url = link(page, "next")
    return features
