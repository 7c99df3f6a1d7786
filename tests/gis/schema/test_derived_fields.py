"""Derived fields read what they declare, and a field that reads more is refused."""

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from gis.model import LINKS, Children, Field, Level, Linked, Rows, catalog
from gis.schema import derived_fields
from gis.schema.derived_fields import UndeclaredReadError, check_derived_fields
from gis.text.i18n import Text

WORKS = Rows("works", ("border", "title"))
INCIDENTS = Rows("incidents", ("border", "handling"))
STEPS = Children("work_steps", ("code", "note"))
GATES = Linked("gates", ("name",))


@pytest.fixture
def connection(cluster, empty_database_name):
    """A connection of the administrator, in a transaction."""
    engine = create_engine(cluster.url(empty_database_name), poolclass=NullPool)
    with engine.begin() as opened:
        yield opened


@pytest.fixture
def check(connection, monkeypatch):
    """Check a derived field of the works: ``check(sql, *reads)``."""

    def check_field(sql, *reads, level=Level.INTERNAL):
        works = catalog["works"]
        field = Field("extra", Text("Thêm", "Extra"), "text", level, sql=sql, reads=reads)
        monkeypatch.setitem(works.fields, "extra", field)
        works.readable_fields.cache_clear()
        try:
            check_derived_fields(connection)
        finally:
            del works.fields["extra"]
            works.readable_fields.cache_clear()

    return check_field


def test_fields_of_all_cards_read_what_they_declare(connection):
    check_derived_fields(connection)
    assert connection.exec_driver_sql(f"select to_regclass('app.{derived_fields.PROBE}')").scalar() is None


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        (lambda row: f"{row['title']} || {row.today}::text", ()),
        (lambda row: row.select("count(*)::text", INCIDENTS, [f"border = {row['border']}"]), (INCIDENTS,)),
        (lambda row: row.select("min(code || note)", STEPS), (STEPS,)),
        (lambda row: row.select("min(title)", WORKS, [f"works.border = {row['border']}"]), (WORKS,)),
        (lambda row: row.select("min(name)", GATES), (GATES,)),
        (lambda row: row.select("min(at)", LINKS), (LINKS,)),
        (lambda row: f"(select min(handling) from {row.source(INCIDENTS)})", (INCIDENTS,)),
        (lambda row: f"ST_Length({row['geom']}::geography)::text || {row['cost_planned']}", ()),
    ],
)
def test_declared_reading_is_accepted(sql, reads, check):
    check(sql, *reads)


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        (lambda row: "(select min(code) from app.incidents)", "reads app.incidents"),
        (lambda row: "(select min(code) from app.incidents_history where valid @> clock_timestamp())", "reads"),
        (lambda row: row.select("min(name)", GATES), "not among the sources"),
        (lambda row: "(select count(*)::text from app.places)", "reads app.places"),
        (lambda row: f"(select min(title) from app.works w where w.border = {row['border']})", "reads app.works"),
        (lambda row: f"{row['due_on']} < now()", r"calls now\(\)"),
        (lambda row: f"{row['due_on']} < current_date", "calls current_timestamp or current_date"),
        (lambda row: f"{row['due_on']} < clock_timestamp()", "calls clock_timestamp"),
        (lambda row: "app.own_units()::text", "calls app.own_units"),
        (lambda row: "t.title", "cannot be composed: missing FROM-clause entry"),
        (lambda row: "title", "ambiguous"),
        (lambda row: row["colour"], "no column 'colour'"),
        (lambda row: f"{row['title']} like 'Kè%'", "contains '%'"),
    ],
)
def test_undeclared_reading_is_refused(sql, fault, check):
    with pytest.raises(UndeclaredReadError, match=rf"works\.extra .*{fault}"):
        check(sql)


def test_level_of_a_field_is_at_least_that_of_its_columns(check):
    for sql, reads in (
        (lambda row: f"{row['cost_planned']}::text", ()),
        (lambda row: row.select("min(note)", STEPS), (STEPS,)),
    ):
        check(sql, *reads, level=Level.INTERNAL)
        with pytest.raises(UndeclaredReadError, match="for readers of level partner"):
            check(sql, *reads, level=Level.PARTNER)
