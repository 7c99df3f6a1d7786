"""Rendering of pages: Jinja2 with autoescape, the messages of one language, Vietnamese dates and numbers.

Data for the scripts of a page are in ``<script type="application/json">`` blocks. No page has inline scripts, so the
Content-Security-Policy can be ``script-src 'self'``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from gis.model import GREY
from gis.text import Language, Text, format_date, format_datetime, format_number
from maps.assets import typeface_urls
from maps.form_messages import FORM_MESSAGES
from maps.marks import shape_or_circle
from maps.messages import TEMPLATE_ONLY_PREFIXES, messages_in
from maps.navigation import Navigation

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.policies["json.dumps_kwargs"] = {
    "sort_keys": True,
    "ensure_ascii": False,
}  # Escaping every Vietnamese letter would double the size.


@dataclass(frozen=True)
class Person:
    """The signed-in person, for the header of every page.

    ``csrf`` is the token that writes from the page must send. The ``may_…`` flags say which links the page offers.
    """

    name: str
    role_title: Text
    title: str | None
    unit: str | None
    csrf: str
    may_report: bool
    may_manage_releases: bool = False


def render(template: str, language: Language | str, **context: Any) -> str:
    """Render ``template`` in ``language`` (Vietnamese unless it is ``en``); everything in ``context`` is escaped.

    ``parts/shell.html`` uses ``path`` and ``query`` (for the language switch), ``office``, ``as_of`` (now, if None),
    ``person``, who has signed in, and ``navigation``. ``page_messages`` are messages that only this page needs.
    """
    language = "en" if language == "en" else "vi"
    shell: dict[str, Any] = {
        "path": "/", "query": {}, "office": "", "as_of": None, "person": None, "navigation": Navigation(),
    } | context  # fmt: skip
    shell["as_of"] = shell["as_of"] or datetime.now(UTC)
    messages = messages_in(language) | {
        key: localized(text, language) for key, text in shell.pop("page_messages", {}).items()
    }
    # A page as of a past time links to other pages as of that time, until the reader goes back to the present.
    as_of_text = shell["query"].get("as_of")
    present_url = url_with_query(shell["path"], _without_as_of(shell["query"]))
    shell |= {"past": bool(as_of_text), "as_of_text": as_of_text, "present_url": present_url}
    script_messages = {key: text for key, text in messages.items() if not key.startswith(TEMPLATE_ONLY_PREFIXES)}
    return _environment.get_template(template).render(
        language=language,
        messages=messages,
        script_messages=script_messages,
        formless_messages={key: text for key, text in script_messages.items() if not _is_of_forms(key)},
        current=shell["navigation"].current(shell["path"]),
        switch=_language_switch_url(shell["path"], shell["query"], language),
        **shell,
    )


def _is_of_forms(key: str) -> bool:
    """Whether only forms and records use a message, also by a key that a script composes."""
    return key in FORM_MESSAGES or key.startswith(("role_", "source_"))


def error_page(language: Language | str, *, status: int, **context: Any) -> str:
    """The page of an HTTP error: the ``title`` and ``detail`` of the refusal, and a link to the map."""
    return render("pages/refusal.html", language, status=status, **context)


def localized(text: Mapping[str, str] | Text | None, language: str) -> str:
    """A ``Text``, or a mapping ``{"vi": …, "en": …}``, in ``language``; empty for None."""
    if text is None:
        return ""
    if isinstance(text, Text):
        return text.en if language == "en" else text.vi
    return text.get(language) or text.get("vi") or ""


BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


@pass_context
def device_name(context: Context, user_agent: str | None) -> str:
    """The browser and the operating system of a User-Agent header, such as “Chrome, Android”."""
    user_agent = user_agent or ""
    known = [next((name for token, name in names if token in user_agent), "") for names in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, known)) or user_agent.split("/")[0][:40] or context["messages"]["unknown_device"]


@pass_context
def _number(context: Context, value: float | None) -> str:
    return format_number(value, context["language"])


def mark_svg(shape: str, colour: str = GREY, *, hollow: bool = False, label: str = "") -> Markup:
    """A mark of the sprite as SVG. ``label`` is for screen readers; leave it out if the same text follows the mark."""
    svg = Markup('<svg class="mark{}" style="color:{}" {}><use href="/marks.svg#{}"/></svg>')
    aria = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return svg.format(" hollow" if hollow else "", colour, aria, shape_or_circle(shape))


def url_with_query(path: str, query: Mapping[str, str | list[str]]) -> str:
    """A path with its query string, in which a list is a parameter that is repeated.

    The commas and slashes of lists and intervals stay readable.
    """
    return f"{path}?{urlencode(query, doseq=True, safe=',/')}" if query else path


def as_of_query(query: Mapping[str, str]) -> dict[str, str]:
    """The part of a page's query that links to other pages need: ``as_of``."""
    return {"as_of": query["as_of"]} if query.get("as_of") else {}


def _without_as_of(query: Mapping[str, str | list[str]]) -> dict[str, str | list[str]]:
    return {name: value for name, value in query.items() if name not in ("as_of", "after")}


@pass_context
def _keep_as_of(context: Context, href: str) -> str:
    """``href`` with the ``as_of`` of the page, if it has one."""
    as_of = context.get("as_of_text")
    return f"{href}{'&' if '?' in href else '?'}{urlencode({'as_of': as_of})}" if as_of else href


def _language_switch_url(path: str, query: Mapping[str, str | list[str]], language: str) -> str:
    """The URL of the same page in the other language."""
    return path + "?" + urlencode({**query, "lang": "vi" if language == "en" else "en"}, doseq=True)


_environment.filters.update(
    device=device_name, day=format_date, moment=format_datetime, number=_number, keep_as_of=_keep_as_of
)
_environment.globals.update(
    mark=mark_svg,
    localized=localized,
    font_urls=typeface_urls(),
)
