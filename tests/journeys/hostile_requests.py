"""Pages and parameters for hostile requests, and a signed-in client that writes payloads."""

import json

import httpx
import pyotp

from api.http.security import SESSION_COOKIE
from gis.accounts.models import SignIn
from gis.accounts.people import enrol
from gis.accounts.sign_ins import sign_in
from gis.model.field_types import LIST, TEXT
from gis.model.layer import catalog
from gis.write.validation import writable_fields
from tests.factories import minimal_body
from tests.hostile_texts import ACCEPTED, SHORT_PAYLOAD, fit_payload

PASSWORD = "một câu dài để vào nhà"
SECRET = pyotp.random_base32()
UNIT = ACCEPTED["an image"]
RECIPIENT = ACCEPTED["the end of a script"]
PLACE = {"text": "147/6 + 120 m", "border": "VN-KH", "written": ACCEPTED["an attribute"]}

PAGES = [
    "/", "/incidents/new", "/works", "/gates", "/tasks", "/incidents", "/markers", "/crossings", "/documents", "/board",
    "/changes", "/people", "/tokens", "/account", "/releases", "/releases/new", "/holdings", "/signin",
    "/signin/password", "/releases/{release}", "/releases/{release}/new",
]  # fmt: skip
"""The HTML pages by route path (``/ogc`` has HTML representations too)."""

PARAMETERS = ("q", "sort", "by", "at", "recipient", "next", "lang", "layer", "tab", "select", "map", "unknown")
MOMENTS = ("as_of", "since", "until", "version")
"""Parameters of pages that take a timestamp; a page refuses an invalid one."""


class SignedInClient:
    """A person with a session, whose client sends cookie, origin and CSRF token as the pages do."""

    def __init__(self, site_url, accounts, name, role, **details):
        with accounts.transaction("test") as session:
            person = enrol(session, name, role, password=PASSWORD, **details)
            self.id, cookie = person.id, sign_in(session, person).cookie
            csrf = session.query(SignIn.csrf).filter_by(person_id=person.id).scalar()
        headers = {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf, "origin": site_url}
        self.client = httpx.Client(base_url=site_url, headers=headers, timeout=60)

    def send(self, path, body, expected=201, **headers):
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == expected, (path, body, answer.text)
        return answer.json()

    def write(self, layer, text, **values):
        """Create a feature with ``text`` in every text field that accepts it; refused fields get a sample value."""
        fields = writable_fields(catalog[layer])
        body = minimal_body(catalog[layer]) | {
            name: fit_payload(text, field.max_length) if field.type.free_text else [fit_payload(text, field.max_length)]
            for name, field in fields.items()
            if field.codes is None and field.type in (TEXT, LIST) and name not in ("number", "section", "border")
        }
        body |= values
        if "place" in body:
            body.pop("geometry", None)
        answer = self.client.post(f"/ogc/collections/{layer}/items", json=body)
        for _ in range(4):
            if answer.status_code != 422:
                break
            refused = {error["field"].split(".")[0] for error in answer.json()["errors"]}
            sample = minimal_body(catalog[layer])
            body = {name: value for name, value in body.items() if name not in refused}
            body |= {name: sample[name] for name in refused if name in sample}
            answer = self.client.post(f"/ogc/collections/{layer}/items", json=body)
        assert answer.status_code == 201, (layer, text, answer.text)
        content = json.dumps(answer.json(), ensure_ascii=False)
        payloads = [json.dumps(payload.strip(), ensure_ascii=False)[1:-1] for payload in (text, SHORT_PAYLOAD)]
        assert any(payload in content for payload in payloads), (layer, text)
        return answer.json()


EXPORTED_LAYERS = ["incidents", "works", "documents"]
