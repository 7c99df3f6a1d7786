"""Corpus B of bad input: bodies and headers that are refused before their values are read."""

import gzip
import json
import socket

import pytest

from tests.api.http.bad_input import INCIDENTS, JSON, assert_refused, post_raw


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"category": "drainage"', b"[]", b'"x"', b"null", b"1", b"{'category': 1}", b"{,}",
        b"\xff\xfe{\x00}\x00",
        '{"category":"drainage"}'.encode("utf-16"), b'\xef\xbb\xbf{"category":"drainage"}', b'{"category":"\xff"}',
        b'{"category":"drainage","category":"smuggling","place":{"text":"147/6"}}',
        b'{"category":"drainage","place":{"text":"147/6","text":"96"}}',
        b'{"category":"drainage","geometry":{"type":"Point","coordinates":[106,11.5],"coordinates":[0,0]}}',
        b"9" * 5000, b'{"accuracy_m":' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
@pytest.mark.requirement("corpus-B", "B1 B2 B3 B8")
def test_body_must_be_one_json_object(body, client):
    assert_refused(post_raw(client, body), 400)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-B", "B5 B6")
def test_body_over_the_limit_gets_413(client, settings):
    assert_refused(post_raw(client, b'{"description":"' + b"x" * 11_000_000 + b'"}'), 413)

    def endless():
        for _ in range(400):
            yield b'{"description":"' + b"x" * 10_000

    assert_refused(client.post(INCIDENTS, content=endless(), headers=JSON), 413)


@pytest.mark.usefixtures("no_rows_remain")
@pytest.mark.requirement("corpus-B", "B7 B24")
def test_form_compressed_and_untyped_bodies_get_415(client):
    assert_refused(client.post(INCIDENTS, data={"category": "drainage"}), 415)
    compressed = gzip.compress(b'{"category":"drainage"}')
    assert_refused(client.post(INCIDENTS, content=compressed, headers={**JSON, "Content-Encoding": "gzip"}), 415)
    assert_refused(client.post(INCIDENTS, content=b"{}"), 415)


@pytest.mark.requirement("corpus-B", "B21")
def test_invalid_feature_id_gets_404(client):
    for item in ("1", "x", "%00", "00000000-0000-4000-8000-00000000000g", "null"):
        assert client.get(f"{INCIDENTS}/{item}").status_code == 404, item


@pytest.mark.requirement("corpus-B", "B25 B27")
def test_foreign_host_and_invalid_content_length_get_400_and_a_long_header_no_500(settings):
    def send(request):
        with socket.create_connection(("127.0.0.1", settings.port), timeout=10) as connection:
            connection.sendall(request)
            return connection.recv(65536).split(b"\r\n", 1)[0]

    host = f"Host: localhost:{settings.port}\r\n".encode()
    assert b" 400 " in send(b"GET /ogc HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    long_header = b"X-Long: " + b"x" * 1_000_000 + b"\r\n"
    assert b" 500" not in send(b"GET /ogc HTTP/1.1\r\n" + host + long_header + b"Connection: close\r\n\r\n")
    post = b"POST /ogc/collections/incidents/items HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
    for length in (b"x", b"-1", b"1e3"):
        answer = send(post + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n")
        assert b" 400" in answer, (length, answer)


@pytest.mark.requirement("corpus-B", "B28")
def test_create_takes_one_valid_idempotency_key(client):
    body = json.dumps({"category": "drainage", "place": {"text": "147/6"}})
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), *JSON.items()]
    assert_refused(client.post(INCIDENTS, content=body, headers=headers), 400)
    for key in ("", "x" * 1000):
        assert_refused(client.post(INCIDENTS, content=body, headers=[("Idempotency-Key", key), *JSON.items()]), 400)
