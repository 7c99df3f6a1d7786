"""The wire before the doors: what is no HTTP is refused in the house's form, and HEAD is a GET without its body.

An answer's head and body leave in one piece.
"""

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
"""Bytes that are not held back any longer."""


class BufferedTransport:
    """A transport on which what is written at once leaves at once: the reader is woken once, not for each part."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._buffer: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold ``data`` until the answer is complete, enough has come together, or the loop turns."""
        if not self._buffer:
            self._loop.call_soon(self.flush)
        self._buffer.append(data)
        self._size += len(data)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        held, self._buffer, self._size = self._buffer, [], 0
        if held and not self._transport.is_closing():
            self._transport.writelines(held)

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """HTTP as uvicorn reads it, but for the words with which it refuses what it cannot read, and fewer writes."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to listen, and to write in one piece."""
        self.buffered = BufferedTransport(transport, self.loop)
        super().connection_made(cast("Transport", self.buffered))

    def on_response_complete(self) -> None:
        """The whole answer has been written."""
        self.buffered.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem and close; nobody has said yet in which language."""
        answer = problem_response(NOT_HTTP, "vi")
        for name, value in SECURITY_HEADERS.items():
            answer.headers[name] = value
        answer.headers["connection"] = "close"
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(STATUS_LINE[400] + headers + b"\r\n" + bytes(answer.body))
        self.transport.close()


class HeadMiddleware:
    """HEAD (RFC 9110, 9.3.2): every door that answers GET tells what the answer's headers would be.

    The answer is made like that of a GET; once its headers are sent the asker is taken to have left, so that a long
    download ends there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask as GET and pass on the headers alone."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        told = False

        async def receiving() -> MutableMapping[str, Any]:
            return {"type": "http.disconnect"} if told else await receive()

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})
                told = True

        await self.app({**scope, "method": "GET"}, receiving, sending)
