"""Conformance of sorting (OGC API Features, Part 8), and paging in sort order."""

import datetime as dt
import random
import time
from urllib.parse import urlencode

import pytest

from gis.model.fields import Level
from gis.model.layer import catalog
from layers.incidents import Severity
from tests.api.ogc.documents import (
    COLLECTIONS,
    get_json,
    get_problem,
    ids,
)
from tests.factories import create, incident, minimal_body, patch


@pytest.mark.requirement("ogcapi-features-8/1.0/sortables", "get-sortables-response")
@pytest.mark.requirement("ogcapi-features-8/1.0/sorting", "sortby-definition sortby-response")
@pytest.mark.requirement("ogcapi-features-8/1.0/features-sorting", "sortby")
@pytest.mark.parametrize("layer", ["gates", "works", "incidents"])
def test_sortby_orders_by_every_sortable_and_pages_in_that_order(layer, client):
    """/req/sortables/get-sortables-success, /req/sorting/sortby-definition, sortby-response, /req/features-sorting."""
    if layer == "incidents":
        for level, severity in zip(reversed(Level), reversed(Severity), strict=True):
            incident(client, level=level, severity=severity)
    url = f"{COLLECTIONS}/{layer}/items"
    whole = get_json(client, url, limit=10000)["features"]
    for name in get_json(client, f"{COLLECTIONS}/{layer}/sortables")["properties"]:
        ordered = ids(client, url, sortby=name)
        assert sorted(ordered) == sorted(feature["id"] for feature in whole)
        assert ids(client, url, sortby=f"+{name}") == ordered
        values = {feature["id"]: feature["properties"][name] for feature in whole}
        ascending = [values[feature_id] for feature_id in ordered]
        descending = [values[feature_id] for feature_id in ids(client, url, sortby=f"-{name}")]
        known_ascending = [value for value in ascending if value is not None]
        known_descending = [value for value in descending if value is not None]
        assert known_ascending == known_descending[::-1], name
        assert [value for value in ascending if value is None] == ascending[len(ascending) - ascending.count(None) :], (
            name
        )
        if known_ascending and isinstance(known_ascending[0], int | float):
            assert known_ascending == sorted(known_ascending)
        if (scale := catalog[layer].fields[name].ordered_codes) is not None:
            ranks = [list(scale).index(scale(value)) for value in ascending]
            assert ranks == sorted(ranks), name
        walked, more = [], f"{url}?{urlencode({'sortby': f'-{name}', 'limit': 97})}"
        while more:
            page = get_json(client, more)
            walked += [feature["id"] for feature in page["features"]]
            more = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        assert walked == ids(client, url, sortby=f"-{name}"), name
    allowed = get_problem(client, url, sortby="geometry", lang="en")["detail"].partition("Allowed: ")[2].split(", ")
    assert allowed == list(get_json(client, f"{COLLECTIONS}/{layer}/sortables")["properties"])
    default = get_json(client, f"{COLLECTIONS}/{layer}")["defaultSortOrder"]
    assert ids(client, url, sortby=",".join(default)) == [feature["id"] for feature in whole]


@pytest.mark.parametrize("key", ["label", "-label", "updated_at", "-version"])
def test_unchanged_rows_are_paged_once_during_changes(key, client):
    """Between any two pages a row is created, one is retired, and the sort keys of rows change."""
    posts = f"{COLLECTIONS}/posts/items"
    created = [create(client, "posts", **minimal_body(catalog["posts"], label=f"{key} {n % 5}")) for n in range(16)]
    unchanged, changing = {post["id"] for post in created[::2]}, created[1::2]
    walked, more = [], f"{posts}?{urlencode({'limit': 3, 'sortby': key, 'count': 'exact'})}"
    while more:
        page = get_json(client, more)
        walked += [feature["id"] for feature in page["features"]]
        more = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        if len(walked) < 60:  # else rows created after the cursor would keep the pages coming
            create(client, "posts", **minimal_body(catalog["posts"], label=f"{key} 2"))
        if changing and len(walked) < 60:
            patch(client, "posts", changing[-1], label=f"{key} {len(walked) % 7}")
            retired = changing.pop(0)
            tag = client.get(f"{posts}/{retired['id']}").headers["etag"]
            assert client.delete(f"{posts}/{retired['id']}", headers={"If-Match": tag}).status_code == 204
    assert sorted(feature_id for feature_id in walked if feature_id in unchanged) == sorted(unchanged)


def test_as_of_agrees_with_a_python_model_of_past_states(client):
    """A random history compared with a model in Python: bbox, filter, sorting and paging at eight past times."""
    dice = random.Random(20260101)
    posts = f"{COLLECTIONS}/posts/items"
    now, moments = {}, []
    for step in range(64):
        act = dice.choice(["make", "make", "change", "move", "retire"]) if now else "make"
        place = {"type": "Point", "coordinates": [round(dice.uniform(105.85, 106.0), 4), 11.69]}
        if act == "make":
            created = create(client, "posts", border="VN-KH", section="168–168/2", label=f"cọc {step}", geometry=place)
            now[created["id"]] = {"label": f"cọc {step}", "lon": place["coordinates"][0]}
        else:
            post_id = dice.choice(sorted(now))
            if act == "retire":
                tag = client.get(f"{posts}/{post_id}").headers["etag"]
                assert client.delete(f"{posts}/{post_id}", headers={"If-Match": tag}).status_code == 204
                del now[post_id]
            else:
                change = {"label": f"sửa {step}"} if act == "change" else {"geometry": place}
                answer = patch(client, "posts", {"id": post_id}, **change)
                assert answer.status_code == 200, answer.text
                values = {"label": f"sửa {step}"} if act == "change" else {"lon": place["coordinates"][0]}
                now[post_id] = {**now[post_id], **values}
        if step % 8 == 7:
            moments.append((current_time(), dict(now)))
    for when, model in moments:
        mine = {"as_of": when, "filter": "section = '168–168/2' AND (label LIKE 'cọc%' OR label LIKE 'sửa%')"}
        assert set(ids(client, posts, **mine)) == set(model)
        changed = {post_id for post_id, row in model.items() if row["label"].startswith("sửa")}
        assert set(ids(client, posts, as_of=when, filter="label LIKE 'sửa%'")) == changed
        west = {post_id for post_id, row in model.items() if row["lon"] <= 105.93}
        assert set(ids(client, posts, **mine, bbox="105,11,105.93,12")) == west
        walked, more = [], f"{posts}?{urlencode({**mine, 'limit': 3, 'sortby': '-label'})}"
        while more:
            page = get_json(client, more)
            walked += [(feature["id"], feature["properties"]["label"]) for feature in page["features"]]
            more = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        assert sorted(walked) == sorted((post_id, row["label"]) for post_id, row in model.items())


def current_time():
    """The present time, strictly between the previous and the next change."""
    time.sleep(0.002)
    text = dt.datetime.now(dt.UTC).isoformat()
    time.sleep(0.002)
    return text


def test_repeated_sort_keys_count_once(client):
    url = f"{COLLECTIONS}/markers/items"
    once = get_json(client, url, sortby="-number,border", limit=5)
    often = get_json(client, url, sortby=",".join(["-number", "border", "number", "+border"] * 50), limit=5)
    assert often["features"] == once["features"]
    cursor = next(link["href"] for link in often["links"] if link["rel"] == "next")
    assert client.get(cursor).status_code == 200
