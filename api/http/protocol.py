"""The HTTP protocol of the server: buffered responses, problem details for invalid HTTP, and HEAD requests."""

from asyncio import AbstractEventLoop, Transport
from collections.abc import MutableMapping
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http.asgi import ASGIApp, Receive, Scope, Send
from api.http.errors import problem_response
from api.http.security import SECURITY_HEADERS
from gis.text import Malformed, Text

NOT_HTTP = Malformed(Text("Không phải yêu cầu HTTP hợp lệ", "This is not a valid HTTP request"))

FLUSH_BYTES: Final = 64 * 1024
"""Size of the buffer at which it is flushed."""


class BufferedTransport:
    """A transport that joins the writes of one turn of the event loop, so that head and body go out in one segment."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._buffer: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Buffer ``data`` until the response is complete, the buffer is full or the event loop turns."""
        if not self._buffer:
            self._loop.call_soon(self.flush)
        self._buffer.append(data)
        self._size += len(data)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the buffer to the transport."""
        parts, self._buffer, self._size = self._buffer, [], 0
        if parts and not self._transport.is_closing():
            self._transport.writelines(parts)

    def close(self) -> None:
        """Flush the buffer, then close the transport."""
        self.flush()
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """The HTTP protocol of uvicorn with a buffered transport and problem details for invalid requests."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wrap the transport in a ``BufferedTransport``."""
        self.buffered = BufferedTransport(transport, self.loop)
        super().connection_made(cast("Transport", self.buffered))

    def on_response_complete(self) -> None:
        """Flush the buffer at the end of a response."""
        self.buffered.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP with problem details and close; in Vietnamese, as the headers could not be read."""
        response = problem_response(NOT_HTTP, "vi")
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        response.headers["connection"] = "close"
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
        self.transport.write(STATUS_LINE[400] + headers + b"\r\n" + bytes(response.body))
        self.transport.close()


class HeadMiddleware:
    """HEAD (RFC 9110, 9.3.2) for every route that answers GET.

    The request is handled as a GET. Once the headers are sent, the application receives ``http.disconnect``, so that it
    ends a long download.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle HEAD as GET and send only the headers."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        headers_sent = False

        async def receive_or_disconnect() -> MutableMapping[str, Any]:
            return {"type": "http.disconnect"} if headers_sent else await receive()

        async def send_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal headers_sent
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})
                headers_sent = True

        await self.app({**scope, "method": "GET"}, receive_or_disconnect, send_headers)
