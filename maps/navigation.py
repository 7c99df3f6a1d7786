"""The navigation bar: the pages and the layers that a reader may open, in the same order on every page.

A page is declared beside its route with ``declare_page``. Layers follow from their cards: ``Display.group`` is the
heading, ``rank`` the order under it, ``new_page`` the page for new features.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from gis.db import Actor
from gis.model import CodeList, Display, Layer, all_layers, display_of
from gis.text import Text
from maps.messages import MESSAGES

BEFORE_LAYERS, AFTER_LAYERS = range(100), range(100, 200)
"""The ranks of pages that stand in the row before and after the layers; the others are in the last menu."""


@dataclass(frozen=True)
class Entry:
    """A link of the bar; one of ``past`` pages keeps the moment in the past that the reader looks at."""

    title: Text
    path: str
    past: bool = False


@dataclass(frozen=True)
class Menu:
    """A heading of the bar with the links under it."""

    title: Text
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Navigation:
    """The bar of a reader: its links and menus, and the pages on which the reader may enter new features."""

    items: tuple[Entry | Menu, ...] = ()
    new: tuple[Entry, ...] = ()

    def current(self, path: str) -> str | None:
        """The path of the entry to which a page belongs: its own, or the longest one that it is under."""
        paths = [entry.path for item in self.items for entry in (item.entries if isinstance(item, Menu) else [item])]
        return max((known for known in paths if path == known or path.startswith(f"{known}/")), key=len, default=None)


@dataclass(frozen=True)
class Reader:
    """Whose navigation it is: an actor, who manages accounts only after signing in with a second factor."""

    actor: Actor
    manages_accounts: bool = False


@dataclass(frozen=True)
class _Page:
    entry: Entry
    rank: int
    allows: Callable[[Reader], bool]


_pages: dict[str, _Page] = {}


def declare_page(
    path: str, title: Text, *, rank: int, past: bool = False, allows: Callable[[Reader], bool] = lambda _reader: True
) -> None:
    """Add a page to the navigation of the readers that it ``allows``."""
    _pages[path] = _Page(Entry(title, path, past), rank, allows)


def navigation_of(reader: Reader) -> Navigation:
    """The navigation of a reader. A partner reads released copies only, which no page shows."""
    allowed = [page for page in sorted(_pages.values(), key=lambda page: page.rank) if page.allows(reader)]
    first, after = ([page.entry for page in allowed if page.rank in ranks] for ranks in (BEFORE_LAYERS, AFTER_LAYERS))
    last = tuple(page.entry for page in allowed if page.rank >= AFTER_LAYERS.stop)
    displays = [] if reader.actor.role.external else _displays_by_rank()
    return Navigation(
        items=(*first, *_layer_menus(displays), *after, *_as_menu(MESSAGES["administration"], last)),
        new=tuple(
            Entry(_new_text(display), display.new_page)
            for layer, display in displays
            if display.new_page and reader.actor.role.may_create(layer.name)
        ),
    )


def _displays_by_rank() -> list[tuple[Layer, Display]]:
    return sorted(((layer, display_of(layer)) for layer in all_layers()), key=lambda entry: entry[1].rank)


def _layer_menus(displays: list[tuple[Layer, Display]]) -> list[Entry | Menu]:
    """The layers under their headings, in the order of the code list of the headings; those without one come last."""
    groups = {display.group for _, display in displays}
    menus: list[Entry | Menu] = []
    for group in sorted(groups, key=_position):
        entries = tuple(
            Entry(layer.title, f"/{layer.name}", past=True) for layer, display in displays if display.group is group
        )
        menus += _as_menu(group.title if group else MESSAGES["other_layers"], entries)
    return menus


def _position(group: CodeList | None) -> float:
    return list(type(group)).index(group) if group else math.inf


def _as_menu(title: Text, entries: tuple[Entry, ...]) -> list[Entry | Menu]:
    """A menu; of a single entry only that."""
    return [Menu(title, entries)] if len(entries) > 1 else list(entries)


def _new_text(display: Display) -> Text:
    new = MESSAGES["new_feature"]
    singular = display.singular_text
    return Text(new.vi.format(what=singular.vi), new.en.format(what=singular.en))
