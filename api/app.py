"""The application: every door in one place. ``create_app(settings)`` makes it; nothing is made at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

import layers  # noqa: F401 - fills the catalog
from api.auth import account, oidc, people, sign_in as signin
from api.http import errors, negotiation, parameters as params
from api.http.browser_files import BrowserFiles
from api.http.fast_route import FastRouteMiddleware
from api.http.protocol import HeadMiddleware
from api.http.security import SecurityMiddleware
from api.ogc import (
    items as features,
    openapi as description,
    partner_releases as received,
    schemas,
    tiles,
    write as changes,
)
from api.pages import pages, releases as release_pages
from api.rest import (
    access_log as readings,
    basemap,
    change_feed as past,
    export as exports,
    layers as cards,
    locate,
    releases,
)
from api.settings import Settings
from gis.accounts import Accounts
from gis.db import Database
from maps.assets import static_folder

GZIP_MINIMUM_BYTES = 1000

POOL_SIZE, MINIMUM_POOL_SIZE = 8, 2
"""Connections that a pool keeps, with as many again when it is busy: of all processes together, and of one at least."""


def create_app(
    settings: Settings | None = None, database: Database | None = None, accounts: Accounts | None = None
) -> FastAPI:
    """The application over ``database``, or over the one that the settings name."""
    settings = settings or Settings()
    owned = database is None
    share = max(MINIMUM_POOL_SIZE, POOL_SIZE // settings.workers)
    served = database or Database(settings.reader_url, settings.writer_url, settings.partner_url, pool_size=share)
    known = accounts or Accounts(settings.door_url, pool_size=max(1, share // 2))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        exports.remove_stale_spools()
        yield
        known.dispose()
        if owned:
            served.dispose()

    app = FastAPI(title="Cột Mốc", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.database, app.state.accounts = settings, served, known
    app.state.provider = oidc.Provider(settings) if settings.oidc_issuer else None
    errors.install_error_handlers(app)
    doors = (
        features,
        schemas,
        description,
        tiles,
        changes,
        locate,
        exports,
        cards,
        basemap,
        pages,
        past,
        releases,
        release_pages,
        received,
        readings,
        signin,
        oidc,
        account,
        people,
    )
    for door in doors:
        app.include_router(door.router)
    app.state.routers, app.state.openapi_documents = [door.router for door in doors], {}
    declaring = (features, negotiation, description, params, schemas, changes, tiles)
    app.state.conforms_to = [one for door in declaring for one in door.CONFORMS_TO]

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Whether the process answers; it does not ask the database."""
        return {"status": "ok"}

    app.mount("/static", BrowserFiles(directory=static_folder()), name="static")
    app.add_middleware(FastRouteMiddleware, routers=app.state.routers, refuse=errors.error_response)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_MINIMUM_BYTES, compresslevel=3)
    app.add_middleware(SecurityMiddleware, settings=settings, accounts=known, refuse=errors.error_response)
    app.add_middleware(HeadMiddleware)
    return app
