"""Moments at both ends of the calendar, where another UTC offset or a span of days leaves it, are refused."""

import json

import pytest

from tests.api.http.bad_input import INCIDENTS, JSON, assert_refused
from tests.factories import incident

FIRST, LAST = "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"
BEYOND = ["0001-01-01", FIRST, "9999-12-31T23:59:59Z", LAST]
"""Moments that in UTC or in Vietnam time are not in the years 1 to 9999."""


@pytest.mark.parametrize("moment", BEYOND)
@pytest.mark.parametrize(
    "path",
    [
        "/api/changes?until=", "/api/changes?since=", "/changes?until=", "/changes?since=", "/changes?as_of=",
        "/api/readings?until=", "/api/readings?since=", "/readings?until=", "/board?as_of=", "/board?since=",
        "/markers?as_of=", "/?as_of=", f"{INCIDENTS}?as_of=", "/ogc/collections/incidents/changes?until=",
    ],
)  # fmt: skip
def test_moment_at_an_end_of_the_calendar_is_refused(path, moment, client):
    assert_refused(client.get(f"{path}{moment}"), 400)


@pytest.mark.parametrize("path", ["/api/changes?until=", "/changes?until=", "/api/readings?until="])
def test_week_before_until_must_be_in_the_calendar(path, client):
    for moment in ("0001-01-01T00:00:00Z", "0001-01-07"):
        assert_refused(client.get(f"{path}{moment}"), 400)
    assert client.get(f"{path}0001-01-09").status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "/api/changes?since=0001-01-02&until=9999-12-31", "/changes?since=0001-01-02&until=9999-12-31",
        "/board?as_of=9999-12-31", "/markers?as_of=0001-01-01T00:00:00Z", f"{INCIDENTS}?as_of=9999-12-31",
    ],
)  # fmt: skip
def test_first_and_last_moments_of_the_calendar_are_accepted(url, client):
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    "interval", ["0001-01-01/9999-12-31", "0001-01-01T00:00:00Z/9999-12-31T23:59:59Z", f"../{LAST}"]
)
def test_interval_may_reach_to_an_end_of_the_calendar(interval, client):
    incident(client)
    page = client.get(f"{INCIDENTS}?datetime={interval}&limit=1").json()
    assert page["numberReturned"] == 1


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", LAST])
def test_device_time_at_an_end_of_the_calendar_is_refused(moment, client):
    body = json.dumps({"category": "drainage", "place": {"text": "147/6"}})
    assert_refused(client.post(INCIDENTS, content=body, headers={**JSON, "X-Device-At": moment}), 400)


def test_stored_device_time_at_an_end_of_the_calendar_does_not_break_the_change_log(client, connect):
    created = incident(client)
    superuser = connect()
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update app.incidents_history set device_at = %s where id = %s", [LAST, created["id"]])
    page = client.get("/changes")
    assert page.status_code == 200
    assert "9999" in page.text
