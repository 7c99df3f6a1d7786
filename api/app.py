"""``create_app`` builds the application from its routers and middleware; importing this module opens nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

import layers  # noqa: F401 - registers the layers in the catalogue
from api.auth import account, oidc, people, sign_in, tokens
from api.http import errors, negotiation, parameters
from api.http.browser_files import BrowserFiles
from api.http.protocol import HeadMiddleware
from api.http.security import SecurityMiddleware
from api.ogc import (
    child_rows,
    collection,
    feature_commands,
    items,
    landing,
    nearby,
    openapi,
    partner_releases,
    schemas,
    tiles,
    write,
)
from api.pages import board, lists, new_feature, pages, releases as release_pages
from api.rest import (
    access_log,
    basemap,
    bulk,
    change_feed,
    export,
    layers as layer_descriptions,
    locate,
    releases,
)
from api.settings import Settings
from gis.accounts import Accounts
from gis.db import Database
from gis.model import catalog
from maps.assets import static_folder

GZIP_MINIMUM_BYTES = 1000

POOL_SIZE, MINIMUM_POOL_SIZE = 8, 2
"""Open connections of the pools of all processes together, and the least of one process; twice as many under load."""

ROUTER_MODULES = (
    items,
    tiles,
    locate,
    landing,
    collection,
    schemas,
    openapi,
    write,
    feature_commands,
    nearby,
    child_rows,
    bulk,
    export,
    layer_descriptions,
    basemap,
    new_feature,
    pages,
    board,
    change_feed,
    releases,
    release_pages,
    partner_releases,
    access_log,
    sign_in,
    oidc,
    account,
    people,
    tokens,
)
"""In the order in which routes are matched: those that are requested most come first."""

CONFORMANCE_MODULES = (items, negotiation, openapi, parameters, schemas, write, tiles)
"""Modules that declare conformance classes."""


def create_app(
    settings: Settings | None = None, database: Database | None = None, accounts: Accounts | None = None
) -> FastAPI:
    """The application. Without ``settings``, they are read from the environment.

    Without ``database`` and ``accounts``, it opens those of the settings, and closes on shutdown what it has opened.
    """
    settings = settings or Settings()
    pool_size = max(MINIMUM_POOL_SIZE, POOL_SIZE // settings.workers)
    app_database = database or Database(
        settings.reader_url, settings.writer_url, settings.partner_url, pool_size=pool_size
    )
    app_accounts = accounts or Accounts(settings.accounts_url, pool_size=max(1, pool_size // 2))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        export.remove_stale_spools()
        yield
        if accounts is None:
            app_accounts.dispose()
        if database is None:
            app_database.dispose()

    app = FastAPI(title="Cột Mốc", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.database, app.state.accounts = settings, app_database, app_accounts
    app.state.provider = oidc.Provider(settings) if settings.oidc_issuer else None
    errors.install_error_handlers(app)
    app.state.routers, app.state.openapi_documents = [module.router for module in ROUTER_MODULES], {}
    for router in app.state.routers:
        app.include_router(router)
    app.state.conforms_to = [uri for module in CONFORMANCE_MODULES for uri in module.CONFORMS_TO]

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Liveness: whether the process answers, without a query to the database."""
        return {"status": "ok"}

    app.mount("/static", BrowserFiles(directory=static_folder()), name="static")
    routes = [*app.routes, *(route for router in app.state.routers for route in router.routes)]
    lists.refuse_reserved_names([getattr(route, "path", "") for route in routes], catalog)
    app.include_router(lists.router)  # last: the name of a layer is what no other path begins with
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_MINIMUM_BYTES, compresslevel=3)
    app.add_middleware(SecurityMiddleware, settings=settings, accounts=app_accounts, refuse=errors.error_response)
    app.add_middleware(HeadMiddleware)
    return app
