"""The wire before the doors: what is no HTTP at all is refused in the same form as everything else."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.errors import problem
from api.identity import HEADERS
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
