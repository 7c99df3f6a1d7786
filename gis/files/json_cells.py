"""JSON values in tables for people: the progress of a checklist and a dated event in words, as pages show them."""

from collections.abc import Mapping
from typing import Final

from gis.model.field_types import JSON
from gis.text.i18n import Language, Text

PROGRESS_SQL: Final = (
    "concat_ws(' · ', ({value} ->> 'done') || '/' || ({value} ->> 'of'), {value} #>> '{{next,title,{language}}}')"
)
"""The steps done, the number of all, and the title of the next step."""

EVENT_SQL: Final = (
    "concat_ws(' · ', case {value} ->> 'kind' when 'note' then coalesce({value} ->> 'note', {kind}) else {kind} end,"
    " right(to_char(({value} ->> 'on')::date, 'DD/MM/YYYY'),"
    " case {value} ->> 'precision' when 'year' then 4 when 'month' then 7 else 10 end), {value} ->> 'document')"
)
"""The title of the kind or the text of a note, the date to its known precision, and the document."""


def json_cell_sql(sql: str, kinds: Mapping[str, Text], language: Language) -> str:
    """The SQL of a JSON value in words: a progress, an event with a kind of ``kinds``, or else names with values."""
    value = f"({sql})::jsonb"
    titles = " ".join(
        f"when {_literal(kind)} then {_literal(title.in_language(language))}" for kind, title in kinds.items()
    )
    kind = f"{value} ->> 'kind'"
    kind = f"case {kind} {titles} else {kind} end" if titles else kind
    words = {"value": value, "kind": kind, "language": language}
    return (
        f"case when jsonb_exists({value}, 'of') then {PROGRESS_SQL.format(**words)}"
        f" when jsonb_exists({value}, 'on') then {EVENT_SQL.format(**words)}"
        f" else {JSON.cell_sql.format(sql=sql, language=language)} end"
    )


def _literal(text: str) -> str:
    """A text constant of this program as an SQL literal, in a statement that also has parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"
