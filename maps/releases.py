"""The pages of what leaves the house: all releases, one with its preview, a new one, and who holds what."""

from collections.abc import Mapping, Sequence
from typing import Any

from gis.status import Status
from maps.cards import Card, fields_of, value_text
from maps.page import render, said

MOST_ROWS = 50
"""Rows of a preview's table; its map and its numbers know more."""


def releases_page(language: str, *, releases: Sequence[Mapping[str, Any]], states: type[Status], **shell: Any) -> str:
    """Every release with its latest version."""
    return render("releases.html", language, path="/releases", releases=releases, states=_marks(states), **shell)


def release_page(
    language: str,
    *,
    release: Mapping[str, Any],
    version: Mapping[str, Any],
    preview: Mapping[str, Any],
    cards: Mapping[str, Card],
    states: type[Status],
    who: str,
    home: tuple[float, float, float],
    **shell: Any,
) -> str:
    """One version of a release: what goes as table and map, what stays, who said so, and what may be done now.

    ``who`` is the name of whoever looks: to those who have prepared it approval is not offered.
    """
    parts = [_part(one, cards[one["layer"]], language) for one in preview["parts"]]
    own = who in (*version["preparers"], version["submitted_by"])
    return render(
        "release.html",
        language,
        path=f"/releases/{release['id']}",
        release=release,
        version=version,
        parts=parts,
        changed=sum(one["changed"] for one in preview["parts"]),
        withheld=[{**one, "title": said(cards[one["layer"]]["title"], language)} for one in preview["withheld"]],
        onward=[word for word in version["onward"] if not (own and word == "approved")],
        own=own and "approved" in version["onward"],
        states=_marks(states),
        home=home,
        **shell,
    )


def new_release_page(
    language: str,
    *,
    layers: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any] | None = None,
    **shell: Any,
) -> str:
    """The form of a release, or of the next version of ``before``."""
    path = f"/releases/{before['id']}/new" if before else "/releases/new"
    return render("release_new.html", language, path=path, layers=layers, documents=documents, before=before, **shell)


def holdings_page(
    language: str, *, holdings: Sequence[Mapping[str, Any]] | None, cards: Mapping[str, Card], **shell: Any
) -> str:
    """Who holds what of a marker, or what one recipient holds; ``None`` before anything was asked."""
    rows = [] if holdings is None else [_holding(one, cards, language) for one in holdings]
    return render("holdings.html", language, path="/holdings", asked=holdings is not None, holdings=rows, **shell)


def _marks(states: type[Status]) -> dict[str, Any]:
    return {state.value: state for state in states}


def _part(part: Mapping[str, Any], card: Card, language: str) -> dict[str, Any]:
    fields = {name: one for name, one in fields_of(card).items() if name in {*part["fields"], *part["always"]}}
    rows = part["features"]["features"]
    return {
        **part,
        "columns": [said(one["title"], language) for one in fields.values()],
        "lines": [
            [value_text(one, row["properties"].get(name), language) for name, one in fields.items()]
            for row in rows[:MOST_ROWS]
        ],
        "unplaced": [row["geometry"] is None for row in rows[:MOST_ROWS]],
        "unnamed": [said(one["title"], language) for name, one in fields_of(card).items() if name in part["unnamed"]],
        "asked": ", ".join(f"{name} = {_listed(value)}" for name, value in part["filter"].items()),
    }


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _holding(one: Mapping[str, Any], cards: Mapping[str, Card], language: str) -> dict[str, Any]:
    card, content = cards[one["layer"]], one["content"]
    told = [
        f"{said(field['title'], language)}: {text}"
        for name, field in fields_of(card).items()
        if name not in ("level", "number", "name", "title") and (text := value_text(field, content.get(name), language))
    ]
    named = next((content[name] for name in ("number", "code", "name", "title", "section") if content.get(name)), "–")
    return {
        **one,
        "layer_said": said(card["title"], language),
        "label": named,
        "told": told,
        "placed": "geometry" in content,
    }
