"""Values of properties on HTML pages of the API."""

import pytest

from api.http.negotiation import labelled_properties
from gis.model.field_types import DATE, JSON, LIST, NUMBER, FieldType
from gis.model.fields import Field
from gis.text.i18n import Text


@pytest.mark.parametrize(
    ("field_type", "value", "vietnamese", "english"),
    [
        (LIST, ["Xà Xía", "Hà Tiên"], "Xà Xía, Hà Tiên", "Xà Xía, Hà Tiên"),
        (LIST, ["Thanh Thủy, Hà Giang", "Hà Tiên"], "Thanh Thủy, Hà Giang; Hà Tiên", "Thanh Thủy, Hà Giang; Hà Tiên"),
        (LIST, ["một"], "một", "một"),
        (LIST, [], "", ""),
        (DATE, ["2026-01-31", "2026-02-01"], "31/01/2026, 01/02/2026", "31/01/2026, 01/02/2026"),
        (NUMBER, [1.5, 2000], "1,5; 2.000", "1.5; 2,000"),
        (JSON, [{"a": 1}, {"b": 2}], '{"a": 1}, {"b": 2}', '{"a": 1}, {"b": 2}'),
    ],
)
def test_list_is_shown_as_its_items_in_words(field_type: FieldType, value: object, vietnamese: str, english: str):
    fields = {"x": Field("x", Text("Tên", "Name"), field_type)}
    feature = {"properties": {"x": value}}
    assert labelled_properties(fields, feature, "vi") == [("Tên", vietnamese)]
    assert labelled_properties(fields, feature, "en") == [("Name", english)]
