"""Remote clients need TLS and an account; X-Forwarded headers are trusted only from the proxy."""

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
    """A self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    issued = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
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
    (folder / "cert.pem").write_bytes(issued.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize(
    "options",
    [
        NetworkOptions(host="0.0.0.0"), NetworkOptions(host="192.0.2.7"), NetworkOptions(host="::"),
        NetworkOptions(host="border.example"), NetworkOptions(names=[NAME]), NetworkOptions(behind_proxy="*"),
        NetworkOptions(behind_proxy="0.0.0.0/0"), NetworkOptions(behind_proxy="::/0"),
        NetworkOptions(behind_proxy="proxy.example"), NetworkOptions(host="0.0.0.0", names=[NAME]),
    ],
)  # fmt: skip
def test_options_that_admit_remote_clients_without_tls_are_refused(options):
    with pytest.raises(Forbidden):
        options.refuse_unsafe()


def test_tls_needs_a_certificate_and_its_key(certificate, tmp_path):
    cert, key = certificate
    for options in (
        NetworkOptions(tls_cert=cert),
        NetworkOptions(tls_key=key),
        NetworkOptions(tls_cert=key, tls_key=cert),
        NetworkOptions(tls_cert=cert, tls_key=tmp_path / "missing"),
    ):
        with pytest.raises(Forbidden, match="certificate and its private key"):
            options.refuse_unsafe()
    NetworkOptions(host="0.0.0.0", tls_cert=cert, tls_key=key).refuse_unsafe()


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_loopback_needs_neither_tls_nor_accounts(host):
    options = NetworkOptions(host=host)
    options.refuse_unsafe()
    assert not options.accepts_remote
    assert options.uvicorn_options() == {"proxy_headers": False}


def test_container_needs_tls_or_a_proxy_for_remote_clients(monkeypatch):
    monkeypatch.setenv("COTMOC_CONTAINER", "1")
    assert NetworkOptions().bind_address == "0.0.0.0"
    assert not NetworkOptions().accepts_remote  # the port is published by compose, on loopback only
    with pytest.raises(Forbidden):
        NetworkOptions(names=[NAME]).refuse_unsafe()
    assert NetworkOptions(names=[NAME], behind_proxy="172.18.0.2").accepts_remote


def test_remote_access_needs_an_administrator_account(settings, accounts):
    options = NetworkOptions(names=[NAME], behind_proxy="127.0.0.1")
    options.refuse_unsafe()
    with pytest.raises(Forbidden, match="admin create"):
        options.require_administrator(settings.accounts_url)
    NetworkOptions().require_administrator(settings.accounts_url)
    with accounts.transaction("test") as session:
        people.enrol(session, "chief", "administrator", password="một câu dài để vào nhà")
    options.require_administrator(settings.accounts_url)


@contextmanager
def served(settings, database, accounts, options):
    """Serve the application with these network options; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        served_settings = settings.model_copy(update={"port": port, **options.settings()})
        config = uvicorn.Config(
            create_app(served_settings, database, accounts),
            http=HttpProtocol,
            log_level="critical",
            lifespan="off",
            **options.uvicorn_options(),
        )
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        serving.start()
        while not server.started:
            assert serving.is_alive()
            time.sleep(0.01)
        yield port
        server.should_exit = True
        serving.join()


@pytest.fixture(scope="module")
def token(accounts):
    """A token restricted to the network of one office."""
    with accounts.transaction("test") as session:
        if not people.has_administrator(session):
            people.enrol(session, "chief", "administrator", password="một câu dài để vào nhà")
        issued = issue(session, "bảng tin", "office", made_by="chief", days=1, networks=["192.0.2.0/24"])
    while accounts.recheck_due:
        assert accounts.sign_in_required()
    return {"Authorization": f"Bearer {issued}"}


def test_forwarded_headers_of_the_proxy_are_trusted(settings, database, accounts, token):
    options = NetworkOptions(names=[NAME], behind_proxy="127.0.0.1")
    with served(settings, database, accounts, options) as port:
        site = f"http://127.0.0.1:{port}"
        proxied = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", **token}
        answer = httpx.get(f"{site}{MARKERS}", headers=proxied)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        other_network = proxied | {"X-Forwarded-For": "198.51.100.1"}
        assert httpx.get(f"{site}{MARKERS}", headers=other_network).status_code == 401
        # The proxy appends the IP address of its client to the header that the client sends.
        spoofed = proxied | {"X-Forwarded-For": "192.0.2.7, 198.51.100.1"}
        assert httpx.get(f"{site}{MARKERS}", headers=spoofed).status_code == 401
        plain = proxied | {"X-Forwarded-Proto": "http"}
        assert httpx.get(f"{site}{MARKERS}", headers=plain).status_code == 403
        assert httpx.get(f"{site}{MARKERS}", headers=proxied | {"Host": "other.example"}).status_code == 400
        page = httpx.get(f"{site}/works", headers={**proxied, "Authorization": "", "Accept": "text/html"})
        assert page.headers["location"] == "/signin?next=%2Fworks"


def test_cookies_are_secure_http_only_and_host_only(settings, database, accounts, token):
    options = NetworkOptions(names=[NAME], behind_proxy="127.0.0.1")
    with served(settings, database, accounts, options) as port:
        proxied = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        body = {"name": "chief", "password": "một câu dài để vào nhà"}
        signed_in = httpx.post(f"http://127.0.0.1:{port}/signin", json=body, headers=proxied)
        language_chosen = httpx.get(f"http://127.0.0.1:{port}/signin?lang=en", headers=proxied)
        cookies = [response.headers["set-cookie"] for response in (signed_in, language_chosen)]
    for cookie in cookies:
        attributes = {attribute.strip().lower() for attribute in cookie.split(";")}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not [attribute for attribute in attributes if attribute.startswith("domain")]
    assert cookies[0].startswith("__Host-")


def test_forwarded_headers_of_others_are_ignored(settings, database, accounts, token):
    options = NetworkOptions(names=[NAME], behind_proxy="192.0.2.99")
    with served(settings, database, accounts, options) as port:
        headers = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", **token}
        assert httpx.get(f"http://127.0.0.1:{port}{MARKERS}", headers=headers).status_code == 403
    with served(settings, database, accounts, NetworkOptions()) as port:
        headers = {"X-Forwarded-For": "192.0.2.7", **token}
        assert httpx.get(f"http://127.0.0.1:{port}{MARKERS}", headers=headers).status_code == 401


def test_server_with_a_certificate_refuses_plain_http(settings, database, accounts, token, certificate):
    options = NetworkOptions(tls_cert=certificate[0], tls_key=certificate[1])
    with served(settings, database, accounts, options) as port:
        with httpx.Client(verify=ssl.create_default_context(cafile=str(certificate[0]))) as tls_client:
            page = tls_client.get(f"https://localhost:{port}/signin")
            assert page.status_code == 200
            assert page.headers["strict-transport-security"]
            body = {"name": "chief", "password": "một câu dài để vào nhà"}
            assert tls_client.post(f"https://localhost:{port}/signin", json=body).status_code == 200
            assert tls_client.get(f"https://localhost:{port}/api/account").json()["name"] == "chief"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/signin")
