"""Pages in other typefaces than their own: what a reader sees whose browser could not load it."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

OWN = "Source Sans 3"
INSTALLED = {
    "DejaVu Sans": Path("/usr/share/fonts/truetype/dejavu"),
    "Roboto": Path("/usr/share/fonts/truetype/roboto"),
}
"""The typefaces that stand in, and where Debian puts them: the widest that is common, and the one of Android."""

TYPEFACES = [OWN, *INSTALLED]

in_each_typeface = pytest.mark.parametrize("typeface", TYPEFACES, indirect=True)
"""Run a test in the product's own typeface, with DejaVu Sans alone and with Roboto alone."""

FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}</dir>
  <cachedir>{cache}</cachedir>
  <match target="pattern"><edit name="family" mode="append" binding="strong"><string>{family}</string></edit></match>
</fontconfig>
"""


def with_this_alone(family: str, folder: Path) -> dict[str, str]:
    """The environment of a browser that finds no font but those of ``family``; its configuration lies in ``folder``."""
    installed = INSTALLED[family]
    assert installed.is_dir(), f"{installed} is missing: ./cotmoc test installs it"
    configuration = folder / "fonts.conf"
    configuration.write_text(FONTCONFIG.format(folder=installed, cache=folder / "cache", family=family), "utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(configuration)}


def withhold_the_own(page: Page) -> None:
    """Let the font files of the product not arrive."""
    page.route("**/*.woff2", lambda route: route.abort())


def drawn_with(page: Page, selector: str) -> set[str]:
    """The families of the fonts that the first element of ``selector`` is really drawn with."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("DOM.enable")
    protocol.send("CSS.enable")
    root = protocol.send("DOM.getDocument")["root"]["nodeId"]
    node = protocol.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    found = protocol.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    protocol.detach()
    # A file of all weights calls itself by its lightest.
    return {OWN if one["familyName"].startswith(OWN) else one["familyName"] for one in found}
