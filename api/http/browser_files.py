"""``/static``: the browser's own files, each as fresh as its name allows."""

import mimetypes
import os
import re
from os import PathLike

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

HASHED = re.compile(r"\.[0-9a-f]{16}\.\w+$")
"""A name that carries the hash of its content: other content has another name."""

FOREVER = "public, max-age=31536000, immutable"

mimetypes.add_type("font/woff2", ".woff2")  # Python knows it from 3.14; a bare machine has no /etc/mime.types


class BrowserFiles(StaticFiles):
    """Static files; a browser asks for one with a hash in its name once and keeps it for a year."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304, with ``Cache-Control`` where its name carries a hash."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        if HASHED.search(os.fspath(full_path)):
            answer.headers["Cache-Control"] = FOREVER
        return answer
