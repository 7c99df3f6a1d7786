"""The reference files: complete, with sources, known codes and no personal names."""

import csv
import datetime as dt
import json
import re
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data" / "reference"
TABLES = {path.name: list(csv.DictReader(path.read_text("utf-8").splitlines())) for path in sorted(DATA.glob("*.csv"))}
DRAWINGS = {
    str(path.relative_to(DATA)): json.loads(path.read_text("utf-8")) for path in sorted(DATA.rglob("*.geojson"))
}

MARKER = r"(?:0|[1-9]\d{0,3})(?:/[1-9]\d{0,2})?(?:\([1-3]\))?"
ADDRESS = re.compile(rf"{MARKER}(?:[–-]{MARKER})?")
DOCUMENT = re.compile(r"\d{1,6}(?:/\d{4})?[-/][0-9A-ZĐa-zđ.&-]+(?:/[0-9A-ZĐa-zđ.&-]+)?")
BORDERS = {"VN-KH", "VN-CN", "VN-LA"}
STAGES = {
    "in_plan", "survey", "counterpart_consult", "ministry_opinions", "pm_principle", "gov_resolution", "infrastructure",
    "forces_ready", "acceptance", "note_exchange", "opening_ceremony", "operating", "suspended", "closed",
}  # fmt: skip
CATEGORIES, MODES = {"international", "main", "local"}, {"road", "rail", "waterway"}
VOCABULARY = {
    ("markers.csv", "kind"): {"main", "sub", "tripoint"},
    ("markers.csv", "built_by"): {"ours", "theirs", ""},
    ("markers.csv", "responsible_side"): {"ours", "theirs", ""},
    ("markers.csv", "replaces_main"): {"yes", ""},
    ("markers.csv", "position_source"): {"protocol", "survey", "gps", "map", ""},
    ("gates.csv", "category"): CATEGORIES | {""},
    ("gates.csv", "mode"): MODES,
    ("gates.csv", "stage"): STAGES | {""},
    ("gates.csv", "position_source"): {"protocol", "survey", "gps", "map", ""},
    ("gate_categories.csv", "category"): CATEGORIES,
    ("gate_events.csv", "kind"): STAGES | {"restored", "note"},
    ("gate_events.csv", "precision"): {"day", "month", "year"},
    ("gate_plans.csv", "category"): CATEGORIES,
    ("gate_plans.csv", "mode"): MODES,
    ("gate_plans.csv", "horizon"): {"2030", "2050"},
    ("crossings.csv", "kind"): {"opening", "clearance_lane", "dedicated_road"},
    ("crossings.csv", "state"): {"planned", "open", "suspended", "closed"},
    ("documents.csv", "kind"): {
        "plan", "decision", "resolution", "notice", "dispatch", "instruction", "submission", "law", "decree",
        "circular", "consolidation", "treaty", "agreement", "protocol",
    },
    ("units.csv", "side"): {"ours", "theirs", "both"},
    ("units.csv", "kind"): {
        "government", "ministry", "people_committee", "steering_committee", "committee", "department", "office",
        "management_board", "military_command", "border_guard", "neighbour_province",
    },
    ("administrative_areas.csv", "kind"): {"province", "district", "commune"},
    ("posts.csv", "condition"): {"planned", "planted", "damaged", "missing"},
    ("procedures.csv", "by"): {"finder", "responsible", "both", "joint_committee"},
    ("procedures.csv", "applies"): {"always", "not_restorable"},
    ("border_profiles.csv", "notice_required"): {"yes", "no", "unknown"},
    ("seed_items.csv", "record"): {"work", "task", "crossing", "document"},
    ("seed_items.csv", "state"): {"open", "waiting", "done"},
}  # fmt: skip
NUMBERS = {"lon", "lat", "accuracy_m", "distance_to_osm_line_m", "step", "notice_days", "horizon", "period"}
DATES = {
    "on", "category_since", "valid_from", "valid_to", "opened_on", "issued_on", "in_force_on", "due", "waiting_since",
    "done_on",
}  # fmt: skip


def cells(*columns: str):
    """Every filled cell of the named columns: (where, row, value)."""
    for name, rows in TABLES.items():
        for line_number, row in enumerate(rows, start=2):
            for column in columns:
                if row.get(column):
                    yield f"{name}:{line_number} {column}", row, row[column]


def names(table: str, *columns: str) -> set[str]:
    """Everything a table's rows may be called."""
    return {part for row in TABLES[table] for column in columns for part in row[column].split(";") if part}


@pytest.mark.parametrize("name", TABLES)
def test_rows_have_the_columns_of_their_header(name):
    assert TABLES[name], "the table has rows"
    for row in TABLES[name]:
        assert None not in row, row
        assert None not in row.values(), row


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_source(name):
    column = "basis" if name == "seed_items.csv" else "source"
    assert [row for row in TABLES[name] if not row[column].strip()] == []


def test_cells_have_no_surrounding_spaces():
    columns = {column for rows in TABLES.values() for column in rows[0]}
    assert [where for where, _, value in cells(*columns) if value != value.strip()] == []


def test_number_cells_are_numbers():
    for where, _, value in cells(*NUMBERS):
        assert re.fullmatch(r"-?\d+(\.\d+)?", value), where


def test_date_cells_are_iso_dates():
    for where, _, value in cells(*DATES):
        assert dt.date.fromisoformat(value).isoformat() == value, where


def test_validity_starts_before_it_ends():
    for where, row, until in cells("valid_to"):
        assert not row["valid_from"] or row["valid_from"] < until, where


def test_imprecise_dates_are_the_first_day_of_their_period():
    for row in TABLES["gate_events.csv"]:
        assert row["precision"] != "year" or row["on"].endswith("-01-01"), row
        assert row["precision"] != "month" or row["on"].endswith("-01"), row


@pytest.mark.parametrize(("table", "column"), VOCABULARY)
def test_codes_are_in_their_code_list(table, column):
    assert {row[column] for row in TABLES[table]} <= VOCABULARY[table, column]


def test_codes_are_lower_case_ascii():
    for where, _, value in cells(
        "kind", "stage", "category", "mode", "state", "status", "side", "by", "code", "position_source"
    ):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", value), where


def test_borders_are_the_three_land_borders():
    assert {value for _, _, value in cells("border")} <= BORDERS


def test_marker_numbers_are_well_formed_and_unique():
    for table in ("markers.csv", "anchors.csv"):
        keys = [(row["border"], row["number"]) for row in TABLES[table]]
        assert len(keys) == len(set(keys))
        assert all(re.fullmatch(MARKER, number) for _, number in keys)


def test_kind_follows_from_the_number():
    for row in TABLES["markers.csv"]:
        kind = "tripoint" if row["number"] == "0" else "sub" if "/" in row["number"] else "main"
        assert row["kind"] == kind, row


def test_twins_replace_their_main_number_completely():
    twins_by_main: dict[tuple[str, str], set[str]] = {}
    for row in TABLES["markers.csv"]:
        if "(" in row["number"] and "/" not in row["number"]:
            assert row["replaces_main"] == "yes", row
            twins_by_main.setdefault((row["border"], row["number"].split("(")[0]), set()).add(row["number"])
        else:
            assert not row["replaces_main"], row
    assert twins_by_main["VN-CN", "261"] == {"261(1)", "261(2)"}
    for (_, main), twins in twins_by_main.items():
        assert len(twins) > 1
        assert twins == {f"{main}({n})" for n in range(1, len(twins) + 1)}


def test_positions_are_complete_and_near_the_borders():
    for where, row, lon in cells("lon"):
        assert 102 <= float(lon) <= 110, where
        assert 8 <= float(row["lat"]) <= 24, where
        if "position_source" in row:
            assert row["position_source"], where
            assert float(row["accuracy_m"]) >= 10, where
    for where, row, _ in cells("position_source"):
        assert row["lon"], where


def test_marker_positions_are_those_of_marker_facts():
    facts = {(round(float(r["lon"]), 8), round(float(r["lat"]), 8)) for r in TABLES["marker_facts.csv"]}
    placed = {(round(float(r["lon"]), 8), round(float(r["lat"]), 8)) for r in TABLES["markers.csv"] if r["lon"]}
    assert placed == facts


def test_sections_and_places_are_marker_addresses():
    for where, _, value in cells("section", "at"):
        assert ADDRESS.fullmatch(value), where
    for row in TABLES["seed_items.csv"]:
        border, _, address = row["place"].partition(" ")
        assert border not in BORDERS or ADDRESS.fullmatch(address), row["place"]


def test_document_numbers_are_well_formed():
    for where, _, value in cells("document", "decision"):
        assert DOCUMENT.fullmatch(value), where
    for row in TABLES["documents.csv"]:
        assert not row["number"] or DOCUMENT.fullmatch(row["number"]), row


def test_document_number_is_unique_per_issuer_and_year():
    rows = [row for row in TABLES["documents.csv"] if row["number"]]
    keys = [(row["number"], row["issuer"], row["issued_on"][:4]) for row in rows]
    assert len(keys) == len(set(keys))
    assert len({row["key"] for row in TABLES["documents.csv"]}) == len(TABLES["documents.csv"])


def test_cited_documents_are_listed():
    listed = {row["number"] for row in TABLES["documents.csv"]}
    assert {value for _, _, value in cells("document", "decision")} <= listed
    for row in TABLES["seed_items.csv"]:
        for number in re.findall(r"\d+(?:/\d{4})?/(?:QĐ|NQ|NĐ|UBND|KH|TB)-[A-ZĐa-z]+", row["basis"]):
            assert number in listed, row["basis"]


def test_seed_documents_are_listed():
    assert {f"S00{n}" for n in range(5)} <= {row["key"] for row in TABLES["documents.csv"]}


def test_gate_names_are_unique_and_references_to_them_exist():
    known = [row["name"] for row in TABLES["gates.csv"]]
    assert len(known) == len(set(known))
    assert {value for _, _, value in cells("gate")} <= set(known)


def test_category_of_a_gate_is_the_current_one_in_its_history():
    today = {row["gate"]: row["category"] for row in TABLES["gate_categories.csv"] if not row["valid_to"]}
    assert today == {row["name"]: row["category"] for row in TABLES["gates.csv"] if row["category"]}


def test_planned_category_differs_from_the_present_one():
    """A gate is not planned to become by 2030 or 2050 what it is today, unless by another mode of transport."""
    today = {row["name"]: (row["category"], row["mode"]) for row in TABLES["gates.csv"]}
    for plan in TABLES["gate_plans.csv"]:
        assert (plan["category"], plan["mode"]) != today[plan["gate"]], plan


def test_stage_of_a_gate_has_an_event():
    """Every gate with a stage has an event of that stage."""
    reached: dict[str, set[str]] = {}
    for row in TABLES["gate_events.csv"]:
        if not row["crossing"]:
            reached.setdefault(row["gate"], set()).add(row["kind"])
    for row in TABLES["gates.csv"]:
        assert not row["stage"] or row["stage"] in reached[row["name"]], row


def test_events_of_tan_nam_are_in_order_with_resolution_and_opening():
    events = [(row["kind"], row["on"]) for row in TABLES["gate_events.csv"] if row["gate"] == "Tân Nam"]
    assert events == sorted(events, key=lambda event: event[1])
    assert {("gov_resolution", "2019-12-03"), ("opening_ceremony", "2025-12-08")} <= set(events)


def test_places_and_units_of_seed_items_exist():
    gates, crossings = names("gates.csv", "name", "aliases"), names("crossings.csv", "name", "aliases")
    provinces = names("gates.csv", "province", "former_province")
    for row in TABLES["seed_items.csv"]:
        kind, _, name = row["place"].partition(" ")
        if kind == "gate":
            assert name in gates
        elif kind == "crossing":
            assert name in crossings
        elif row["place"].startswith("all gates of "):
            assert set(name.removeprefix("gates of ").split(" and ")) <= provinces
        else:
            assert kind in BORDERS | {"none", "sectors", "openings"}, row["place"]
        assert row["unit"] in names("units.csv", "name", "short_name", "aliases"), row["unit"]


def test_seed_items_about_crossings_match_the_rows_of_crossings():
    crossings = {row["seed_item"]: row for row in TABLES["crossings.csv"] if row["seed_item"]}
    for row in TABLES["seed_items.csv"]:
        if row["record"] == "crossing":
            match = crossings[row["item"]]
            assert f"{match['border']} {match['section'].replace('–', '-')}" == row["place"]
            assert (match["kind"], match["state"], match["opened_on"]) == (row["kind"], row["status"], row["done_on"])


def test_referenced_sub_markers_are_listed():
    listed = {(row["border"], row["number"]) for row in TABLES["markers.csv"]}
    for _, row, value in cells("section", "at", "place"):
        for sub in re.findall(r"\d+/\d+(?:\(\d\))?", value):
            assert (row.get("border") or value.split()[0], sub) in listed, value


def test_parents_and_successors_exist():
    units = names("units.csv", "name")
    assert {row[column] for row in TABLES["units.csv"] for column in ("parent", "successor") if row[column]} <= units
    areas = names("administrative_areas.csv", "name")
    assert {row[c] for row in TABLES["administrative_areas.csv"] for c in ("parent", "successor") if row[c]} <= areas
    assert names("gates.csv", "province", "former_province", "former_district", "commune") <= areas


def test_ended_units_are_no_successors():
    ended = {row["name"] for row in TABLES["units.csv"] if row["valid_to"]}
    assert not ended & {row["successor"] for row in TABLES["units.csv"]}


def test_procedure_steps_are_numbered_in_order():
    for border in BORDERS:
        rows = [row for row in TABLES["procedures.csv"] if row["border"] == border]
        assert [int(row["step"]) for row in rows] == list(range(1, len(rows) + 1))
        assert len({row["code"] for row in rows}) == len(rows)


def test_notice_required_by_a_border_profile_is_a_step_of_its_procedure():
    profiles = {row["border"]: row for row in TABLES["border_profiles.csv"]}
    assert set(profiles) == BORDERS
    notices = {row["border"]: row["notice_days"] for row in TABLES["procedures.csv"] if row["code"] == "notice"}
    required = {border: row["notice_days"] for border, row in profiles.items() if row["notice_required"] == "yes"}
    assert required == notices == {"VN-CN": "10", "VN-KH": ""}


def test_no_personal_names_or_telephone_numbers():
    person = re.compile(
        r"(?:\b(?:[Ôô]ng|[Bb]à|[Đđ]ồng chí|Mr|Ms|Mrs)\.? [A-ZĐ]\w+)"
        r"|\b(?:Nguyễn|Trần|Phạm|Huỳnh|Phan|Vũ|Võ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Trịnh|Lê|Hoàng)(?: [A-ZĐÁÀÂĂÊÔƠƯ]\w+){2,3}"
    )
    telephone = re.compile(r"(?<![\d.])(?:\+84|0)[\d .]{8,11}\d\b")
    for path in sorted(DATA.iterdir()):
        if path.is_file():
            text = path.read_text("utf-8")
            assert not person.search(text), (path.name, person.search(text))
            if path.suffix == ".csv":
                assert not telephone.search(text), (path.name, telephone.search(text))


@pytest.mark.parametrize("name", DRAWINGS)
def test_geojson_features_have_kind_and_source_and_a_licence_notice(name):
    drawing = DRAWINGS[name]
    assert drawing["features"]
    assert (DATA / name).with_name("NOTICE.md").exists()
    for feature in drawing["features"]:
        assert all(feature["properties"][key] for key in ("kind", "source"))


def test_boundary_line_is_indicative_and_attributed():
    files = [drawing for name, drawing in DRAWINGS.items() if name.startswith("osm/")]
    lines = [feature["properties"] for drawing in files for feature in drawing["features"]]
    assert {line["border"] for line in lines} == BORDERS
    assert {(line["attribution"], line["legal_status"]) for line in lines} == {
        ("© OpenStreetMap contributors", "indicative only, not the legal boundary")
    }


def test_base_map_has_only_rivers_lakes_and_provinces_below_400_kb():
    background = {name: drawing for name, drawing in DRAWINGS.items() if name.startswith("basemap/")}
    kinds = {feature["properties"]["kind"] for drawing in background.values() for feature in drawing["features"]}
    assert kinds == {"river", "lake", "province"}
    drawn_as = {"rivers": "LineString", "lakes": "Polygon", "places": "Point"}
    for name, drawing in background.items():
        assert {feature["geometry"]["type"] for feature in drawing["features"]} == {drawn_as[Path(name).stem]}
    assert sum((DATA / name).stat().st_size for name in background) < 400_000
