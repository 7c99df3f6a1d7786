"""Every card has titles in both languages, and the properties, codes and transitions that clients rely on."""

import pytest
from sqlalchemy import CheckConstraint

import layers  # noqa: F401 - fills the catalog
from gis.model.code_lists import CodeList, Status
from gis.model.field_types import Scalar
from gis.model.layer import Layer, catalog
from gis.text.i18n import Text
from maps import marks

every_layer = pytest.mark.parametrize("layer", catalog.values(), ids=lambda layer: layer.name)

COMMON = {
    "id", "layer", "level", "position_source", "accuracy_m", "address", "chainage_m", "version", "created_at",
    "updated_at",
}  # fmt: skip
BORDERS = "VN-KH VN-CN VN-LA"
PROMISED: dict[str, dict[str, str]] = {
    "markers": {
        "border": BORDERS,
        "number": "",
        "kind": "main sub tripoint",
        "class": "",
        "condition": "unknown intact at_risk damaged severely_damaged repairing destroyed moved missing not_built"
        " legacy",
        "built_by": "",
        "responsible_side": "",
    },
    "posts": {"border": BORDERS, "section": "", "condition": "planned planted damaged missing"},
    "lines": {"border": BORDERS, "seq": "", "kind": "", "source": "", "legal_status": ""},
    "sectors": {"border": BORDERS, "section": "", "name": "", "unit": "", "demarcated": ""},
    "gates": {
        "name": "",
        "border": BORDERS,
        "counterpart": "",
        "category": "international main local",
        "mode": "road rail waterway",
        "planned_2030": "international main local",
        "planned_2050": "international main local",
        "stage": "in_plan survey counterpart_consult ministry_opinions pm_principle gov_resolution infrastructure"
        " forces_ready acceptance note_exchange opening_ceremony operating suspended closed",
        "last_event": "",
        "next_event": "",
    },
    "crossings": {
        "name": "",
        "kind": "opening clearance_lane dedicated_road",
        "gate": "",
        "border": BORDERS,
        "section": "",
        "state": "planned open suspended closed",
    },
    "incidents": {
        "code": "",
        "category": "",
        "severity": "low medium high critical",
        "handling": "reported verified recorded exchanged talks note_sent resolved closed dismissed",
        "occurred_at": "",
        "description": "",
        "side": "ours theirs both on_line unknown",
        "unit": "",
    },
    "works": {
        "title": "",
        "kind": "repair reinforce revetment landscape_design densification rebuild new removal smart_gate",
        "stage": "proposed designed awaiting_approval notified under_way accepted closed suspended",
        "due_on": "",
        "progress": "",
        "waiting_on": "",
        "waiting_since": "",
        "urgency": "planned on_time waiting overdue done",
    },
    "areas": {"name": "", "kind": "belt compensation gate_zone prohibited", "state": "proposed in_force ended"},
    "tasks": {
        "title": "",
        "kind": "",
        "plan": "",
        "clause": "",
        "lead_unit": "",
        "coordinating_units": "",
        "person": "",
        "due_on": "",
        "responsibility": "",
        "product": "",
        "authority": "",
        "state": "draft assigned under_way waiting done cancelled",
        "waiting_on": "",
        "waiting_since": "",
        "progress": "",
        "missing_clears": "",
        "urgency": "planned on_time waiting overdue done",
    },
    "documents": {"number": "", "issuer": "", "issued_on": "", "kind": "", "title": ""},
}
"""The properties that clients rely on, by collection, with their codes (empty: not fixed)."""

TRANSITIONS = {
    "incidents": """
        reported verified dismissed · verified recorded resolved dismissed · recorded exchanged resolved ·
        exchanged talks note_sent resolved · talks note_sent resolved · note_sent talks resolved ·
        resolved closed verified · closed verified · dismissed reported""",
    "works": """
        proposed designed suspended · designed awaiting_approval suspended ·
        awaiting_approval notified designed under_way suspended · notified under_way suspended ·
        under_way accepted suspended · accepted closed under_way suspended ·
        suspended proposed designed awaiting_approval notified under_way accepted""",
    "tasks": """
        draft assigned cancelled · assigned under_way waiting done cancelled ·
        under_way assigned waiting done cancelled · waiting assigned under_way cancelled · done under_way ·
        cancelled draft""",
    "crossings": "planned open · open suspended closed · suspended open closed",
    "areas": "proposed in_force · in_force ended",
}
"""The transitions that clients rely on: a status, and the statuses that may follow."""


def is_bilingual(text: Text) -> bool:
    return bool(text.vi.strip()) and bool(text.en.strip())


def code_lists_of(layer: Layer) -> list[type[CodeList]]:
    return [field.codes for field in layer.fields.values() if field.codes is not None]


@every_layer
def test_layer_and_fields_have_titles_in_both_languages(layer):
    assert is_bilingual(layer.title)
    assert layer.description
    untitled = [name for name, field in layer.fields.items() if not is_bilingual(field.title)]
    assert untitled == []


@every_layer
def test_codes_have_distinct_titles_in_both_languages(layer):
    for codes in code_lists_of(layer):
        assert [code.value for code in codes if not is_bilingual(code.title)] == []
        assert len({code.title.vi for code in codes}) == len(codes), codes
        assert len({code.title.en for code in codes}) == len(codes), codes


@every_layer
def test_codes_are_lower_case_ascii(layer):
    for codes in code_lists_of(layer):
        for code in codes:
            assert code.value.isascii()
            assert code.value == code.value.lower() or code.value in BORDERS


@every_layer
def test_statuses_have_marks_and_existing_transitions(layer):
    if layer.status is None:
        assert not any(issubclass(codes, Status) for codes in code_lists_of(layer))
        return
    status = layer.status.codes
    codes = {code.value for code in status}
    without_mark = [code.value for code in status if code.mark is None]
    assert without_mark == []
    for start, end in status.transitions():
        assert start in codes | {""}
        assert end in codes
        assert start != end


@every_layer
def test_style_field_has_a_mark_for_every_code(layer):
    if layer.style_field is None:
        return
    codes = layer.fields[layer.style_field].codes
    sprite = marks.sprite()
    for code in codes:
        assert code.mark is not None, code
        assert f'id="{code.mark.shape}"' in sprite, code.mark.shape


@every_layer
def test_sort_fields_exist_and_the_time_field_is_temporal(layer):
    for name in layer.order:
        assert name.removeprefix("-") in layer.fields
    if layer.time is not None:
        assert layer.fields[layer.time].type.scalar is Scalar.INSTANT


@every_layer
def test_check_constraints_on_geometry_and_accuracy_exist(layer):
    names = {
        str(constraint.name)
        for constraint in layer.model.__table__.constraints
        if isinstance(constraint, CheckConstraint)
    }
    for needed in ("geom_finite", "geom_valid", "position_source_of_geom", "accuracy_m_finite"):
        assert any(name.endswith(needed) for name in names), needed


@every_layer
def test_layer_has_the_common_properties(layer):
    assert set(layer.fields) | {"id", "layer"} >= COMMON


@pytest.mark.parametrize(("collection", "name"), [(c, n) for c, names in PROMISED.items() for n in names])
def test_promised_properties_exist_with_their_codes(collection, name):
    field = catalog[collection].fields[name]
    codes = PROMISED[collection][name].split()
    if codes:
        assert [code.value for code in field.codes] == codes


@pytest.mark.parametrize("collection", TRANSITIONS)
def test_transitions_are_those_promised(collection):
    promised = set()
    for row in TRANSITIONS[collection].split("·"):
        start, *ends = row.split()
        promised |= {(start, end) for end in ends}
    assert set(catalog[collection].status.codes.transitions()) == promised


def test_marker_condition_may_change_to_any_other():
    codes = [code.value for code in catalog["markers"].status.codes]
    expected = {(start, end) for start in codes for end in codes if start != end}
    assert set(catalog["markers"].status.codes.transitions()) == expected


def test_levels_and_position_sources_are_in_order():
    levels = [code.value for code in catalog["markers"].fields["level"].codes]
    assert levels == ["public", "partner", "internal", "restricted"]
    sources = [code.value for code in catalog["markers"].fields["position_source"].codes]
    assert sources == ["protocol", "survey", "gps", "map", "assumed", "none"]
