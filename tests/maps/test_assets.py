"""The npm packages for the browser: pinned by sha512, fetched once; static files name no other host."""

import re
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

import maps
from maps.assets import AssetError, Package, fetch, integrity_of, is_installed, packages, static_folder, unpack


def a_tarball(folder: Path, **files: str) -> Path:
    path = folder / "a.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            archive.addfile(entry, BytesIO(text.encode()))
    return path


def test_verified_package_is_extracted_and_then_installed(tmp_path: Path) -> None:
    tarball = a_tarball(tmp_path, main="let a")
    package = Package("@scope/thing", "1.0.0", integrity_of(tarball), {"main": "thing/main.js"})
    vendor = tmp_path / "vendor"
    assert not is_installed(package, vendor)
    unpack(package, tarball, vendor)
    assert (vendor / "thing/main.js").read_text() == "let a"
    assert is_installed(package, vendor)


def test_tarball_with_another_hash_is_refused_and_not_extracted(tmp_path: Path) -> None:
    package = Package("thing", "1.0.0", integrity_of(a_tarball(tmp_path, main="let a")), {"main": "main.js"})
    with pytest.raises(AssetError, match="is not the pinned"):
        unpack(package, a_tarball(tmp_path, main="let evil"), tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_imported_package_names_become_relative_paths(tmp_path: Path) -> None:
    tarball = a_tarball(tmp_path, main="import a from '@scope/a';\nimport b from './b.js';\n")
    imports = {"@scope/a": "../a/index.js"}
    unpack(Package("thing", "1.0.0", integrity_of(tarball), {"main": "thing/main.js"}, imports), tarball, tmp_path)
    assert (tmp_path / "thing/main.js").read_text() == "import a from '../a/index.js';\nimport b from './b.js';\n"


def test_modules_of_packages_import_only_files_that_are_served() -> None:
    fetch()
    modules = list((static_folder() / "vendor").rglob("index.js"))
    assert {module.parent.name for module in modules} == {"pbf", "point-geometry", "vector-tile"}
    for module in modules:
        for path in re.findall(
            r"^(?:import|export)\b.*\bfrom\s*['\"](.+)['\"]", module.read_text("utf-8"), re.MULTILINE
        ):
            assert (module.parent / path).is_file(), f"{module.parent.name} imports {path}"


def test_new_version_or_missing_file_makes_a_package_not_installed(tmp_path: Path) -> None:
    tarball = a_tarball(tmp_path, main="let a")
    package = Package("thing", "1.0.0", integrity_of(tarball), {"main": "main.js"})
    unpack(package, tarball, tmp_path)
    assert not is_installed(Package("thing", "1.0.1", "sha512-other", {"main": "main.js"}), tmp_path)
    (tmp_path / "main.js").unlink()
    assert not is_installed(package, tmp_path)


def test_fetch_requests_nothing_when_all_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch()
    monkeypatch.setenv("PATH", "")
    assert fetch() == []


def test_pins_name_no_registry_and_have_a_sha512() -> None:
    text = (Path(maps.__file__).parent / "assets.json").read_text("utf-8")
    assert "://" not in text
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package.integrity) for package in packages())


def test_static_files_name_no_other_host_and_parse_no_html() -> None:
    files = [
        path
        for path in (Path(maps.__file__).parent / "static").rglob("*")
        if path.suffix in (".js", ".css") and "vendor" not in path.parts
    ]
    assert files
    for path in files:
        text = path.read_text("utf-8")
        urls = re.findall(r"https?://[^\s\"'`)]+", text)
        assert [url for url in urls if url != "http://www.w3.org/2000/svg"] == [], path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path.name
