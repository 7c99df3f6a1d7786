"""The application as a whole: what it opens and closes."""

import asyncio

import pytest

from api import app as application
from gis.accounts.authentication import Accounts
from gis.db.session import Database


def start_and_stop(app):
    """Run the lifespan of an application."""

    async def run():
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(run())


@pytest.fixture
def disposed(monkeypatch):
    """The objects whose pools were closed."""
    objects = []
    for kind in (Accounts, Database):

        def dispose(self, close=kind.dispose):
            objects.append(self)
            close(self)

        monkeypatch.setattr(kind, "dispose", dispose)
    return objects


def test_application_closes_what_it_has_opened(settings, disposed):
    app = application.create_app(settings)
    start_and_stop(app)
    assert disposed == [app.state.accounts, app.state.database]


def test_application_leaves_open_what_its_caller_has_opened(settings, database, accounts, disposed):
    for passed in ({"database": database}, {"accounts": accounts}, {"database": database, "accounts": accounts}):
        disposed.clear()
        app = application.create_app(settings, **passed)
        start_and_stop(app)
        opened = {"accounts": app.state.accounts, "database": app.state.database}
        assert disposed == [opened[name] for name in opened if name not in passed]
