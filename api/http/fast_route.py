"""Fast routes: shorter dispatch for the routes that are requested most.

FastAPI solves the dependencies of a route for every request. If all of them only read the request
(``inline_dependency``) and the parameters of the path, they can be solved once, when the application starts:
``FastRoute`` does that; FastAPI still handles all other endpoints. ``FastRouteMiddleware`` calls the asynchronous GET
endpoints among the fast routes without the router.
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
    """A route that, if its dependencies allow it, reads its arguments from the request without FastAPI's solver.

    ``fast_handler`` is set if the endpoint can be called on the event loop without the router, else it is None.
    """

    fast_handler: Handler | None = None

    def get_route_handler(self) -> Handler:
        """The direct handler if the endpoint allows it, else FastAPI's own."""
        if not _reads_request_only(self.dependant) or not _returns_response(self.response_class):
            return super().get_route_handler()
        read_arguments, endpoint = _argument_reader(self.dependant), self.dependant.call
        call = endpoint if iscoroutinefunction(endpoint) else _in_thread(endpoint)

        async def handle(request: Request) -> Response:
            return await call(**read_arguments(request, {}))

        if iscoroutinefunction(endpoint) and self.methods == {"GET"}:
            self.fast_handler = handle
        return handle


class FastRouteMiddleware:
    """Dispatches GET requests to fast routes by path alone, since FastAPI's router takes as long as the endpoint."""

    def __init__(
        self, app: ASGIApp, routers: Iterable[APIRouter], refuse: Callable[[Request, Refusal], Response]
    ) -> None:
        self.app, self.refuse = app, refuse
        self.routes = [
            (route.path_regex, route.fast_handler)
            for router in routers
            for route in router.routes
            if isinstance(route, FastRoute) and route.fast_handler is not None
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the first fast route that matches, else the next application."""
        if scope["type"] == "http" and scope["method"] == "GET" and not scope.get("root_path"):
            for path, handle in self.routes:
                if match := path.fullmatch(scope["path"]):
                    scope["path_params"] = match.groupdict()
                    response = await self._respond(handle, Request(scope, receive))
                    await response(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _respond(self, handle: Handler, request: Request) -> Response:
        try:
            return await handle(request)
        except Refusal as refusal:
            return self.refuse(request, refusal)


def _in_thread(endpoint: Any) -> Callable[..., Awaitable[Response]]:
    def call(**arguments: Any) -> Awaitable[Response]:
        return run_in_threadpool(endpoint, **arguments)

    return call


def _returns_response(response_class: Any) -> bool:
    """Whether the endpoint returns a ``Response`` itself, which it declares by ``response_class=Response``."""
    return response_class is Response


def _reads_request_only(dependant: Dependant) -> bool:
    """Whether an endpoint and all its dependencies take only the request and texts of the path."""
    return all(
        not (part.query_params or part.header_params or part.cookie_params or part.body_params)
        and all(parameter.field_info.annotation is str for parameter in part.path_params)
        and (part is dependant or hasattr(part.call, "__wrapped__"))
        for part in _all_dependants(dependant)
    )


def _all_dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _all_dependants(dependency)


def _argument_reader(dependant: Dependant) -> Callable[[Request, dict[Any, Any]], dict[str, Any]]:
    """A function that reads the arguments of an endpoint or dependency, and calls each dependency once per request."""
    path_names, request_name = [parameter.name for parameter in dependant.path_params], dependant.request_param_name
    dependencies = [
        (dependency.name, dependency.call, dependency.call.__wrapped__, _argument_reader(dependency))  # type: ignore[union-attr]
        for dependency in dependant.dependencies
    ]

    def read(request: Request, solved: dict[Any, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {name: request.path_params[name] for name in path_names}
        if request_name is not None:
            arguments[request_name] = request
        for name, call, function, read_arguments in dependencies:
            if call not in solved:
                solved[call] = function(**read_arguments(request, solved))
            if name is not None:
                arguments[name] = solved[call]
        return arguments

    return read
