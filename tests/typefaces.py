"""Pages in the product's font, and in the substitutes of a browser that cannot load it."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

PRODUCT_FONT = "Source Sans 3"
SUBSTITUTE_FONTS = {
    "DejaVu Sans": Path("/usr/share/fonts/truetype/dejavu"),
    "Roboto": Path("/usr/share/fonts/truetype/roboto"),
}
"""Substitute fonts and their folders in Debian: the widest common one, and the one of Android."""

TYPEFACES = [PRODUCT_FONT, *SUBSTITUTE_FONTS]

in_each_typeface = pytest.mark.parametrize("typeface", TYPEFACES, indirect=True)
"""Run a test in the product's own font, with only DejaVu Sans, and with only Roboto."""

FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}</dir>
  <cachedir>{cache}</cachedir>
  <match target="pattern"><edit name="family" mode="append" binding="strong"><string>{family}</string></edit></match>
</fontconfig>
"""


def single_font_environment(family: str, folder: Path) -> dict[str, str]:
    """The environment of a browser that finds only the fonts of ``family``; ``folder`` gets its fontconfig file."""
    fonts = SUBSTITUTE_FONTS[family]
    assert fonts.is_dir(), f"{fonts} is missing: ./cotmoc test installs it"
    configuration = folder / "fonts.conf"
    configuration.write_text(FONTCONFIG.format(folder=fonts, cache=folder / "cache", family=family), "utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(configuration)}


def block_product_font(page: Page) -> None:
    """Abort all requests for the product's font files."""
    page.route("**/*.woff2", lambda route: route.abort())


def fonts_used(page: Page, selector: str) -> set[str]:
    """The families of the fonts with which the browser draws the first element that matches ``selector``."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("DOM.enable")
    protocol.send("CSS.enable")
    root = protocol.send("DOM.getDocument")["root"]["nodeId"]
    node = protocol.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    fonts = protocol.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    protocol.detach()
    # A variable font reports its lightest weight as part of the family name.
    names = {font["familyName"] for font in fonts}
    return {PRODUCT_FONT if name.startswith(PRODUCT_FONT) else name for name in names}
