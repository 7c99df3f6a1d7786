"""``/static``: scripts, styles, fonts and images; a file with a content hash in its name is cached for a year."""

import mimetypes
import os
import re
from os import PathLike

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

HASHED_NAME = re.compile(r"\.[0-9a-f]{16}\.\w+$")
"""File names that contain the hash of the content: when the content changes, so does the name."""

CACHE_ONE_YEAR = "public, max-age=31536000, immutable"

mimetypes.add_type(
    "font/woff2", ".woff2"
)  # in the standard library from Python 3.14 on; /etc/mime.types may be missing


class BrowserFiles(StaticFiles):
    """Static files with a far-future ``Cache-Control`` for names that contain a content hash."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file or 304 Not Modified; cached for a year if the name contains a hash."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if HASHED_NAME.search(os.fspath(full_path)):
            response.headers["Cache-Control"] = CACHE_ONE_YEAR
        return response
