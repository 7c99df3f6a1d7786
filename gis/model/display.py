"""How pages show a layer: how its features are named, what lists and forms contain, and how it is drawn on the map.

``Display`` is declared in the card of a layer; what it leaves out follows from the fields. Pages in Python and in
JavaScript read the same description (``GET /api/layers``), so neither quotes the name of a layer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields as attributes, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from gis.model.code_lists import GREY, CodeList, Mark
from gis.model.field_types import Scalar
from gis.text.i18n import Text

if TYPE_CHECKING:
    from gis.model.fields import Field
    from gis.model.layer import Layer

DEFAULT_MARK: Final = Mark("circle", GREY)
"""The mark of a code or layer without one of its own."""

MAX_COLUMNS: Final = 7
"""The number of columns of a list whose card declares none."""

MAX_FACTS: Final = 5
"""The number of facts in a popup on the map whose card declares none."""

NAMING_FIELDS: Final = ("title", "name", "code", "number", "label", "address")
"""The fields of which the first one that a layer has names its features, if its card declares no label."""

BOOKKEEPING_FIELDS: Final = (
    "level", "position_source", "accuracy_m", "address", "chainage_m", "original",
    "version", "created_at", "created_by", "updated_at", "retired_at",
)  # fmt: skip
"""The common fields that records show apart from the facts: the position, and who entered the record when."""

PLACEHOLDER: Final = re.compile(r"\{([\w|]+)\}")
"""A field in a label, or several of which the first with a value is taken: ``{name}``, ``{section|address}``."""


@dataclass(frozen=True)
class Display:
    """How pages show a layer. Every part has a default that follows from the layer's fields.

    ``label`` names a feature: literal text in Vietnamese and English with fields in braces, such as
    ``"{code} · {category}"``; a part between `` · `` or `` – `` is left out if its fields have no value. ``short`` is
    the label in a narrow list and ``on_map`` the one beside the mark. ``singular`` is the name of one feature, in lower
    case. ``under`` are the fields of the second line of a row, and ``beside`` the fields of which the first one with a
    value is at its end. ``columns`` and ``filters`` are those of the list at first; all others can be chosen.
    ``totals`` are the number fields that lists sum up. ``since`` pairs a field with the date since when its value
    holds, which lists write after it. ``facts`` are the fields of the popup, ``hidden`` those that records do not list.

    ``mark`` is the mark of a feature whose code has none. ``second_mark`` is a field with a code list: a code that
    stands out is drawn as a second, small mark. ``group`` is the heading in navigation, ``rank`` the order there and on
    the map, where lower ranks are drawn above higher ones. ``drawn_at_first`` says whether the map draws the layer when
    it is opened, ``tab`` whether its list is a tab beside the map. ``fixed`` says that its marks name a place, so that
    they are neither moved nor gathered with others; ``in_basemap`` that the basemap draws the layer, so that it is not
    one of the layers that readers show or hide.

    ``link_role`` is the role that a link to a feature of the layer has unless another one is chosen. ``status_by`` is
    the child resource whose rows change the status (the dated events of a gate), ``checklist`` the one whose rows are
    steps to be ticked off. ``named_by`` is the field by which texts of other layers name a feature
    (``Field.register``); ``ends`` is the last day on which a feature is in force, and ``successor`` the field that
    names what came after it. ``new_page`` is the path of a page for new features, if they have one of their own.
    """

    label: str | tuple[str, str] = ""
    singular: tuple[str, str] = ("", "")
    short: str | tuple[str, str] = ""
    on_map: str = ""
    under: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    totals: tuple[str, ...] | None = None
    since: tuple[tuple[str, str], ...] = ()
    facts: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    mark: Mark = DEFAULT_MARK
    second_mark: str | None = None
    group: CodeList | None = None
    rank: int = 100
    drawn_at_first: bool = False
    tab: bool = False
    fixed: bool = False
    in_basemap: bool = False
    link_role: str | None = None
    status_by: str | None = None
    checklist: str | None = None
    named_by: str | None = None
    ends: str | None = None
    successor: str | None = None
    new_page: str | None = None

    @property
    def label_text(self) -> Text:
        """The template of the label in both languages."""
        return _in_both_languages(self.label)

    @property
    def short_text(self) -> Text:
        """The template of the short label in both languages."""
        return _in_both_languages(self.short)

    @property
    def singular_text(self) -> Text:
        """The name of one feature in both languages."""
        return Text(*self.singular)


def _in_both_languages(template: str | tuple[str, str]) -> Text:
    return Text(template, template) if isinstance(template, str) else Text(*template)


DEFAULT_DISPLAY: Final = Display()
"""The display of a card that declares none: all of it follows from the fields."""


@cache
def display_of(layer: "Layer") -> Display:
    """The display of a layer, with the defaults for all that its card leaves out.

    Raises ``ValueError`` if the card names a field that the layer does not have.
    """
    declared, fields = layer.display, layer.fields
    subject = [field for name, field in fields.items() if name not in BOOKKEEPING_FIELDS]
    naming = next((name for name in NAMING_FIELDS if name in fields), "id")
    label = declared.label or f"{{{naming}}}"
    columns = declared.columns or _default_columns(layer, naming, subject)
    display = replace(
        declared,
        label=label,
        short=declared.short or label,
        singular=declared.singular if any(declared.singular) else (layer.title.vi.lower(), layer.title.en.lower()),
        on_map=declared.on_map or "{address}",
        named_by=declared.named_by or naming,
        under=declared.under or tuple(name for name in ("unit", "address") if name in fields),
        columns=columns,
        filters=declared.filters or tuple(field.name for field in subject if field.codes is not None),
        totals=_summable(subject) if declared.totals is None else declared.totals,
        facts=declared.facts or tuple(field.name for field in subject if field.name != naming)[:MAX_FACTS],
    )
    _check_fields(layer, display)
    return display


def _summable(fields: "Iterable[Field]") -> tuple[str, ...]:
    """The fields whose sum over many features means something: quantities with a unit, but no percentages."""
    quantities = (field for field in fields if field.type.scalar is Scalar.NUMERIC)
    return tuple(field.name for field in quantities if field.unit not in (None, "%"))


def _default_columns(layer: "Layer", naming: str, subject: "Iterable[Field]") -> tuple[str, ...]:
    """What names the feature, its status, then the other fields in the order of their declaration."""
    status = [layer.status.name] if layer.status else []
    others = [field.name for field in subject if field.type.form_input is not None or field.codes is not None]
    return tuple(dict.fromkeys([naming, *status, *others]))[:MAX_COLUMNS]


def _check_fields(layer: "Layer", display: Display) -> None:
    """Raise ``ValueError`` for a name that is no field of the layer."""
    templates = (display.label_text, display.short_text, Text(display.on_map, display.on_map))
    in_templates = {
        name
        for template in templates
        for text in (template.vi, template.en)
        for names in PLACEHOLDER.findall(text)
        for name in names.split("|")
    }
    listed = {name for attribute in attributes(display) for name in _names_in(display, attribute.name)}
    unknown = sorted((in_templates | listed) - set(layer.fields) - {"id"})
    if unknown:
        raise ValueError(f"The display of {layer.name} names fields that it does not have: {', '.join(unknown)}")


def _names_in(display: Display, attribute: str) -> tuple[str, ...]:
    """The fields that an attribute of a display names."""
    if attribute in ("under", "beside", "columns", "filters", "totals", "facts", "hidden"):
        return tuple(getattr(display, attribute) or ())
    if attribute == "since":
        return tuple(name for pair in display.since for name in pair)
    if attribute in ("second_mark", "named_by", "ends", "successor"):
        return tuple(filter(None, [getattr(display, attribute)]))
    return ()
