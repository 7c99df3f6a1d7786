"""Privileges of each login and role, column by column: the catalogue is compared with this list."""

from gis.db.session import ACCOUNTS_LOGIN, PARTNER_LOGIN, READER_LOGIN, SEALER_LOGIN, WRITER_LOGIN
from gis.model.layer import catalog

BELONGING_TO_NOBODY = {"public.spatial_ref_sys", "public.geography_columns", "public.geometry_columns"}
"""PostGIS's own tables, which everybody reads and in which nothing of the house stands."""

OWN_PRIVILEGES = {
    READER_LOGIN: {},
    WRITER_LOGIN: {},
    ACCOUNTS_LOGIN: dict.fromkeys(
        ("people", "appointments", "sign_ins", "recovery_codes", "tokens", "token_uses"), "insert select update"
    ),
    SEALER_LOGIN: {"journal": "select", "seals": "insert select"},
    PARTNER_LOGIN: {f"release.{name}": "select" for name in (*catalog, "manifests", "tombstones")},
}
"""What each login holds itself; where no schema is named, in the schema of the house."""

READING = "administrator committee office officer planner public shared system"
EDITING = "administrator office officer planner system"
MAY_BECOME = {
    READER_LOGIN: {f"cotmoc_{name}" for name in READING.split()},
    WRITER_LOGIN: {f"cotmoc_{name}" for name in READING.split()} | {f"cotmoc_{name}_edit" for name in EDITING.split()},
    ACCOUNTS_LOGIN: set(),
    SEALER_LOGIN: set(),
    PARTNER_LOGIN: set(),
}

OF_EVERY_LAYER = "id level position_source source version created_at updated_at retired_at"
SHARED = "shared_geom shared_address shared_chainage_m shared_accuracy_m"
OF_ITS_PAST = "valid action"
OF_A_LAYER = {
    "administrative_areas": "name kind parent valid_from valid_to successor note",
    "areas": "border name kind state",
    "crossings": "border name kind section state opened_on counterpart aliases note",
    "documents": "number issuer issued_on in_force_on kind title holder note",
    "gates": "border name counterpart counterpart_place category category_since mode stage province former_province"
    " commune aliases",
    "incidents": "border code category severity handling occurred_at description side unit",
    "lines": "border seq kind legal_status length_m licence attribution",
    "markers": "border number kind class condition built_by responsible_side inspected_on",
    "posts": "border section label condition",
    "sectors": "border section name unit demarcated",
    "tasks": "border title kind plan clause period lead_unit coordinating_units due_on responsibility product authority"
    " state waiting_on waiting_since progress done_on description seed_item imported",
    "units": "name short_name aliases kind side province parent valid_from valid_to successor",
    "works": "border title kind stage starts_on due_on done_on progress waiting_on waiting_since unit plan clause"
    " description seed_item suspended_from",
}
OF_A_PART = {
    "gate_categories": "id feature_id category valid_from valid_to document source created_at",
    "gate_events": "id feature_id kind on precision document note source created_at",
    "gate_plans": "id feature_id horizon category mode decision on source created_at",
    "marker_inspections": "id feature_id on condition created_at",
    "work_steps": "id feature_id ordinal code title_vi title_en due_on done_on document source created_at",
    "links": "id feature_id to_id role at border geom position_source created_at",
}
OF_THE_HOUSE = {
    "cell_changes": "id layer level assumed word features east north",
    "cells": "layer grid x y level assumed word features east north",
    "moves": "layer from_word to_word",
    "route_segments": "route n m0 m1 utm level",
    "routes": "name geom length_m level",
    "shared_places": "id layer label geom position_source",
}
READ_BELOW_THE_OFFICE = {
    **{name: f"{OF_EVERY_LAYER} {SHARED} shared_mercator {columns}" for name, columns in OF_A_LAYER.items()},
    **{f"{name}_history": f"{OF_EVERY_LAYER} {SHARED} {OF_ITS_PAST} {columns}" for name, columns in OF_A_LAYER.items()},
    **OF_A_PART,
    **{f"{name}_history": f"{columns} since {OF_ITS_PAST}" for name, columns in OF_A_PART.items()},
    **OF_THE_HOUSE,
}
"""Each table that a public reader, or the house with a partner's eyes, may read, with its columns."""

RELEASED = "recipient id release added_in version sha256 served_from served_to level position_source accuracy_m address"
RELEASED += " chainage_m source created_at updated_at shared_geom shared_mercator"
COMPUTED = {
    "crossings": "gate gate_id",
    "gates": "planned_2030 planned_2050 last_event next_event",
    "incidents": "open",
    "tasks": "urgency",
    "works": "procedure urgency",
}
READ_BY_PARTNERS = {
    **{f"release.{name}": f"{RELEASED} {columns} {COMPUTED.get(name, '')}" for name, columns in OF_A_LAYER.items()},
    "release.manifests": "release number recipient name published_at withdrawn_at manifest",
    "release.tombstones": "release id recipient layer added_in removed_in withdrawn",
}
"""Each table that the partners' login may read, with its columns; of each the rows of one recipient."""

OF_RELEASES = {"releases", "release_versions", "release_parts", "release_rows", "release_steps", "holdings"}
"""What those who share with others see beside: how each release was prepared, and what has gone to whom."""

PROCEDURE = "border ordinal code title_vi title_en by always notice_days source"
ANCHORS = "border number chainage_m accuracy_m source"

CHANGED_BY = {
    "officer": "incidents links marker_inspections markers replays counters",
    "planner": "areas crossings documents gate_categories gate_events gate_plans gates links marker_inspections markers"
    " posts tasks work_steps works replays counters",
    "office": "administrative_areas areas crossings documents gate_categories gate_events gate_plans gates incidents"
    " lines links marker_inspections markers posts sectors tasks units work_steps works replays counters"
    " loaded_steps marker_anchors procedure_steps route_segments routes",
}
CHANGED_BY |= {"system": CHANGED_BY["office"]}
CHANGED_BY |= dict.fromkeys(
    ("administrator", "office"), f"{CHANGED_BY['office']} releases release_versions release_parts release_rows"
)
ERASED = {
    "officer": "links marker_inspections replays",
    "planner": "gate_categories gate_events gate_plans links marker_inspections work_steps replays",
    "office": "gate_categories gate_events gate_plans links marker_inspections work_steps replays"
    " loaded_steps marker_anchors procedure_steps route_segments routes",
}
ERASED |= {"administrator": f"{ERASED['office']} release_parts", "system": ERASED["office"]}
ERASED["office"] = ERASED["administrator"]

CALLED = {
    "app.own_units()": {"officer", "officer_edit", "officer_own"},
    "app.own_stretch(text)": {"officer", "officer_edit", "officer_own"},
    "app.write_journal(text,uuid,text,jsonb,jsonb)": {"publisher"},
    "app.journal_read(text,uuid,text,jsonb)": {"writer"},
    "app.readings(timestamp with time zone,timestamp with time zone,text,text,bigint,integer)": {
        "administrator",
        "administrator_edit",
        "office",
        "office_edit",
    },
    "app.publish_release(uuid)": {"administrator_edit", "office_edit", "publisher"},
    "app.withdraw_release(uuid)": {"administrator_edit", "office_edit", "publisher"},
    "app.told_of(uuid)": {"publisher"},
    "app.label_of(uuid)": {"publisher"},
    "app.names_hidden_marker(text,text,app.level)": {"public", "shared", "publisher"},
}
"""The functions that act with their owner's rights, and who may call them."""


OWN_OF_A_LAYER = {
    **dict.fromkeys(OF_A_LAYER, "original created_by"),
    "markers": "original created_by remark",
    "sectors": "original created_by start_m end_m",
    "tasks": "original created_by person",
    "works": "original created_by cost_planned cost_approved cost_spent funding",
}
"""The fields that are told within the house alone, and to an officer of the own matters alone."""

OWN_OF_A_PART = {**dict.fromkeys(OF_A_PART, ""), "marker_inspections": "note", "work_steps": "note"}
WHO_AND_WHY = "actor reason request device_at"
WHERE_ASSUMED = "geom address chainage_m accuracy_m"


def read_within_the_house(*, scoped):
    """Each table that a post within the house reads, with its columns: a scoped one has the own matters in views."""
    results = {name: message for name, message in OF_THE_HOUSE.items() if name != "shared_places"}
    results |= {"places": OF_THE_HOUSE["shared_places"], "procedure_steps": PROCEDURE, "marker_anchors": ANCHORS}
    for name, own_value in OF_A_LAYER.items():
        shared = f"{OF_EVERY_LAYER} {SHARED} {WHERE_ASSUMED} {own_value}"
        beside = "" if scoped else OWN_OF_A_LAYER[name]
        results[name] = f"{shared} {beside} mercator shared_mercator"
        results[f"{name}_history"] = f"{shared} {beside} {OF_ITS_PAST} {'' if scoped else WHO_AND_WHY}"
        if scoped:
            results[f"{name}_own"] = f"id version {OWN_OF_A_LAYER[name]} {WHO_AND_WHY}"
    for name, shared in OF_A_PART.items():
        beside = "" if scoped else OWN_OF_A_PART[name]
        results[name] = f"{shared} {OWN_OF_A_PART[name] if name == 'links' else beside}"
        results[f"{name}_history"] = f"{shared} {beside} since {OF_ITS_PAST} {'' if scoped else WHO_AND_WHY}"
        if scoped and name != "links":
            results[f"{name}_own"] = f"id valid {OWN_OF_A_PART[name]} {WHO_AND_WHY}"
    if scoped:
        del results["cells"], results["cell_changes"]
    return results


EVERYBODYS = {"app.actor()", "app.plain(text)", "app.text_hash(text)", "app.content_hash(jsonb)"}
"""What is only arithmetic on what the caller brings along, or the caller's own name."""

OF_WHOM = {
    READER_LOGIN: EVERYBODYS,
    WRITER_LOGIN: EVERYBODYS | {"app.journal_read(text,uuid,text,jsonb)"},
    ACCOUNTS_LOGIN: EVERYBODYS,
    SEALER_LOGIN: EVERYBODYS,
    PARTNER_LOGIN: {"release.plain(text)"},
    **{f"cotmoc_{name}": EVERYBODYS for name in ("committee", "planner")},
    "cotmoc_public": EVERYBODYS | {"app.names_hidden_marker(text,text,app.level)"},
    **dict.fromkeys(
        ("cotmoc_office", "cotmoc_administrator"),
        EVERYBODYS | {name for name, who in CALLED.items() if "office" in who} | {"release.plain(text)"},
    ),
    "cotmoc_officer": EVERYBODYS | {"app.own_units()", "app.own_stretch(text)"},
    "cotmoc_shared": EVERYBODYS
    | {"app.names_hidden_marker(text,text,app.level)"}
    | {f"app.shared_{name}(uuid[],text[],integer)" for name in catalog},
}
