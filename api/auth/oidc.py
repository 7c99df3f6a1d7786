"""OpenID Connect (Core 1.0, code flow with PKCE): an identity provider says who somebody is, never what they may.

Optional: ``COTMOC_OIDC_…`` name the provider. Whoever it knows must have an account here, known by its subject, or by a
claim that is a login name; the post held here decides. Administrators sign in here, with their second factor, so that
no provider can make one. Each attempt belongs to one browser, is good for ten minutes and once.
"""

import json
import logging
import secrets
import ssl
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote_plus, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.auth.sign_in import accounts_of, begin_session, local_path, set_session_cookie
from api.http.dependencies import PageLanguageParam
from api.http.media_types import HTML
from api.http.network import is_loopback
from api.settings import Settings
from gis.db import SharedTable
from gis.text import Missing, Text, Unauthenticated
from maps.pages import accounts

router = APIRouter(prefix="/signin/oidc", tags=["sign-in"], include_in_schema=False)
log = logging.getLogger(__name__)

ATTEMPT_COOKIE = "__Host-cotmoc-oidc"
SIGNATURE_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures by a key of the provider's alone: ``none`` and shared secrets are not taken."""

ATTEMPT_LIFETIME_S = 600
MAX_ATTEMPTS = 1024
MAX_ATTEMPT_BYTES = 4096
CLOCK_SKEW_S = 60
METADATA_LIFETIME_S = 3600
KEY_REFRESH_INTERVAL_S = 60
HTTP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Attempt:
    """One browser's way to the provider and back."""

    state: str = field(default_factory=secrets.token_urlsafe)
    nonce: str = field(default_factory=secrets.token_urlsafe)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    next_path: str = "/"
    started_at: float = field(default_factory=time.monotonic)


class Attempts:
    """The attempts under way, by each browser's cookie: begun with one process, taken out once by any of them."""

    def __init__(self) -> None:
        self._entries = SharedTable(MAX_ATTEMPTS, MAX_ATTEMPT_BYTES)

    def store(self, cookie: str, attempt: Attempt) -> None:
        """Remember one; of too many the oldest are forgotten, and so is where to go on to when that is too long."""
        told = json.dumps(asdict(attempt)).encode()
        if len(told) > MAX_ATTEMPT_BYTES:
            told = json.dumps(asdict(replace(attempt, next_path="/"))).encode()
        self._entries.update(cookie, lambda _: told)

    def pop(self, cookie: str) -> Attempt | None:
        """The attempt of this browser, never again; None where there is none or it is too old."""
        found: list[bytes] = []

        def taken(kept: bytes | None) -> None:
            found.extend([kept] if kept else [])

        self._entries.update(cookie, taken)
        attempt = Attempt(**json.loads(found[0])) if found else None
        return attempt if attempt and time.monotonic() - attempt.started_at < ATTEMPT_LIFETIME_S else None


class Provider:
    """The identity provider that the settings name: its endpoints and keys, asked for when first needed and kept.

    Whatever it answers that is not as it should be raises ``Unauthenticated``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.attempts = Attempts()
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._metadata_at = self._keys_at = float("-inf")
        self._tls_context = ssl.create_default_context()

    def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser is sent to sign in."""
        address = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            self.settings.oidc_client_id,
            "code",
            redirect_uri,
            "openid profile email",
            attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return str(address)

    def fetch_claims(self, attempt: Attempt, code: str, redirect_uri: str) -> dict[str, Any]:
        """What the provider says of whoever came back with ``code``."""
        file = self.settings.oidc_client_secret_file
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
            **({} if file else {"client_id": self.settings.oidc_client_id}),
        }
        # Both parts of a client's name are form-encoded before they are put together (RFC 6749, 2.3.1).
        client = quote_plus(str(self.settings.oidc_client_id)), quote_plus(_read_secret(file)) if file else ""
        given = self._request_json("POST", self._endpoint("token_endpoint"), data=form, auth=client if file else None)
        return self.verify_id_token(str(given.get("id_token", "")), attempt.nonce)

    def verify_id_token(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that this provider has signed for us, for this attempt, and lately."""
        try:
            claims = self._decode_id_token(id_token).claims
            jwt.JWTClaimsRegistry(
                leeway=CLOCK_SKEW_S,
                iss={"essential": True, "value": str(self.settings.oidc_issuer)},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError) as fault:
            raise _rejected("the ID token", fault) from None
        if claims.get("aud") not in (self.settings.oidc_client_id, [self.settings.oidc_client_id]):
            raise _rejected("the audience")
        if claims.get("azp") not in (None, self.settings.oidc_client_id):
            raise _rejected("the authorized party")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise _rejected("the subject")
        return dict(claims)

    def _decode_id_token(self, id_token: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, self._key_set(), algorithms=SIGNATURE_ALGORITHMS)
        except (JoseError, ValueError):
            if time.monotonic() - self._keys_at < KEY_REFRESH_INTERVAL_S:
                raise
            self._keys = None  # the provider may have changed its keys
            return jwt.decode(id_token, self._key_set(), algorithms=SIGNATURE_ALGORITHMS)

    def _key_set(self) -> KeySet:
        if self._keys is None or time.monotonic() - self._keys_at > METADATA_LIFETIME_S:
            self._keys = KeySet.import_key_set(cast("Any", self._request_json("GET", self._endpoint("jwks_uri"))))
            self._keys_at = time.monotonic()
        return self._keys

    def _endpoint(self, name: str) -> str:
        if not self._metadata or time.monotonic() - self._metadata_at > METADATA_LIFETIME_S:
            issuer = str(self.settings.oidc_issuer)
            found = self._request_json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise _rejected("the issuer")
            self._metadata, self._metadata_at = found, time.monotonic()
        address = str(self._metadata.get(name, ""))
        _require_tls(address)
        return address

    def _request_json(self, method: str, url: str, **sent: Any) -> dict[str, Any]:
        _require_tls(url)
        try:
            with httpx.Client(timeout=HTTP_TIMEOUT_S, trust_env=False, verify=self._tls_context) as asking:
                answer = asking.request(method, url, **sent)
                answer.raise_for_status()
                found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise _rejected("no answer", fault) from None
        if not isinstance(found, dict):
            raise _rejected("no object")
        return found


def _read_secret(file: Path) -> str:
    return file.read_text("utf-8").strip()


def _require_tls(url: str) -> None:
    """The provider is asked over TLS; on this machine itself it may be asked without."""
    parts = urlsplit(url)
    near = parts.hostname is not None and (parts.hostname == "localhost" or is_loopback(parts.hostname))
    if parts.scheme != "https" and not (parts.scheme == "http" and near):
        raise _rejected("an address without TLS")


def _rejected(reason: str, fault: Exception | None = None) -> Unauthenticated:
    log.warning("the identity provider's answer is not taken: %s %s", reason, type(fault).__name__ if fault else "")
    return Unauthenticated(accounts.REJECTIONS["provider"])


def provider_of(request: Request) -> Provider:
    """The provider, where there is one. Raises ``Missing`` where there is none."""
    settings: Settings = request.app.state.settings
    if not settings.oidc_issuer or not settings.oidc_client_id:
        raise Missing(Text("Chưa kết nối với hệ thống định danh", "No identity provider is connected"))
    found: Provider = request.app.state.provider
    return found


def _redirect_uri(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers['host']}/signin/oidc/callback"


@router.get("")
def redirect_to_provider(request: Request, language: PageLanguageParam) -> Response:
    """Send the browser to the provider."""
    provider = provider_of(request)
    attempt, cookie = Attempt(next_path=local_path(request.query_params.get("next"))), secrets.token_urlsafe(32)
    try:
        address = provider.authorization_url(attempt, _redirect_uri(request))
    except Unauthenticated:
        return _rejection_page(request, language, "provider")
    provider.attempts.store(cookie, attempt)
    answer = RedirectResponse(address, 303)
    answer.set_cookie(ATTEMPT_COOKIE, cookie, ATTEMPT_LIFETIME_S, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/callback")
def callback(request: Request, language: PageLanguageParam) -> Response:
    """Take what the provider says, once, for the browser that was sent there."""
    provider, given = provider_of(request), request.query_params
    attempt = provider.attempts.pop(request.cookies.get(ATTEMPT_COOKIE, ""))
    try:
        if attempt is None or not secrets.compare_digest(given.get("state", "").encode(), attempt.state.encode()):
            raise _rejected("the state")
        if given.get("iss") not in (None, provider.settings.oidc_issuer) or not given.get("code"):
            raise _rejected("the answer")
        claims = provider.fetch_claims(attempt, given["code"], _redirect_uri(request))
    except Unauthenticated:
        return _rejection_page(request, language, "provider")
    person_id = _person_id(request, claims)
    if person_id is None:
        return _rejection_page(request, language, "unknown")
    answer = set_session_cookie(RedirectResponse(attempt.next_path, 303), begin_session(request, person_id))
    return _clear_attempt_cookie(answer)


def _person_id(request: Request, claims: Mapping[str, Any]) -> uuid.UUID | None:
    settings: Settings = request.app.state.settings
    name = claims.get(settings.oidc_claim) if settings.oidc_claim else None
    if settings.oidc_claim == "email" and claims.get("email_verified") is not True:
        name = None
    return accounts_of(request).find_by_subject(claims["sub"], name if isinstance(name, str) else None)


def _rejection_page(request: Request, language: str, reason: str) -> Response:
    settings: Settings = request.app.state.settings
    html = accounts.sign_in_page(
        language,
        office=settings.office,
        next_path="/",
        query={},
        provider=settings.oidc_title,
        has_accounts=accounts_of(request).sign_in_required(),
        rejection=reason,
    )
    return _clear_attempt_cookie(Response(html, 401, media_type=HTML))


def _clear_attempt_cookie(answer: Response) -> Response:
    answer.delete_cookie(ATTEMPT_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer
