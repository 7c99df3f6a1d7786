"""The routes that are requested most are ordinary routes, matched first."""


def test_hot_routes_refuse_with_problem_details_and_answer_head(client):
    for path in ("/ogc/collections/nothing/items", "/ogc/collections/incidents/items?nothing=1"):
        refused = client.get(path, headers={"Accept-Language": "en"})
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["x-content-type-options"] == "nosniff"
    assert client.put("/ogc/collections/markers/items", json={}).status_code == 405
    head = client.head("/ogc/collections/markers/items?limit=1")
    assert head.status_code == 200
    assert not head.content
