"""The wire before the doors: what is no HTTP is refused in the house's form, and HEAD is a GET without its body."""

from collections.abc import MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.errors import problem
from api.identity import HEADERS, App, Receive, Scope, Send
from gis.errors import Malformed
from gis.language import Text

NO_HTTP = Malformed(Text("Không phải yêu cầu HTTP hợp lệ", "This is not a valid HTTP request"))


class Wire(HttpToolsProtocol):
    """HTTP as uvicorn reads it, but for the words with which it refuses what it cannot read."""

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem and close; nobody has said yet in which language."""
        answer = problem(NO_HTTP, "vi")
        for name, value in HEADERS.items():
            answer.headers[name] = value
        answer.headers["connection"] = "close"
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(STATUS_LINE[400] + headers + b"\r\n" + bytes(answer.body))
        self.transport.close()


class Heads:
    """HEAD (RFC 9110, 9.3.2): every door that answers GET tells what the answer's headers would be.

    The answer is made like that of a GET; once its headers are sent the asker is taken to have left, so that a long
    download ends there.
    """

    def __init__(self, app: App) -> None:
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
