"""One way to make a page: Jinja2 with autoescape, the words of one language, dates as they are written here.

Data for the page's modules stand in ``<script type="application/json">`` blocks; no page carries a
script of its own, so ``script-src 'self'`` is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from gis.model import GREY
from gis.text import VIETNAM_TIME, Language, Text
from maps.assets import typeface_urls
from maps.marks import LAYER_MARKS, shape_or_circle
from maps.messages import ONLY_OF_TEMPLATES, messages_in

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}  # half the bytes


@dataclass(frozen=True)
class Person:
    """Who has signed in, as every page shows it, with the token that the page's writes must bring.

    ``reports`` says that incidents may be logged, ``keeps_accounts`` that people and tokens may be kept,
    ``shares`` that releases may be, ``follows`` that others' readings may be looked up.
    """

    name: str
    role_title: Text
    title: str | None
    unit: str | None
    csrf: str
    may_report: bool
    may_manage_accounts: bool
    may_manage_releases: bool = False
    may_read_access_log: bool = False


def render(template: str, language: Language | str, **context: Any) -> str:
    """The page ``template`` for a reader of ``language``; everything in ``context`` is escaped.

    Every page of the shell takes ``path`` and ``query`` (for the language switch), ``office``, ``as_of`` and the
    ``person`` who has signed in; ``wordings`` are those of one page alone.
    """
    language = "en" if language == "en" else "vi"
    shell: dict[str, Any] = {"path": "/", "query": {}, "office": "", "as_of": None, "person": None} | context
    shell["as_of"] = shell["as_of"] or datetime.now(UTC)
    own = {key: localized(text, language) for key, text in shell.pop("wordings", {}).items()}
    # Who asks for the past is shown the past on every page until asking for the present again.
    then = shell["query"].get("as_of")
    shell |= {"past": bool(then), "then": then, "now": url_with_query(shell["path"], _without_as_of(shell["query"]))}
    words = messages_in(language) | own
    return _environment.get_template(template).render(
        language=language,
        words=words,
        script_words={key: text for key, text in words.items() if not key.startswith(ONLY_OF_TEMPLATES)},
        switch=_language_switch_url(shell["path"], shell["query"], language),
        **shell,
    )


def error_page(language: Language | str, *, status: int, **context: Any) -> str:
    """Why an address does not open, for whoever followed it in a browser: the refusal's own words and a way onward."""
    return render("pages/refusal.html", language, status=status, **context)


def localized(text: Mapping[str, str] | Text | None, language: str) -> str:
    """A wording given as ``{"vi": …, "en": …}`` or as a Text, in ``language``."""
    if text is None:
        return ""
    if isinstance(text, Text):
        return text.en if language == "en" else text.vi
    return text.get(language) or text.get("vi") or ""


def format_date(value: date | datetime | str | None) -> str:
    """dd/mm/yyyy as seen in Việt Nam; a value that is no date is given back as it stands."""
    moment = _parse_moment(value)
    return "" if moment is None else moment if isinstance(moment, str) else f"{moment:%d/%m/%Y}"


def format_datetime(value: date | datetime | str | None) -> str:
    """dd/mm/yyyy HH:MM as seen in Việt Nam."""
    when = _parse_moment(value)
    return "" if when is None else when if isinstance(when, str) else f"{when:%d/%m/%Y %H:%M}"


BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


@pass_context
def device_name(context: Context, user_agent: str | None) -> str:
    """What a browser calls itself (User-Agent), as people call it: “Chrome, Android”."""
    known = [next((name for sign, name in names if sign in (user_agent or "")), "") for names in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, known)) or (user_agent or "").split("/")[0][:40] or context["words"]["unknown_device"]


def format_number(value: float | None, language: str) -> str:
    """A number as ``language`` writes it: 1.066,5 in Vietnamese, 1,066.5 in English."""
    if value is None:
        return ""
    text = f"{value:,}"
    return text if language == "en" else text.translate(_VIETNAMESE_SIGNS)


def quantity(value: float, unit: str | None, language: str) -> str:
    """A number with its unit; a percent sign follows without a space."""
    text = format_number(value, language)
    return f"{text}{'' if unit == '%' else ' '}{unit}" if unit else text


_VIETNAMESE_SIGNS = str.maketrans(",.", ".,")


@pass_context
def _number(context: Context, value: float | None) -> str:
    return format_number(value, context["language"])


def mark_svg(shape: str, colour: str = GREY, *, hollow: bool = False, label: str = "") -> Markup:
    """One mark of the sprite; ``label`` is read aloud, and is left out where the word stands beside it."""
    drawn = Markup('<svg class="mark{}" style="color:{}" {}><use href="/marks.svg#{}"/></svg>')
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return drawn.format(" hollow" if hollow else "", colour, spoken, shape_or_circle(shape))


def url_with_query(path: str, query: Mapping[str, str]) -> str:
    """A path with its query, lists and spans left readable."""
    return f"{path}?{urlencode(query, safe=',/')}" if query else path


def as_of_query(query: Mapping[str, str]) -> dict[str, str]:
    """What a link takes along from the query of the page it stands on: the moment that is looked at."""
    return {"as_of": query["as_of"]} if query.get("as_of") else {}


def _without_as_of(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name not in ("as_of", "after")}


@pass_context
def _keep_as_of(context: Context, href: str) -> str:
    """A link that stays at the moment the page shows."""
    moment = context.get("then")
    return f"{href}{'&' if '?' in href else '?'}{urlencode({'as_of': moment})}" if moment else href


def _parse_moment(value: date | datetime | str | None) -> datetime | date | str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == len("2026-01-01") else datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(VIETNAM_TIME)
    return value


def _language_switch_url(path: str, query: Mapping[str, str], language: str) -> str:
    """The same page in the other language."""
    return path + "?" + urlencode({**query, "lang": "vi" if language == "en" else "en"})


_environment.filters.update(
    device=device_name, day=format_date, moment=format_datetime, number=_number, then=_keep_as_of
)
_environment.globals.update(
    mark=mark_svg,
    said=localized,
    typeface=typeface_urls(),
    layer_marks={layer: {"shape": drawn.shape, "colour": drawn.colour} for layer, drawn in LAYER_MARKS.items()},
)
