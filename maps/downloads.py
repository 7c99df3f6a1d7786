"""The download menu: all export formats in the order of their rank, for the office and for a partner."""

from collections.abc import Mapping
from dataclasses import dataclass

from gis.files import FORMATS
from maps.rendering import localized, url_with_query

READERS = ("office", "partner")


@dataclass(frozen=True)
class Download:
    """One file of a layer. ``href`` is None on the map page, whose script fills in the URL for the current view."""

    format: str
    title: str
    href: str | None


def downloads(
    language: str, layer: str | None = None, filters: Mapping[str, str | list[str]] | None = None
) -> dict[str, list[Download]]:
    """For each reader, the files of the layer's rows that match ``filters``; without a layer, files without a URL."""
    return {
        reader: [
            Download(
                name,
                localized(declared.title, language),
                layer and _export_url(layer, filters or {}, name, reader),
            )
            for name, declared in FORMATS.items()
        ]
        for reader in READERS
    }


def _export_url(layer: str, filters: Mapping[str, str | list[str]], name: str, reader: str) -> str:
    query = {**filters, "f": name} | ({"reader": reader} if reader == "partner" else {})
    return url_with_query(f"/api/export/{layer}", query)
