"""Steps of the release workflow over HTTP, for tests."""

import uuid

import pyotp

LEAK_MARKER = "LEAK_MARKER-7F3A"

SECRET = pyotp.random_base32()

FIELDS = ["border", "number", "built_by", "condition", "address"]


def release_body(markers, recipient, **more):
    marker_numbers = [number for number, _ in markers.values()]
    part = {"layer": "markers", "filter": {"number": marker_numbers}, "fields": FIELDS, "decimals": 5}
    return {
        "name": f"Bản {uuid.uuid4()}", "recipient": recipient, "basis": "48/UBND-NC", "parts": [part], **more,
    }  # fmt: skip


def transition(browser, release, to, number=1, *, reason="đã đối chiếu", expected=200):
    answer = browser.post(f"/api/releases/{release}/versions/{number}/moves", {"to": to, "reason": reason})
    assert answer.status_code == expected, answer.text
    return answer.json()


def publish(preparer, approver, markers, recipient, **more):
    created = preparer.post("/api/releases", release_body(markers, recipient, **more))
    assert created.status_code == 201, created.text
    release = created.json()["id"]
    transition(preparer, release, "submitted")
    transition(approver, release, "approved")
    transition(approver, release, "published")
    return release
