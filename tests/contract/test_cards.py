"""Every card says what it is in both languages, and carries what CONTRACT.md promises to others."""

import pytest
from sqlalchemy import CheckConstraint

import layers  # noqa: F401 - fills the catalog
from gis.model.code_lists import CodeList, Status
from gis.model.layer import Layer, catalog
from gis.text.i18n import Text
from maps import marks

every = pytest.mark.parametrize("layer", catalog.values(), ids=lambda layer: layer.name)

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
"""The table of CONTRACT.md: collection, property, and the words where it gives them."""

MOVES = {
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
"""The moves of CONTRACT.md: from, and where to."""


def is_said(words: Text) -> bool:
    return bool(words.vi.strip()) and bool(words.en.strip())


def lists_of(layer: Layer) -> list[type[CodeList]]:
    return [field.codes for field in layer.fields.values() if field.codes is not None]


@every
def test_layer_and_fields_have_titles_in_both_languages(layer):
    assert is_said(layer.title)
    assert layer.description
    unnamed = [name for name, item in layer.fields.items() if not is_said(item.title)]
    assert unnamed == []


@every
def test_codes_have_distinct_titles_in_both_languages(layer):
    for codes in lists_of(layer):
        assert [word.value for word in codes if not is_said(word.title)] == []
        assert len({word.title.vi for word in codes}) == len(codes), codes
        assert len({word.title.en for word in codes}) == len(codes), codes


@every
def test_codes_are_lower_case_english(layer):
    for codes in lists_of(layer):
        for word in codes:
            assert word.value.isascii()
            assert word.value == word.value.lower() or word.value in BORDERS


@every
def test_statuses_have_marks_and_existing_transitions(layer):
    if layer.status is None:
        assert not any(issubclass(codes, Status) for codes in lists_of(layer))
        return
    status = layer.status.codes
    words = {word.value for word in status}
    undrawn = [word.value for word in status if word.mark is None]
    assert undrawn == []
    for start, end in status.transitions():
        assert start in words | {""}
        assert end in words
        assert start != end


@every
def test_style_field_has_a_mark_for_every_code(layer):
    if layer.style_field is None:
        return
    codes = layer.fields[layer.style_field].codes
    sprite = marks.sprite()
    for word in codes:
        assert word.mark is not None, word
        assert f'id="{word.mark.shape}"' in sprite, word.mark.shape


@every
def test_sort_search_and_label_use_existing_fields(layer):
    for name in layer.order:
        assert name.removeprefix("-") in layer.fields
    if layer.time is not None:
        assert layer.fields[layer.time].type in ("date", "datetime")


@every
def test_constraints_require_finite_valid_sourced_geometry(layer):
    names = {
        str(constraint.name)
        for constraint in layer.model.__table__.constraints
        if isinstance(constraint, CheckConstraint)
    }
    for needed in ("geom_finite", "geom_valid", "position_source_of_geom", "accuracy_m_finite"):
        assert any(name.endswith(needed) for name in names), needed


@every
def test_layer_has_the_common_properties(layer):
    assert set(layer.fields) | {"id", "layer"} >= COMMON


@pytest.mark.parametrize(("collection", "name"), [(c, n) for c, names in PROMISED.items() for n in names])
def test_contract_properties_exist_with_their_codes(collection, name):
    item = catalog[collection].fields[name]
    words = PROMISED[collection][name].split()
    if words:
        assert [word.value for word in item.codes] == words


@pytest.mark.parametrize("collection", MOVES)
def test_transitions_are_those_of_the_contract(collection):
    promised = set()
    for row in MOVES[collection].split("·"):
        start, *ends = row.split()
        promised |= {(start, end) for end in ends}
    assert set(catalog[collection].status.codes.transitions()) == promised


def test_marker_condition_may_change_to_any_other():
    words = [word.value for word in catalog["markers"].status.codes]
    expected = {(start, end) for start in words for end in words if start != end}
    assert set(catalog["markers"].status.codes.transitions()) == expected


def test_levels_are_one_ordered_code_list():
    words = [word.value for word in catalog["markers"].fields["level"].codes]
    assert words == ["public", "partner", "internal", "restricted"]
    sources = [word.value for word in catalog["markers"].fields["position_source"].codes]
    assert sources == ["protocol", "survey", "gps", "map", "assumed", "none"]
