"""Doors that are opened often: what they ask of a request is read off it directly, and the way to them is short.

FastAPI solves a door's dependencies anew for every request. Where all of them only look at the request (``at_once``)
and take words of its path, what there is to solve is known beforehand; any other door is left to FastAPI. Of these,
the ones that are asked where the request is, without a thread, are found by their path alone (``Straight``).
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from api.http.asgi import ASGIApp, Receive, Scope, Send
from gis.text import Refusal

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class FastRoute(APIRoute):
    """A route that reads its parameters itself where it can. ``straight`` answers where the request is, if it does."""

    fast_handler: Handler | None = None

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, or the direct one."""
        if not _reads_request_only(self.dependant) or not _returns_response(self.response_class):
            return super().get_route_handler()
        read, answer = _argument_reader(self.dependant), self.dependant.call
        answering = answer if iscoroutinefunction(answer) else _in_thread(answer)

        async def handle(request: Request) -> Response:
            return await answering(**read(request, {}))

        if iscoroutinefunction(answer) and self.methods == {"GET"}:
            self.fast_handler = handle
        return handle


class FastRouteMiddleware:
    """The short way to the doors that are opened most, past the routing, whose layers cost as much as the answer."""

    def __init__(
        self, app: ASGIApp, routers: Iterable[APIRouter], refuse: Callable[[Request, Refusal], Response]
    ) -> None:
        self.app, self.refuse = app, refuse
        self.routes = [
            (door.path_regex, door.fast_handler)
            for router in routers
            for door in router.routes
            if isinstance(door, FastRoute) and door.fast_handler is not None
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at a door that is known, or pass on."""
        if scope["type"] == "http" and scope["method"] == "GET" and not scope.get("root_path"):
            for path, handle in self.routes:
                if found := path.fullmatch(scope["path"]):
                    scope["path_params"] = found.groupdict()
                    answer = await self._respond(handle, Request(scope, receive))
                    await answer(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _respond(self, handle: Handler, request: Request) -> Response:
        try:
            return await handle(request)
        except Refusal as refusal:
            return self.refuse(request, refusal)


def _in_thread(endpoint: Any) -> Callable[..., Awaitable[Response]]:
    def answering(**values: Any) -> Awaitable[Response]:
        return run_in_threadpool(endpoint, **values)

    return answering


def _returns_response(response_class: Any) -> bool:
    """Whether a door says that it returns a finished answer."""
    return response_class is Response


def _reads_request_only(dependant: Dependant) -> bool:
    """Whether a door, and all that it depends on, takes the request and words of its path and nothing else."""
    return all(
        not (one.query_params or one.header_params or one.cookie_params or one.body_params)
        and all(word.field_info.annotation is str for word in one.path_params)
        and (one is dependant or hasattr(one.call, "__wrapped__"))
        for one in _all_dependants(dependant)
    )


def _all_dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _all_dependants(one)


def _argument_reader(dependant: Dependant) -> Callable[[Request, dict[Any, Any]], dict[str, Any]]:
    """What reads the arguments of a door, or of what it depends on, off a request: each thing once a request."""
    words, itself = [word.name for word in dependant.path_params], dependant.request_param_name
    needs = [(one.name, one.call, one.call.__wrapped__, _argument_reader(one)) for one in dependant.dependencies]  # type: ignore[union-attr]

    def read(request: Request, known: dict[Any, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {word: request.path_params[word] for word in words}
        if itself is not None:
            values[itself] = request
        for name, call, take, arguments in needs:
            if call not in known:
                known[call] = take(**arguments(request, known))
            if name is not None:
                values[name] = known[call]
        return values

    return read
