"""Settings from environment variables."""

import pytest

from api.settings import Settings

OTHER_URLS = {"reader_url": "postgresql:///reader", "writer_url": "postgresql:///writer"}


@pytest.mark.parametrize("variable", ["COTMOC_ACCOUNTS_URL", "COTMOC_DOOR_URL"])
def test_accounts_url_is_read_from_its_variable_and_from_the_earlier_name(variable, monkeypatch):
    monkeypatch.setenv(variable, "postgresql:///accounts")
    assert Settings(**OTHER_URLS).accounts_url == "postgresql:///accounts"


def test_accounts_url_prefers_its_variable_to_the_earlier_name(monkeypatch):
    monkeypatch.setenv("COTMOC_DOOR_URL", "postgresql:///earlier")
    monkeypatch.setenv("COTMOC_ACCOUNTS_URL", "postgresql:///accounts")
    assert Settings(**OTHER_URLS).accounts_url == "postgresql:///accounts"
