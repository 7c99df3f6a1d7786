"""Fixtures of the tests of HTTP."""

import pytest

from tests.api.http.bad_input import AREAS, INCIDENTS


@pytest.fixture
def no_rows_remain(client):
    """Fails the test if it has changed the number of incidents or areas."""

    def counts():
        return [client.get(items, params={"limit": 10000}).json()["numberMatched"] for items in (INCIDENTS, AREAS)]

    before = counts()
    yield
    assert counts() == before
