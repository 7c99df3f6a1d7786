"""Beyond this machine: over TLS and to people who sign in only, and nobody's word about where they come from counts."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.app import create_app
from api.http.network import NetworkOptions
from api.http.protocol import HttpProtocol
from gis.accounts import people
from gis.accounts.tokens import issue
from gis.text.errors import Forbidden

MARKERS = "/ogc/collections/markers/items?limit=1"
NAME = "cotmoc.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost and its key, made for this test."""
    place = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (place / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (place / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return place / "cert.pem", place / "key.pem"


@pytest.mark.parametrize(
    "reach",
    [
        NetworkOptions(host="0.0.0.0"), NetworkOptions(host="192.0.2.7"), NetworkOptions(host="::"),
        NetworkOptions(host="border.example"), NetworkOptions(names=[NAME]), NetworkOptions(behind_proxy="*"),
        NetworkOptions(behind_proxy="0.0.0.0/0"), NetworkOptions(behind_proxy="::/0"),
        NetworkOptions(behind_proxy="proxy.example"), NetworkOptions(host="0.0.0.0", names=[NAME]),
    ],
)  # fmt: skip
def test_nothing_beyond_this_machine_is_served_without_tls(reach):
    with pytest.raises(Forbidden):
        reach.refuse_unsafe()


def test_half_a_certificate_is_none(certificate, tmp_path):
    cert, key = certificate
    for half in (NetworkOptions(tls_cert=cert), NetworkOptions(tls_key=key), NetworkOptions(tls_cert=key, tls_key=cert),
                 NetworkOptions(tls_cert=cert, tls_key=tmp_path / "missing")):  # fmt: skip
        with pytest.raises(Forbidden, match="certificate and its key"):
            half.refuse_unsafe()
    NetworkOptions(host="0.0.0.0", tls_cert=cert, tls_key=key).refuse_unsafe()


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_this_machine_alone_needs_nothing(host):
    reach = NetworkOptions(host=host)
    reach.refuse_unsafe()
    assert not reach.accepts_remote
    assert reach.uvicorn_options() == {"proxy_headers": False}


def test_in_the_container_the_same_holds(monkeypatch):
    monkeypatch.setenv("COTMOC_CONTAINER", "1")
    assert NetworkOptions().bind_address == "0.0.0.0"
    assert not NetworkOptions().accepts_remote  # the bridge, which compose publishes on loopback only
    with pytest.raises(Forbidden):
        NetworkOptions(names=[NAME]).refuse_unsafe()
    assert NetworkOptions(names=[NAME], behind_proxy="172.18.0.2").accepts_remote


def test_nobody_is_let_in_from_beyond_before_there_is_an_administrator(settings, accounts):
    reach = NetworkOptions(names=[NAME], behind_proxy="127.0.0.1")
    reach.refuse_unsafe()
    with pytest.raises(Forbidden, match="admin create"):
        reach.require_administrator(settings.door_url)
    NetworkOptions().require_administrator(settings.door_url)
    with accounts.transaction("test") as session:
        people.enrol(session, "chief", "administrator", password="một câu dài để vào nhà")
    reach.require_administrator(settings.door_url)


@contextmanager
def served(settings, database, accounts, reach):
    """The real application with the reach of ``up``; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        told = settings.model_copy(update={"port": port, **reach.settings()})
        config = uvicorn.Config(
            create_app(told, database, accounts),
            http=HttpProtocol,
            log_level="critical",
            lifespan="off",
            **reach.uvicorn_options(),
        )
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        serving.start()
        while not server.started:
            assert serving.is_alive()
            time.sleep(0.01)
        yield port
        server.should_exit = True
        serving.join()


@pytest.fixture(scope="module")
def token(accounts):
    """A token that is good from one office's network alone."""
    with accounts.transaction("test") as session:
        if not people.has_administrator(session):
            people.enrol(session, "chief", "administrator", password="một câu dài để vào nhà")
        made = issue(session, "bảng tin", "office", made_by="chief", days=1, networks=["192.0.2.0/24"])
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return {"Authorization": f"Bearer {made}"}


def test_a_proxy_of_ours_is_believed_about_its_clients(settings, database, accounts, token):
    reach = NetworkOptions(names=[NAME], behind_proxy="127.0.0.1")
    with served(settings, database, accounts, reach) as port:
        site = f"http://127.0.0.1:{port}"
        through = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", **token}
        answer = httpx.get(f"{site}{MARKERS}", headers=through)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        elsewhere = through | {"X-Forwarded-For": "198.51.100.1"}
        assert httpx.get(f"{site}{MARKERS}", headers=elsewhere).status_code == 401
        # What the client itself claims stands to the left of what the proxy has seen.
        claimed = through | {"X-Forwarded-For": "192.0.2.7, 198.51.100.1"}
        assert httpx.get(f"{site}{MARKERS}", headers=claimed).status_code == 401
        plain = through | {"X-Forwarded-Proto": "http"}
        assert httpx.get(f"{site}{MARKERS}", headers=plain).status_code == 403
        assert httpx.get(f"{site}{MARKERS}", headers=through | {"Host": "other.example"}).status_code == 400
        page = httpx.get(f"{site}/works", headers={**through, "Authorization": "", "Accept": "text/html"})
        assert page.headers["location"] == "/signin?next=%2Fworks"


def test_what_a_browser_keeps_goes_to_this_host_alone_over_tls_and_to_no_script(settings, database, accounts, token):
    reach = NetworkOptions(names=[NAME], behind_proxy="127.0.0.1")
    with served(settings, database, accounts, reach) as port:
        through = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        body = {"name": "chief", "password": "một câu dài để vào nhà"}
        came = httpx.post(f"http://127.0.0.1:{port}/signin", json=body, headers=through)
        chosen = httpx.get(f"http://127.0.0.1:{port}/signin?lang=en", headers=through)
        kept = [one.headers["set-cookie"] for one in (came, chosen)]
    for cookie in kept:
        attributes = {one.strip().lower() for one in cookie.split(";")}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not [one for one in attributes if one.startswith("domain")]
    assert kept[0].startswith("__Host-")


def test_anybody_else_is_not_believed(settings, database, accounts, token):
    reach = NetworkOptions(names=[NAME], behind_proxy="192.0.2.99")
    with served(settings, database, accounts, reach) as port:
        told = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", **token}
        assert httpx.get(f"http://127.0.0.1:{port}{MARKERS}", headers=told).status_code == 403
    with served(settings, database, accounts, NetworkOptions()) as port:
        told = {"X-Forwarded-For": "192.0.2.7", **token}
        assert httpx.get(f"http://127.0.0.1:{port}{MARKERS}", headers=told).status_code == 401


def test_with_a_certificate_of_ours_everything_goes_over_tls(settings, database, accounts, token, certificate):
    reach = NetworkOptions(tls_cert=certificate[0], tls_key=certificate[1])
    with served(settings, database, accounts, reach) as port:
        with httpx.Client(verify=ssl.create_default_context(cafile=str(certificate[0]))) as trusting:
            page = trusting.get(f"https://localhost:{port}/signin")
            assert page.status_code == 200
            assert page.headers["strict-transport-security"]
            body = {"name": "chief", "password": "một câu dài để vào nhà"}
            assert trusting.post(f"https://localhost:{port}/signin", json=body).status_code == 200
            assert trusting.get(f"https://localhost:{port}/api/account").json()["name"] == "chief"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/signin")
