"""Hostile text in every place where somebody may write, on every page, in every file, in every answer: text, and inert.

The doors are read from the application itself: one that nobody has asked here fails. Pages are read as a browser's
parser reads them, then opened in a real Chromium in which whatever runs, is fetched or breaks the policy is heard.
"""

import csv
import datetime as dt
import io
import json
import re
import sqlite3
import uuid
import zipfile
from types import SimpleNamespace
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import httpx
import openpyxl
import pyogrio
import pytest
from playwright.sync_api import expect

from api.app import create_app
from gis.model.layer import catalog
from tests.factories import minimal_body
from tests.hostile_texts import ACCEPTED, ALL_ACCEPTED, EVALUATED, REFUSED, SHORT_PAYLOAD, fit_payload, inspect_page
from tests.journeys.hostile_requests import (
    FILED,
    MOMENTS,
    PARAMETERS,
    PLACE,
    RECIPIENT,
    SECRET,
    SEEN_BY_PEOPLE,
    UNIT,
    Asking,
)
from tests.leak_markers import MarkedDataset, Row
from tests.leak_requests import request_urls, routes


@pytest.fixture(scope="module")
def admin_browser(site_url, accounts):
    """The administrator, who may see and write everything."""
    person = Asking(site_url, accounts, "chief", "administrator", second_factor=SECRET, title=ACCEPTED["svg"])
    yield person
    person.client.close()


@pytest.fixture(scope="module")
def second_browser(site_url, accounts):
    """Somebody else, who approves."""
    person = Asking(site_url, accounts, "minh", "office", title=RECIPIENT)
    yield person
    person.client.close()


@pytest.fixture(scope="module")
def stored_payloads(admin_browser, second_browser):
    """Every payload in every place; gives where things are: the ids of what holds them all, by layer."""
    created = {
        entry: admin_browser.write(entry, ALL_ACCEPTED, level="public") for entry in catalog if catalog[entry].editable
    }
    holdings = {layer: entry["id"] for layer, entry in created.items()}
    name = created["gates"]["properties"]["name"]
    admin_browser.write("units", UNIT, name=UNIT, side="ours")
    for text in ACCEPTED.values():
        incident = admin_browser.write("incidents", text, place=PLACE)
        where = f"/ogc/collections/incidents/items/{incident['id']}"
        admin_browser.send(f"{where}/moves", {"to": "verified", "reason": text}, 200)
        admin_browser.write("works", text, place=PLACE, due_on="2020-01-01")
        admin_browser.write("tasks", text, due_on="2020-01-01")
        event = {"kind": "note", "on": "2026-01-05", "document": text[:200], "note": text, "reason": text}
        admin_browser.send(f"/ogc/collections/gates/items/{holdings['gates']}/events", event)
        document = f"/ogc/collections/documents/items/{holdings['documents']}"
        head = {"X-Reason": quote(text), "If-Match": admin_browser.client.get(document).headers["etag"]}
        answer = admin_browser.client.patch(document, json={"title": fit_payload(text, 200)}, headers=head)
        assert answer.status_code == 200, (text, answer.text)
    for layer in ("incidents", "works", "tasks"):
        url = f"/ogc/collections/{layer}/items/{holdings[layer]}/links"
        admin_browser.send(url, {"to": holdings["gates"], "role": "subject", "reason": ALL_ACCEPTED[:500]})
    release = admin_browser.send("/api/releases", {
        "name": ACCEPTED["a template literal"], "recipient": RECIPIENT, "basis": ACCEPTED["an image"],
        "note": ALL_ACCEPTED,
        "document": holdings["documents"],
        "parts": [{"layer": "gates", "filter": {"name": name}, "fields": ["name"], "decimals": 5}],
    })["id"]  # fmt: skip
    for who, to in ((admin_browser, "submitted"), (second_browser, "approved"), (second_browser, "published")):
        who.send(f"/api/releases/{release}/versions/1/moves", {"to": to, "reason": ALL_ACCEPTED[:500]}, 200)
    for number, text in enumerate(ACCEPTED.values()):
        if "\n" not in text:
            token = {"name": text[:200], "role": "partner", "recipient": RECIPIENT, "days": 1}
            inputs = admin_browser.send("/api/tokens", token)["token"]
            person = {"name": f"person.{number}", "role": "officer", "unit": UNIT, "title": text[:200]}
            admin_browser.send("/api/people", {**person, "subject": text[:200]})
    machine = admin_browser.client.get("/api/tokens").json()["tokens"][0]["id"]
    return {**holdings, "release": release, "token": inputs, "machine": machine}


def addresses(written):
    """Every reading door of the application with what is written behind it: the address by the path."""
    rows = [
        Row(catalog[layer], "public", number, uuid.UUID(entry))
        for number, (layer, entry) in enumerate(written.items())
        if layer in catalog
    ]
    listed = request_urls(MarkedDataset(rows, dt.datetime.now(dt.UTC)))
    own_value = {
        "/account": ["/account"], "/people": ["/people"], "/tokens": ["/tokens"], "/api/account": ["/api/account"],
        "/api/people": ["/api/people"], "/api/tokens": ["/api/tokens"], "/signin": ["/signin"],
        "/api/account/sign-ins": ["/api/account/sign-ins"],
        "/api/tokens/{token}/uses": [f"/api/tokens/{written['machine']}/uses"],
        "/healthz": ["/healthz"], "/signin/password": ["/signin/password"], "/signin/oidc": ["/signin/oidc"],
        "/signin/oidc/callback": [
            f"/signin/oidc/callback?{urlencode(dict.fromkeys(('code', 'state', 'error'), ALL_ACCEPTED))}"
        ],
        "/api/holdings": [f"/api/holdings?{urlencode({'recipient': RECIPIENT})}"],
        "/holdings": [f"/holdings?{urlencode({'recipient': RECIPIENT})}"],
    }  # fmt: skip
    release = {
        path: [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", written["release"], entry) for entry in results]
        for path, results in listed.items()
        if "{release}" in path
    }
    return listed | own_value | release


@pytest.fixture(scope="module")
def answers(admin_browser, stored_payloads):
    """What the administrator is answered at every door, and at every page with payloads in its address."""
    required = [entry for results in addresses(stored_payloads).values() for entry in results]
    pages = [entry for entry in SEEN_BY_PEOPLE if "{" not in entry] + ["/ogc/collections/incidents/items", "/ogc"]
    for text in (ALL_ACCEPTED, ACCEPTED["an attribute"], ACCEPTED["an address that runs"]):
        required += [f"{page}?{urlencode(dict.fromkeys(PARAMETERS, text))}" for page in pages]
        required += [f"{page}?{urlencode(dict.fromkeys(MOMENTS, text))}" for page in pages]
        required += [f"/{quote(text, safe='')}", f"/ogc/collections/{quote(text, safe='')}?f=html"]
    results = {address: admin_browser.client.get(address) for address in dict.fromkeys(required)}
    partner = {"authorization": f"Bearer {stored_payloads['token']}"}
    with httpx.Client(base_url=str(admin_browser.client.base_url), headers=partner) as theirs:
        for path in ("/ogc/releases", "/ogc/collections/gates/items", "/ogc/collections/gates/items?f=html"):
            results[f"partner {path}"] = theirs.get(path)
    return results


def test_every_get_route_is_requested(settings, stored_payloads):
    app = create_app(settings)
    assert {path for method, path in routes(app) if method == "GET"} == set(addresses(stored_payloads))


def test_no_5xx_and_no_injected_header(answers):
    for address, answer in answers.items():
        assert answer.status_code < 500, address
        assert "stolen" not in answer.headers.get("set-cookie", ""), address
        for name, value in answer.headers.items():
            if name == "location":
                assert re.match(r"(http://localhost:\d+)?/(?!/)", value), (address, value)
                continue
            assert not re.search(r"alert\(|evil\.example|<(?!http)|[\"'`]>|[^\x20-\x7e]", value), (address, name, value)
        if tag := answer.headers.get("etag"):
            assert re.fullmatch(r'(W/)?"[\w-]+"', tag), (address, tag)
        if stored := answer.headers.get("content-disposition"):
            assert re.fullmatch(r'attachment; filename="[\w.-]+"', stored), (address, stored)


def test_pages_show_hostile_text_and_run_none_of_it(answers):
    seen = []
    for address, answer in answers.items():
        if "html" in answer.headers.get("content-type", ""):
            faults, spoken = inspect_page(answer.text)
            assert faults == [], address
            seen.append(spoken)
    assert len(seen) > 100
    message = "\n".join(seen)
    visible = {name for name, text in ACCEPTED.items() if " ".join(text.split()) in " ".join(message.split())}
    assert set(ACCEPTED) - visible == set()


def test_json_answers_carry_hostile_text_unchanged(answers):
    read_as_json = 0
    for address, answer in answers.items():
        kind = answer.headers.get("content-type", "")
        assert answer.headers["x-content-type-options"] == "nosniff", address
        assert EVALUATED not in answer.text, address
        if "json" in kind and "seq" not in kind:
            json.loads(answer.content)
            read_as_json += 1
        elif not re.match(r"text/html|$", kind):
            assert re.match(
                r"application/(vnd\.|zip|geopackage|flatgeobuf|geo\+json-seq)|text/(csv|javascript)|image/svg", kind
            ), (address, kind)
    assert read_as_json > 100


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_control_and_bidi_characters_are_refused_by_text_fields(text, admin_browser, stored_payloads):
    def refused(path, field, **body):
        content = json.dumps(body, ensure_ascii=True)
        answer = admin_browser.client.post(path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (path, field, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    for layer, fields in (
        ("incidents", ["description", "unit"]),
        ("works", ["title"]),
        ("documents", ["title", "number"]),
    ):
        for field in fields:
            refused(f"/ogc/collections/{layer}/items", field, **minimal_body(catalog[layer], **{field: text}))
    item = f"/ogc/collections/incidents/items/{stored_payloads['incidents']}"
    refused(f"{item}/moves", "reason", to="verified", reason=text)
    refused(f"{item}/links", "at", role="site", at=text)
    events = f"/ogc/collections/gates/items/{stored_payloads['gates']}/events"
    refused(events, "note", kind="note", on="2026-01-05", note=text)
    refused("/api/people", "title", name="somebody", role="officer", unit=UNIT, title=text)
    refused("/api/tokens", "name", name=text, role="office", days=1)
    refused("/api/releases", "name", name=text, recipient="x", parts=[])
    device = admin_browser.client.post(
        f"{item}/moves", json={"to": "x", "reason": "x"}, headers={"X-Device-At": quote(ALL_ACCEPTED)[:99]}
    )
    assert device.status_code == 400
    if "\ud800" not in text:
        reason = admin_browser.client.delete(item, headers={"X-Reason": quote(text), "If-Match": '"1-x"'})
        assert reason.status_code == 422


# Files, opened by whatever opens them.


@pytest.fixture(scope="module")
def export(admin_browser, stored_payloads):
    """A file of a layer, as its bytes, with payloads also in what was asked for."""

    def exporting(layer, f, **requested):
        answer = admin_browser.client.get(f"/api/export/{layer}", params={"f": f, **requested})
        assert answer.status_code == 200, answer.text
        return answer.content

    return exporting


@pytest.mark.parametrize("layer", FILED)
def test_csv_cells_are_never_formulas(layer, export):
    text = export(layer, "csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if re.match(r"[=+@\t\r\n＝＋－＠]|-\D|-\d[^.\d]", cell)] == []
    if layer != "documents":
        assert any(cell == "'" + ACCEPTED["a formula"] for cell in cells)


@pytest.mark.parametrize("layer", FILED)
def test_workbook_has_text_cells_and_no_links(layer, export):
    content = export(layer, "xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for name in packed.namelist():
            assert not re.search("externalLink|vba|macro|embeddings|connections|drawing", name), name
            part = packed.read(name).decode()
            assert "<!DOCTYPE" not in part
            ET.fromstring(part)
            assert (
                not re.search(r"<f[ >/]|hyperlink", part, re.IGNORECASE) or "sharedStrings" in name or "sheet1" in name
            )
    for sheet in openpyxl.load_workbook(io.BytesIO(content)):
        cells = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
        assert {cell.data_type for cell in cells} == {"s"}
        assert [cell.value for cell in cells if cell.hyperlink] == []
        assert [cell.value for cell in cells if cell.row > 1 and not cell.quotePrefix] == []


@pytest.mark.parametrize("layer", FILED)
def test_kml_is_valid_and_its_text_is_text(layer, export):
    content = export(layer, "kml")
    assert content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<kml ')  # and no declaration between
    message = ET.fromstring(content)
    elements = {element.tag.rpartition("}")[2] for element in message.iter()}
    assert elements <= {
        "kml", "Document", "Schema", "SimpleField", "Folder", "Placemark", "name", "description", "ExtendedData",
        "SchemaData", "SimpleData", "Point", "LineString", "Polygon", "MultiGeometry", "outerBoundaryIs", "LinearRing",
        "coordinates", "displayName", "Data", "value",
    }, elements  # fmt: skip
    for element in message.iter():
        if element.tag.endswith("}description"):
            assert "<" not in (element.text or "")
    texts = {element.text for element in message.iter()}
    if layer != "documents":
        own_value = (
            "a formula",
            "an element of its own",
            "the end of character data alone",
            "the end of character data",
        )
        assert {ACCEPTED[name] for name in own_value} <= texts


@pytest.mark.parametrize("layer", FILED)
def test_geopackage_holds_text_as_data_only(layer, export, tmp_path):
    path = tmp_path / "file.gpkg"
    path.write_bytes(export(layer, "gpkg"))
    opened = sqlite3.connect(path)
    created = [sql or "" for (sql,) in opened.execute("select sql from sqlite_master")]
    assert not any(re.search(r"alert\(|8191|evil\.example|load_extension", sql) for sql in created)
    for qml, sld, description in opened.execute("select styleQML, styleSLD, description from layer_styles"):
        for drawn in filter(None, (qml, sld)):
            ET.fromstring(drawn)
            assert not re.search(r"alert\(|8191|evil\.example|mapTip|<action", drawn)
        assert "alert(" not in (description or "")
    opened.close()
    names = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    message = "\n".join(pyogrio.read_dataframe(path, layer=name).to_csv() for name in names)
    assert ACCEPTED["an image"] in message


@pytest.mark.parametrize("f", ["geojson", "geojsonseq", "shp", "fgb", "parquet", "kml", "xlsx", "csv", "gpkg"])
def test_hostile_filter_does_not_reach_file_names(f, export, admin_browser):
    for text in (SHORT_PAYLOAD, ACCEPTED["a head of its own"], ACCEPTED["a path"], "\x01 \ufffe ]]>"):
        answer = admin_browser.client.get("/api/export/works", params={"f": f, "q": text})
        assert answer.status_code == 200, (f, answer.text)
        assert re.fullmatch(r'attachment; filename="works-[\w.-]+"', answer.headers["content-disposition"])
        if f == "kml":
            ET.fromstring(answer.content)


# The pages in a real browser.


@pytest.fixture(scope="module")
def server(site_url):
    """The address that the visitor goes to."""
    return SimpleNamespace(base_url=site_url)


@pytest.fixture
def desktop_page(visitor, admin_browser, stored_payloads):
    """The administrator's browser at a desk."""
    page = visitor.open_on_desktop("/signin/password")
    name, _, value = admin_browser.client.headers["cookie"].partition("=")
    page.context.add_cookies(
        [{"name": name, "value": value, "url": visitor.base_url.replace("http:", "https:"), "secure": True}]
    )
    return page


def harmless(page):
    """The page stands and is of use; what went wrong on the way the visitor remembers."""
    expect(page.locator("h1").first).to_be_attached()
    results = page.evaluate(
        """() => [...document.querySelectorAll("iframe, object, embed, base, img[src=x], form[action*=evil],"
                + " script:not([src]):not([type='application/json']), [onerror], [onload], [onfocus], [onmouseover],"
                + " a[href^='javascript'], [srcdoc], meta[http-equiv]")].map((one) => one.outerHTML)"""
    )
    assert results == [], page.url
    assert EVALUATED not in page.content(), page.url


def test_every_page_renders_and_runs_no_hostile_script(desktop_page, visitor, stored_payloads):
    """In one browser, page after page: what runs, is fetched elsewhere or breaks the policy fails the visitor."""
    showing = set()
    others = [f"/ogc/collections/{layer}/items{rest}?f=html" for layer in ("incidents", "gates")
              for rest in ("", f"/{stored_payloads[layer]}")]  # fmt: skip
    for path in [*SEEN_BY_PEOPLE, "/ogc?f=html", *others]:
        address = path.replace("{release}", stored_payloads["release"])
        address += "?" + urlencode({"recipient": RECIPIENT}) if path == "/holdings" else ""
        requested = (
            "?" + urlencode({"q": SHORT_PAYLOAD}) if path in ("/", "/works", "/incidents/new", "/changes") else ""
        )
        for query in dict.fromkeys(["", requested]):
            desktop_page.goto(f"{address}{query}")
            if desktop_page.locator("#map_main").count():
                desktop_page.wait_for_load_state("networkidle")
            harmless(desktop_page)
        if "<img src=x onerror=alert(1)>" in desktop_page.locator("body").inner_text():
            showing.add(path)
    silent = {"/incidents/new", "/account", "/signin", "/signin/password", "/releases/{release}/new", "/releases/new"}
    assert set(SEEN_BY_PEOPLE) - showing <= silent | {"/markers", "/board"}  # these show the first of many only
    visitor.page_errors = [page_error for page_error in visitor.page_errors if "status of 422" not in page_error]


@pytest.mark.parametrize("layer", ["incidents", "works", "gates", "tasks", "markers", "documents"])
def test_map_shows_hostile_text_in_card_record_and_timeline(layer, visitor, desktop_page, stored_payloads):
    desktop_page.goto(f"/?layers={layer}&tab=works&select={layer}/{stored_payloads[layer]}")
    displayed = desktop_page.get_by_text("<img src=x onerror=alert(1)>").filter(
        visible=True
    )  # not in the list behind the card
    expect(displayed.first).to_be_visible()
    desktop_page.wait_for_load_state("networkidle")
    harmless(desktop_page)


def test_printed_pages_are_inert_too(desktop_page):
    for path in ("/incidents", "/board"):
        desktop_page.goto(path, wait_until="networkidle")
        desktop_page.emulate_media(media="print")
        harmless(desktop_page)
        assert desktop_page.pdf(format="A3").startswith(b"%PDF")
