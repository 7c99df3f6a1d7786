"""Hostile text in every field and parameter is inert text on every page, in every file and in every answer.

Routes are read from the application; a GET route without a request here fails. Pages are parsed, then opened in a
Chromium that records every script, foreign request and violation of the content security policy.
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
    EXPORTED_LAYERS,
    MOMENTS,
    PAGES,
    PARAMETERS,
    PLACE,
    RECIPIENT,
    SECRET,
    UNIT,
    SignedInClient,
)
from tests.leak_markers import MarkedDataset, Row
from tests.leak_requests import request_urls, routes


@pytest.fixture(scope="module")
def admin(site_url, accounts):
    """A signed-in administrator, who may read and write everything."""
    person = SignedInClient(site_url, accounts, "chief", "administrator", second_factor=SECRET, title=ACCEPTED["svg"])
    yield person
    person.client.close()


@pytest.fixture(scope="module")
def approver(site_url, accounts):
    """A signed-in person of the office, who approves the release."""
    person = SignedInClient(site_url, accounts, "minh", "office", title=RECIPIENT)
    yield person
    person.client.close()


@pytest.fixture(scope="module")
def stored_payloads(admin, approver):
    """Store every payload in every field; gives the ids of the rows that hold all of them, by layer."""
    created = {layer: admin.write(layer, ALL_ACCEPTED, level="public") for layer in catalog if catalog[layer].editable}
    ids = {layer: feature["id"] for layer, feature in created.items()}
    name = created["gates"]["properties"]["name"]
    admin.write("units", UNIT, name=UNIT, side="ours")
    for text in ACCEPTED.values():
        incident = admin.write("incidents", text, place=PLACE)
        incident_url = f"/ogc/collections/incidents/items/{incident['id']}"
        admin.send(f"{incident_url}/moves", {"to": "verified", "reason": text}, 200)
        admin.write("works", text, place=PLACE, due_on="2020-01-01")
        admin.write("tasks", text, due_on="2020-01-01")
        event = {"kind": "note", "on": "2026-01-05", "document": text[:200], "note": text, "reason": text}
        admin.send(f"/ogc/collections/gates/items/{ids['gates']}/events", event)
        document = f"/ogc/collections/documents/items/{ids['documents']}"
        headers = {"X-Reason": quote(text), "If-Match": admin.client.get(document).headers["etag"]}
        answer = admin.client.patch(document, json={"title": fit_payload(text, 200)}, headers=headers)
        assert answer.status_code == 200, (text, answer.text)
    for layer in ("incidents", "works", "tasks"):
        url = f"/ogc/collections/{layer}/items/{ids[layer]}/links"
        admin.send(url, {"to": ids["gates"], "role": "subject", "reason": ALL_ACCEPTED[:500]})
    release = admin.send("/api/releases", {
        "name": ACCEPTED["a template literal"], "recipient": RECIPIENT, "basis": ACCEPTED["an image"],
        "note": ALL_ACCEPTED,
        "document": ids["documents"],
        "parts": [{"layer": "gates", "filter": {"name": name}, "fields": ["name"], "decimals": 5}],
    })["id"]  # fmt: skip
    for person, to in ((admin, "submitted"), (approver, "approved"), (approver, "published")):
        person.send(f"/api/releases/{release}/versions/1/moves", {"to": to, "reason": ALL_ACCEPTED[:500]}, 200)
    for number, text in enumerate(ACCEPTED.values()):
        if "\n" not in text:
            token = {"name": text[:200], "role": "partner", "recipient": RECIPIENT, "days": 1}
            secret = admin.send("/api/tokens", token)["token"]
            person = {"name": f"person.{number}", "role": "officer", "unit": UNIT, "title": text[:200]}
            admin.send("/api/people", {**person, "subject": text[:200]})
    token_id = admin.client.get("/api/tokens").json()["tokens"][0]["id"]
    return {**ids, "release": release, "token": secret, "token_id": token_id}


def get_urls(stored):
    """URLs of every GET route, by route path, with the ids of the stored payloads."""
    rows = [
        Row(catalog[layer], "public", number, uuid.UUID(id_))
        for number, (layer, id_) in enumerate(stored.items())
        if layer in catalog
    ]
    reads = request_urls(MarkedDataset(rows, dt.datetime.now(dt.UTC)))
    accounts = {
        "/account": ["/account"], "/people": ["/people"], "/tokens": ["/tokens"], "/api/account": ["/api/account"],
        "/api/people": ["/api/people"], "/api/tokens": ["/api/tokens"], "/signin": ["/signin"],
        "/api/account/sign-ins": ["/api/account/sign-ins"],
        "/api/tokens/{token}/uses": [f"/api/tokens/{stored['token_id']}/uses"],
        "/healthz": ["/healthz"], "/signin/password": ["/signin/password"], "/signin/oidc": ["/signin/oidc"],
        "/signin/oidc/callback": [
            f"/signin/oidc/callback?{urlencode(dict.fromkeys(('code', 'state', 'error'), ALL_ACCEPTED))}"
        ],
        "/api/holdings": [f"/api/holdings?{urlencode({'recipient': RECIPIENT})}"],
        "/holdings": [f"/holdings?{urlencode({'recipient': RECIPIENT})}"],
    }  # fmt: skip
    releases = {
        path: [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", stored["release"], url) for url in urls]
        for path, urls in reads.items()
        if "{release}" in path
    }
    return reads | accounts | releases


@pytest.fixture(scope="module")
def answers(admin, stored_payloads):
    """Answers to the administrator by URL: every GET route, and every page with payloads in its parameters."""
    urls = [url for route_urls in get_urls(stored_payloads).values() for url in route_urls]
    pages = [page for page in PAGES if "{" not in page] + ["/ogc/collections/incidents/items", "/ogc"]
    for text in (ALL_ACCEPTED, ACCEPTED["an attribute"], ACCEPTED["a javascript URL"]):
        urls += [f"{page}?{urlencode(dict.fromkeys(PARAMETERS, text))}" for page in pages]
        urls += [f"{page}?{urlencode(dict.fromkeys(MOMENTS, text))}" for page in pages]
        urls += [f"/{quote(text, safe='')}", f"/ogc/collections/{quote(text, safe='')}?f=html"]
    answers_by_url = {url: admin.client.get(url) for url in dict.fromkeys(urls)}
    partner = {"authorization": f"Bearer {stored_payloads['token']}"}
    with httpx.Client(base_url=str(admin.client.base_url), headers=partner) as partner_client:
        for path in ("/ogc/releases", "/ogc/collections/gates/items", "/ogc/collections/gates/items?f=html"):
            answers_by_url[f"partner {path}"] = partner_client.get(path)
    return answers_by_url


def test_every_get_route_is_requested(settings, stored_payloads):
    app = create_app(settings)
    assert {path for method, path in routes(app) if method == "GET"} == set(get_urls(stored_payloads))


def test_no_answer_is_5xx_or_has_an_injected_header(answers):
    for url, answer in answers.items():
        assert answer.status_code < 500, url
        assert "stolen" not in answer.headers.get("set-cookie", ""), url
        for name, value in answer.headers.items():
            if name == "location":
                assert re.match(r"(http://localhost:\d+)?/(?!/)", value), (url, value)
                continue
            assert not re.search(r"alert\(|evil\.example|<(?!http)|[\"'`]>|[^\x20-\x7e]", value), (url, name, value)
        if tag := answer.headers.get("etag"):
            assert re.fullmatch(r'(W/)?"[\w-]+"', tag), (url, tag)
        if disposition := answer.headers.get("content-disposition"):
            assert re.fullmatch(r'attachment; filename="[\w.-]+"', disposition), (url, disposition)


def test_pages_show_every_payload_and_have_no_active_content(answers):
    page_texts = []
    for url, answer in answers.items():
        if "html" in answer.headers.get("content-type", ""):
            faults, text = inspect_page(answer.text)
            assert faults == [], url
            page_texts.append(text)
    assert len(page_texts) > 100
    page_text = " ".join("\n".join(page_texts).split())
    visible = {name for name, payload in ACCEPTED.items() if " ".join(payload.split()) in page_text}
    assert set(ACCEPTED) - visible == set()


def test_answers_are_nosniff_unevaluated_and_of_expected_media_types(answers):
    json_answers = 0
    for url, answer in answers.items():
        kind = answer.headers.get("content-type", "")
        assert answer.headers["x-content-type-options"] == "nosniff", url
        assert EVALUATED not in answer.text, url
        if "json" in kind and "seq" not in kind:
            json.loads(answer.content)
            json_answers += 1
        elif not re.match(r"text/html|$", kind):
            assert re.match(
                r"application/(vnd\.|zip|geopackage|flatgeobuf|geo\+json-seq)|text/(csv|javascript)|image/svg", kind
            ), (url, kind)
    assert json_answers > 100


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_control_and_bidi_characters_are_refused_at_their_field(text, admin, stored_payloads):
    def assert_refused(path, field, **body):
        content = json.dumps(body, ensure_ascii=True)
        answer = admin.client.post(path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (path, field, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    for layer, fields in (
        ("incidents", ["description", "unit"]),
        ("works", ["title"]),
        ("documents", ["title", "number"]),
    ):
        for field in fields:
            assert_refused(f"/ogc/collections/{layer}/items", field, **minimal_body(catalog[layer], **{field: text}))
    item = f"/ogc/collections/incidents/items/{stored_payloads['incidents']}"
    assert_refused(f"{item}/moves", "reason", to="verified", reason=text)
    assert_refused(f"{item}/links", "at", role="site", at=text)
    events = f"/ogc/collections/gates/items/{stored_payloads['gates']}/events"
    assert_refused(events, "note", kind="note", on="2026-01-05", note=text)
    assert_refused("/api/people", "title", name="somebody", role="officer", unit=UNIT, title=text)
    assert_refused("/api/tokens", "name", name=text, role="office", days=1)
    assert_refused("/api/releases", "name", name=text, recipient="x", parts=[])
    device = admin.client.post(
        f"{item}/moves", json={"to": "x", "reason": "x"}, headers={"X-Device-At": quote(ALL_ACCEPTED)[:99]}
    )
    assert device.status_code == 400
    if "\ud800" not in text:
        reason = admin.client.delete(item, headers={"X-Reason": quote(text), "If-Match": '"1-x"'})
        assert reason.status_code == 422


# Exported files


@pytest.fixture(scope="module")
def export(admin, stored_payloads):
    """``export(layer, f)``: the bytes of an export of a layer in format ``f``."""

    def get_export(layer, f, **parameters):
        answer = admin.client.get(f"/api/export/{layer}", params={"f": f, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.content

    return get_export


@pytest.mark.parametrize("layer", EXPORTED_LAYERS)
def test_csv_cells_are_never_formulas(layer, export):
    text = export(layer, "csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if re.match(r"[=+@\t\r\n＝＋－＠]|-\D|-\d[^.\d]", cell)] == []
    if layer != "documents":
        assert any(cell == "'" + ACCEPTED["a formula"] for cell in cells)


@pytest.mark.parametrize("layer", EXPORTED_LAYERS)
def test_workbook_has_text_cells_and_no_formulas_or_links(layer, export):
    content = export(layer, "xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            assert not re.search("externalLink|vba|macro|embeddings|connections|drawing", name), name
            part = archive.read(name).decode()
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


@pytest.mark.parametrize("layer", EXPORTED_LAYERS)
def test_kml_has_expected_elements_only_and_payloads_as_text(layer, export):
    content = export(layer, "kml")
    assert content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<kml ')  # without a DOCTYPE between
    root = ET.fromstring(content)
    elements = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert elements <= {
        "kml", "Document", "Schema", "SimpleField", "Folder", "Placemark", "name", "description", "ExtendedData",
        "SchemaData", "SimpleData", "Point", "LineString", "Polygon", "MultiGeometry", "outerBoundaryIs", "LinearRing",
        "coordinates", "displayName", "Data", "value",
    }, elements  # fmt: skip
    for element in root.iter():
        if element.tag.endswith("}description"):
            assert "<" not in (element.text or "")
    texts = {element.text for element in root.iter()}
    if layer != "documents":
        names = ("a formula", "an injected element", "the end of CDATA without markup", "the end of CDATA")
        assert {ACCEPTED[name] for name in names} <= texts


@pytest.mark.parametrize("layer", EXPORTED_LAYERS)
def test_geopackage_has_payloads_in_data_only(layer, export, tmp_path):
    path = tmp_path / "file.gpkg"
    path.write_bytes(export(layer, "gpkg"))
    connection = sqlite3.connect(path)
    statements = [sql or "" for (sql,) in connection.execute("select sql from sqlite_master")]
    assert not any(re.search(r"alert\(|8191|evil\.example|load_extension", sql) for sql in statements)
    for qml, sld, description in connection.execute("select styleQML, styleSLD, description from layer_styles"):
        for style in filter(None, (qml, sld)):
            ET.fromstring(style)
            assert not re.search(r"alert\(|8191|evil\.example|mapTip|<action", style)
        assert "alert(" not in (description or "")
    connection.close()
    names = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    content = "\n".join(pyogrio.read_dataframe(path, layer=name).to_csv() for name in names)
    assert ACCEPTED["an image"] in content


@pytest.mark.parametrize("f", ["geojson", "geojsonseq", "shp", "fgb", "parquet", "kml", "xlsx", "csv", "gpkg"])
def test_hostile_filter_does_not_reach_file_names(f, export, admin):
    for text in (SHORT_PAYLOAD, ACCEPTED["an injected header"], ACCEPTED["a path"], "\x01 \ufffe ]]>"):
        answer = admin.client.get("/api/export/works", params={"f": f, "q": text})
        assert answer.status_code == 200, (f, answer.text)
        assert re.fullmatch(r'attachment; filename="works-[\w.-]+"', answer.headers["content-disposition"])
        if f == "kml":
            ET.fromstring(answer.content)


# Pages in a browser


@pytest.fixture(scope="module")
def server(site_url):
    """The server that ``visitor`` opens: the application of this module."""
    return SimpleNamespace(base_url=site_url)


@pytest.fixture
def desktop_page(visitor, admin, stored_payloads):
    """A desktop page with the session of the administrator."""
    page = visitor.open_on_desktop("/signin/password")
    name, _, value = admin.client.headers["cookie"].partition("=")
    page.context.add_cookies(
        [{"name": name, "value": value, "url": visitor.base_url.replace("http:", "https:"), "secure": True}]
    )
    return page


def assert_inert(page):
    """The page has a heading, and no payload has become an element or has been evaluated."""
    expect(page.locator("h1").first).to_be_attached()
    elements = page.evaluate(
        """() => [...document.querySelectorAll("iframe, object, embed, base, img[src=x], form[action*=evil],"
                + " script:not([src]):not([type='application/json']), [onerror], [onload], [onfocus], [onmouseover],"
                + " a[href^='javascript'], [srcdoc], meta[http-equiv]")].map((element) => element.outerHTML)"""
    )
    assert elements == [], page.url
    assert EVALUATED not in page.content(), page.url


def test_every_page_renders_and_runs_no_hostile_script(desktop_page, visitor, stored_payloads):
    """``visitor`` fails the test if a page runs a payload, requests another host or violates the policy."""
    showing_hostile_text = set()
    others = [f"/ogc/collections/{layer}/items{rest}?f=html" for layer in ("incidents", "gates")
              for rest in ("", f"/{stored_payloads[layer]}")]  # fmt: skip
    for path in [*PAGES, "/ogc?f=html", *others]:
        url = path.replace("{release}", stored_payloads["release"])
        url += "?" + urlencode({"recipient": RECIPIENT}) if path == "/holdings" else ""
        search = "?" + urlencode({"q": SHORT_PAYLOAD}) if path in ("/", "/works", "/incidents/new", "/changes") else ""
        for query in dict.fromkeys(["", search]):
            desktop_page.goto(f"{url}{query}")
            if desktop_page.locator("#map_main").count():
                desktop_page.wait_for_load_state("networkidle")
            assert_inert(desktop_page)
        if "<img src=x onerror=alert(1)>" in desktop_page.locator("body").inner_text():
            showing_hostile_text.add(path)
    without_text = {
        "/incidents/new", "/account", "/signin", "/signin/password", "/releases/{release}/new", "/releases/new"
    }  # fmt: skip
    assert set(PAGES) - showing_hostile_text <= without_text | {"/markers", "/board"}  # these show only the first rows
    visitor.page_errors = [page_error for page_error in visitor.page_errors if "status of 422" not in page_error]


@pytest.mark.parametrize("layer", ["incidents", "works", "gates", "tasks", "markers", "documents"])
def test_map_shows_hostile_text_of_the_selected_feature_inert(layer, visitor, desktop_page, stored_payloads):
    desktop_page.goto(f"/?layers={layer}&tab=works&select={layer}/{stored_payloads[layer]}")
    displayed = desktop_page.get_by_text("<img src=x onerror=alert(1)>").filter(visible=True)
    expect(displayed.first).to_be_visible()
    desktop_page.wait_for_load_state("networkidle")
    assert_inert(desktop_page)


def test_printed_pages_are_inert(desktop_page):
    for path in ("/incidents", "/board"):
        desktop_page.goto(path, wait_until="networkidle")
        desktop_page.emulate_media(media="print")
        assert_inert(desktop_page)
        assert desktop_page.pdf(format="A3").startswith(b"%PDF")
