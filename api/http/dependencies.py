"""FastAPI dependencies: what handlers take of a request, together as a ``Call`` or one by one.

The routes that are requested most take only the request, and read the parts that they need with the functions here.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import QueryParams

from api.http.query import moment_of
from gis.accounts import Principal
from gis.db import Actor, Database, Session
from gis.text import Language

DEVICE_TIME = "X-Device-At"
"""Header with the time at which the user saved a change, by the clock of the device (RFC 3339)."""


def requested_language(request: Request) -> Language | None:
    """The language chosen with ``?lang=``, else the one stored in the ``lang`` cookie; None if there is neither."""
    language = request.query_params.get("lang") or request.cookies.get("lang")
    if language not in ("vi", "en"):
        return None
    return "en" if language == "en" else "vi"


def page_language(request: Request) -> Language:
    """The language of a page: the one chosen, else Vietnamese.

    Pages ignore ``Accept-Language``, because browsers in the offices are often installed with English settings.
    """
    return requested_language(request) or "vi"


def language_of(request: Request) -> Language:
    """The language of a machine-readable response: the one chosen, else that of ``Accept-Language``.

    The first of ``vi`` and ``en`` in the header counts, whatever the weights; Vietnamese if there is neither.
    """
    if chosen := requested_language(request):
        return chosen
    for preferred in request.headers.get("accept-language", "").lower().split(","):
        name = preferred.split(";")[0].strip()[:2]
        if name in ("vi", "en"):
            return "en" if name == "en" else "vi"
    return "vi"


def actor_of(request: Request) -> Actor:
    """The actor of the request, set by ``SecurityMiddleware``."""
    actor: Actor = request.state.actor
    return actor


def principal_of(request: Request) -> Principal | None:
    """The authenticated account or token; None while no account exists and loopback requests act as the office."""
    principal: Principal | None = request.state.principal
    return principal


def database_of(request: Request) -> Database:
    """The database, bound to the id of the request and to ``DEVICE_TIME``, which the journal stores."""
    database: Database = request.app.state.database
    device_time = moment_of(request.headers.get(DEVICE_TIME), DEVICE_TIME)
    return database.for_request(request.state.request_id, device_time.isoformat() if device_time else None)


@dataclass(frozen=True)
class Call:
    """One call of a handler: the request, its actor, the database bound to it, and the language of the response.

    ``principal`` is the authenticated account or token; None while no account exists.
    """

    request: Request
    actor: Actor
    principal: Principal | None
    database: Database
    language: Language

    @property
    def query(self) -> QueryParams:
        """The query parameters."""
        return self.request.query_params

    def reading(self) -> AbstractContextManager[Session]:
        """A read-only transaction of the actor."""
        return self.database.transaction(self.actor)

    def writing(self, reason: str | None = None) -> AbstractContextManager[Session]:
        """A write transaction of the actor; the journal stores the reason of the change."""
        return self.database.transaction(self.actor, write=True, reason=reason)


def inline_dependency(read: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Turn a synchronous dependency into an asynchronous one, so that FastAPI does not start a thread for it.

    Only for dependencies that read the request and never block.
    """

    @wraps(read)
    async def wrapper(*arguments: Any, **keywords: Any) -> Any:
        return read(*arguments, **keywords)

    return wrapper


def call_of(read_language: Callable[[Request], Language]) -> Callable[..., Awaitable[Call]]:
    """The dependency that gives handlers their ``Call``, in the language that ``read_language`` reads."""

    def read(request: Request) -> Call:
        actor, principal = actor_of(request), principal_of(request)
        return Call(request, actor, principal, database_of(request), read_language(request))

    return inline_dependency(read)


ActorParam = Annotated[Actor, Depends(inline_dependency(actor_of))]
LanguageParam = Annotated[Language, Depends(inline_dependency(language_of))]
PageLanguageParam = Annotated[Language, Depends(inline_dependency(page_language))]
DatabaseParam = Annotated[Database, Depends(inline_dependency(database_of))]
CallParam = Annotated[Call, Depends(call_of(language_of))]
PageCallParam = Annotated[Call, Depends(call_of(page_language))]
