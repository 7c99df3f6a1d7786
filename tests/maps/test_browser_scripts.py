"""The browser's scripts pass eslint, tsc and prettier; style sheets are loaded and short; tools are pinned."""

import json
import re
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from maps.assets import AssetError, integrity_of, static_folder
from tests.browser_tools import PINS, Tool, fetch, run, tools, unpack

PARTS = ("core", "map", "forms", "pages")
LONGEST_FILE = 400
LONGEST_LINE = 120


@pytest.fixture(scope="module", autouse=True)
def _fetched_tools() -> None:
    fetch()


@pytest.mark.parametrize(
    "command",
    [
        ["eslint/bin/eslint.js", "--max-warnings", "0", "."],
        ["prettier/bin/prettier.cjs", "--check", "maps/static/{core,map,forms,pages}/**/*.js", "maps/types.d.ts"],
        ["typescript/bin/tsc", "--project", "."],
    ],
    ids=["eslint", "prettier", "tsc"],
)
def test_scripts_pass_eslint_prettier_and_tsc(command: list[str]) -> None:
    process = run(*command)
    assert process.returncode == 0, process.stdout + process.stderr


def test_eslint_rejects_banned_names_unused_names_and_html_from_text() -> None:
    code = 'const found = document.body; export const used = 1; found.innerHTML = "<b>"; const unused = 2;\n'
    process = run(
        "eslint/bin/eslint.js", "--format", "json", "--stdin", "--stdin-filename", "maps/static/core/x.js", stdin=code
    )
    messages = json.loads(process.stdout)[0]["messages"]
    assert {message["ruleId"] for message in messages} == {"id-denylist", "no-restricted-syntax", "no-unused-vars"}


def test_every_export_of_a_script_is_imported() -> None:
    scripts = {path: path.read_text("utf-8") for part in PARTS for path in (static_folder() / part).glob("*.js")}
    unused = [
        f"{path.name}: {name}"
        for path, text in scripts.items()
        for name in re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.MULTILINE)
        if not any(re.search(rf"\b{name}\b", other) for file, other in scripts.items() if file != path)
    ]
    assert sorted(unused) == ["drafts.js: draftsOfPerson", "status_steps.js: mainSteps"], "which tests import"


def test_style_sheets_are_loaded_and_have_at_most_400_lines_of_120_characters() -> None:
    shell = (static_folder().parent / "templates/parts/shell.html").read_text("utf-8")
    loaded = re.findall(r'<link rel="stylesheet" href="/static/(\w+/\w+\.css)">', shell)
    sheets = {
        path.relative_to(static_folder()).as_posix(): path
        for part in PARTS
        for path in (static_folder() / part).glob("*.css")
    }
    assert sorted(loaded) == sorted(sheets)
    for name, path in sheets.items():
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) <= LONGEST_FILE, name
        assert [line for line in lines if len(line) > LONGEST_LINE] == [], name


def test_tools_are_pinned_by_sha512_and_name_no_registry() -> None:
    assert "://" not in PINS.read_text("utf-8")
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", tool.integrity) for tool in tools())
    assert {"eslint", "prettier", "typescript", "@types/leaflet"} <= {tool.name for tool in tools()}


def test_tool_is_unpacked_only_from_its_pinned_tarball_and_into_its_folder(tmp_path: Path) -> None:
    tarball = tmp_path / "a.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        for name in ("package/lib/main.js", "package/../../outside.js"):
            entry = tarfile.TarInfo(name)
            entry.size = 5
            archive.addfile(entry, BytesIO(b"let a"))
    tool = Tool("host/node_modules/@scope/tool", "1.0.0", integrity_of(tarball))
    assert tool.name == "@scope/tool"
    with pytest.raises(AssetError, match="is not the pinned"):
        unpack(Tool(tool.path, tool.version, "sha512-other"), tarball, tmp_path / "node_modules")
    assert not (tmp_path / "node_modules").exists()
    unpack(tool, tarball, tmp_path / "node_modules")
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.js")]
    assert files == ["node_modules/host/node_modules/@scope/tool/lib/main.js"]
