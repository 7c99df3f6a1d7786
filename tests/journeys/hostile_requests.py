"""Requests whose every parameter is hostile, and the answers they get."""

import json

import httpx
import pyotp

from api.http.security import SESSION_COOKIE
from gis.accounts.models import SignIn
from gis.accounts.people import enrol
from gis.accounts.sign_ins import sign_in
from gis.model.layer import catalog
from gis.write.validation import writable_fields
from tests.factories import minimal_body
from tests.hostile_texts import ACCEPTED, SHORT_PAYLOAD, fit_payload

PASSWORD = "một câu dài để vào nhà"
SECRET = pyotp.random_base32()
UNIT = ACCEPTED["an image"]
RECIPIENT = ACCEPTED["the end of a script"]
PLACE = {"text": "147/6 + 120 m", "border": "VN-KH", "written": ACCEPTED["an attribute"]}

SEEN_BY_PEOPLE = [
    "/", "/incidents/new", "/works", "/gates", "/tasks", "/incidents", "/markers", "/crossings", "/documents", "/board",
    "/changes", "/people", "/tokens", "/account", "/releases", "/releases/new", "/holdings", "/signin",
    "/signin/password", "/releases/{release}", "/releases/{release}/new",
]  # fmt: skip
"""The pages, by the path that the application gives the door; ``/ogc`` is a page too when asked for HTML."""

PARAMETERS = ("q", "sort", "by", "at", "recipient", "next", "lang", "layer", "tab", "select", "map", "unknown")
MOMENTS = ("as_of", "since", "until", "version")
"""What pages are asked with; a moment that is none is refused, and the page with it."""


class Asking:
    """Somebody who has signed in and asks as our pages do."""

    def __init__(self, site, accounts, name, role, **known):
        with accounts.transaction("test") as session:
            person = enrol(session, name, role, password=PASSWORD, **known)
            self.id, cookie = person.id, sign_in(session, person.id)
            csrf = session.query(SignIn.csrf).filter_by(person_id=person.id).scalar()
        head = {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf, "origin": site}
        self.client = httpx.Client(base_url=site, headers=head, timeout=60)

    def send(self, path, body, expected=201, **headers):
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == expected, (path, body, answer.text)
        return answer.json()

    def write(self, layer, text, **values):
        """A new feature with ``text`` in every field that takes it, less those whose words are prescribed."""
        fields = writable_fields(catalog[layer])
        body = minimal_body(catalog[layer]) | {
            name: fit_payload(text, entry.max_length) if entry.type == "text" else [fit_payload(text, entry.max_length)]
            for name, entry in fields.items()
            if entry.codes is None and entry.type in ("text", "list") and name not in ("number", "section", "border")
        }
        body |= values
        if "place" in body:
            body.pop("geometry", None)
        answer = self.client.post(f"/ogc/collections/{layer}/items", json=body)
        for _ in range(4):
            if answer.status_code != 422:
                break
            faulty = {entry["field"].split(".")[0] for entry in answer.json()["errors"]}
            stored = {
                entry: minimal_body(catalog[layer])[entry] for entry in faulty if entry in minimal_body(catalog[layer])
            }
            body = {name: value for name, value in body.items() if name not in faulty} | stored
            answer = self.client.post(f"/ogc/collections/{layer}/items", json=body)
        assert answer.status_code == 201, (layer, text, answer.text)
        message = json.dumps(answer.json(), ensure_ascii=False)
        assert any(json.dumps(entry.strip(), ensure_ascii=False)[1:-1] in message for entry in (text, SHORT_PAYLOAD)), (
            layer,
            text,
        )
        return answer.json()


FILED = ["incidents", "works", "documents"]
