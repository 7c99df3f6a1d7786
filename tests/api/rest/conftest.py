"""Fixtures of the tests of the JSON API."""

import uuid

import httpx
import pytest

from gis.accounts.tokens import issue
from gis.files.formats import FORMATS
from gis.model.layer import catalog
from layers.policy import SYSTEM
from tests.api.rest.release_workflow import LEAK_MARKER, SECRET
from tests.factories import numbers, put


@pytest.fixture
def export(client, tmp_path):
    """Download an export of a layer; gives the response and the path of the saved file."""

    def exporting(layer, f, **parameters):
        answer = client.get(f"/api/export/{layer}", params={"f": f, **parameters}, timeout=120)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].split(";")[0] == FORMATS[f].media_type
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith(f'attachment; filename="{layer}-')
        assert disposition.endswith(f'{FORMATS[f].extension}"')
        path = tmp_path / f"{layer}-{len(list(tmp_path.iterdir()))}{FORMATS[f].extension}"
        path.write_bytes(answer.content)
        return answer, path

    return exporting


@pytest.fixture(scope="module")
def release_staff(enrol, accounts):
    """Two accounts of role office, one planner, and an administrator, so that sign-in is required."""
    enrol("chief", "administrator", second_factor=SECRET)
    for name, role in (("lan", "office"), ("minh", "office"), ("hoa", "planner")):
        enrol(name, role)
    while accounts.recheck_due:
        assert accounts.sign_in_required()


@pytest.fixture
def preparer_browser(browser, release_staff):
    """A browser in which the preparer of releases is signed in."""
    browser.sign_in("lan")
    return browser


@pytest.fixture
def approver_browser(second_browser, release_staff):
    """A browser in which the approver of releases is signed in."""
    second_browser.sign_in("minh")
    return second_browser


@pytest.fixture(scope="module")
def marker_numbers(database):
    """Number and id of a surveyed marker, of an assumed one and of a restricted one."""
    markers = {}
    with database.transaction(SYSTEM, write=True) as session:
        for name, level, source in (
            ("surveyed", "partner", "survey"),
            ("assumed", "public", "assumed"),
            ("restricted", "restricted", "survey"),
        ):
            number = str(next(numbers))
            row = put(session, catalog["markers"], number=number, level=level, remark=LEAK_MARKER, source=LEAK_MARKER)
            row.position_source = source
            markers[name] = number, str(row.id)
    return markers


@pytest.fixture(scope="module")
def partner(accounts, release_staff, site_url):
    """``partner(recipient)`` is an HTTP client with a token of that recipient."""
    opened = []

    def opening(recipient):
        with accounts.transaction("chief") as session:
            token = issue(session, f"máy {uuid.uuid4()}", "partner", made_by="chief", days=30, recipient=recipient)
        partner_client = httpx.Client(base_url=site_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        opened.append(partner_client)
        return partner_client

    yield opening
    for opened_client in opened:
        opened_client.close()
