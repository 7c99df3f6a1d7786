"""FastAPI dependencies: the actor and the language of a request."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any

from fastapi import Depends, Request

from gis.accounts import Principal
from gis.db import Actor
from gis.text import Language


def requested_language(request: Request) -> Language | None:
    """The language that was asked for: ``?lang=``, else the cookie of the last choice."""
    asked = request.query_params.get("lang") or request.cookies.get("lang")
    if asked not in ("vi", "en"):
        return None
    return "en" if asked == "en" else "vi"


def page_language(request: Request) -> Language:
    """A page is Vietnamese until a reader chooses: an office's browser is often set to English by its installer."""
    return requested_language(request) or "vi"


def language_of(request: Request) -> Language:
    """The language of an answer to a program: the one chosen, else what ``Accept-Language`` prefers."""
    if chosen := requested_language(request):
        return chosen
    for preferred in request.headers.get("accept-language", "").lower().split(","):
        name = preferred.split(";")[0].strip()[:2]
        if name in ("vi", "en"):
            return "en" if name == "en" else "vi"
    return "vi"


def actor_of(request: Request) -> Actor:
    """In whose name this request acts; the doorkeeper has found out."""
    actor: Actor = request.state.actor
    return actor


def principal_of(request: Request) -> Principal | None:
    """Who has come in; None while everybody at this machine acts as the office."""
    guest: Principal | None = request.state.principal
    return guest


def inline_dependency(read: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A dependency that only looks at the request, run where the request is instead of in a thread of its own."""

    @wraps(read)
    async def reading(*arguments: Any, **named: Any) -> Any:
        return read(*arguments, **named)

    return reading


ActorParam = Annotated[Actor, Depends(inline_dependency(actor_of))]
LanguageParam = Annotated[Language, Depends(inline_dependency(language_of))]
PageLanguageParam = Annotated[Language, Depends(inline_dependency(page_language))]
