"""Markers that tests release."""

import pytest

from gis.model.layer import catalog
from tests.factories import numbers, put
from tests.gis.release.releases import LAN


@pytest.fixture
def create_marker(database):
    """Create markers, each with a unique number: ``create_marker(level=…)`` returns the id and the number."""

    def make(source="survey", **values):
        number = str(next(numbers))
        with database.transaction(LAN, write=True) as session:
            row = put(session, catalog["markers"], **{"number": number, "level": "partner", **values})
            row.position_source = source
            return row.id, number

    return make
