"""Sign in with OpenID Connect (Core 1.0, authorization code flow with PKCE).

Optional: the settings ``COTMOC_OIDC_…`` name the identity provider. It authenticates people and grants no rights: each
person needs an account here, found by its subject or by a claim that holds a login name, and the role of that account
decides. Administrators cannot sign in this way, so that the provider cannot make one. An attempt is bound to one
browser, whose cookie contains it encrypted, for ten minutes. It is used once, since the browser is told to delete the
cookie and a provider accepts a code once (RFC 6749, 4.1.2).
"""

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
from joserfc.jwe import JWERegistry
from joserfc.jwk import KeySet, OctKey

from api.auth.sign_in import accounts_of, begin_session, local_path, set_session_cookie
from api.http.dependencies import PageLanguageParam
from api.http.media_types import HTML
from api.http.network import is_loopback
from api.settings import Settings
from gis.text import Missing, Text, Unauthenticated
from maps.pages import accounts

router = APIRouter(prefix="/signin/oidc", tags=["sign-in"], include_in_schema=False)
log = logging.getLogger(__name__)

ATTEMPT_COOKIE = "__Host-cotmoc-oidc"
SIGNATURE_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Asymmetric signatures only: ``none`` and shared secrets are refused."""

COOKIE_ENCRYPTION = {"alg": "dir", "enc": "A256GCM"}
ATTEMPT_LIFETIME_S = 600
MAX_COOKIE_BYTES = 4000
"""Browsers ignore cookies of more than 4,096 bytes."""

CLOCK_SKEW_S = 60
METADATA_LIFETIME_S = 3600
KEY_REFRESH_INTERVAL_S = 60
HTTP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Attempt:
    """One attempt of a browser to sign in with the provider, and where to go afterwards."""

    state: str = field(default_factory=secrets.token_urlsafe)
    nonce: str = field(default_factory=secrets.token_urlsafe)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    next_path: str = "/"


class AttemptCookies:
    """Encrypts attempts into cookies (JWE) with a key that all worker processes inherit: any may handle a callback."""

    def __init__(self) -> None:
        self._key = OctKey.generate_key(256)
        self._registry = JWERegistry(algorithms=list(COOKIE_ENCRYPTION.values()))

    def encode(self, attempt: Attempt) -> str:
        """The cookie of an attempt that begins now; a ``next_path`` that is too long becomes ``/``."""
        claims = {**asdict(attempt), "exp": int(time.time()) + ATTEMPT_LIFETIME_S}
        cookie = jwt.encode(COOKIE_ENCRYPTION, claims, self._key, registry=self._registry)
        return cookie if len(cookie) <= MAX_COOKIE_BYTES else self.encode(replace(attempt, next_path="/"))

    def decode(self, cookie: str) -> Attempt | None:
        """The attempt in a cookie; None if it has expired or the cookie is not from this server."""
        try:
            claims = jwt.decode(cookie, self._key, registry=self._registry).claims
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(claims)
        except (JoseError, ValueError):
            return None
        return Attempt(**{name: value for name, value in claims.items() if name != "exp"})


class Provider:
    """The identity provider of the settings. Its metadata and keys are fetched when first needed, and cached.

    Every method raises ``Unauthenticated`` if the provider cannot be reached or its response is not valid.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cookies = AttemptCookies()
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._metadata_at = self._keys_at = float("-inf")
        self._tls_context = ssl.create_default_context()

    def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """The URL at the provider to which the browser is sent (RFC 6749, 4.1.1, with PKCE, RFC 7636)."""
        url = prepare_grant_uri(
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
        return str(url)

    def fetch_claims(self, attempt: Attempt, code: str, redirect_uri: str) -> dict[str, Any]:
        """Exchange the authorization ``code`` for an ID token; returns its verified claims."""
        file = self.settings.oidc_client_secret_file
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
            **({} if file else {"client_id": self.settings.oidc_client_id}),
        }
        # The client id and secret are form-encoded before HTTP Basic joins them (RFC 6749, 2.3.1).
        client = quote_plus(str(self.settings.oidc_client_id)), quote_plus(_read_secret(file)) if file else ""
        endpoint = self._endpoint("token_endpoint")
        tokens = self._request_json("POST", endpoint, data=form, auth=client if file else None)
        return self.verify_id_token(str(tokens.get("id_token", "")), attempt.nonce)

    def verify_id_token(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token, once signature, issuer, audience, nonce and times hold (OIDC Core, 3.1.3.7)."""
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
            self._keys = None  # The provider may have rotated its keys.
            return jwt.decode(id_token, self._key_set(), algorithms=SIGNATURE_ALGORITHMS)

    def _key_set(self) -> KeySet:
        if self._keys is None or time.monotonic() - self._keys_at > METADATA_LIFETIME_S:
            self._keys = KeySet.import_key_set(cast("Any", self._request_json("GET", self._endpoint("jwks_uri"))))
            self._keys_at = time.monotonic()
        return self._keys

    def _endpoint(self, name: str) -> str:
        if not self._metadata or time.monotonic() - self._metadata_at > METADATA_LIFETIME_S:
            issuer = str(self.settings.oidc_issuer)
            metadata = self._request_json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if metadata.get("issuer") != issuer:
                raise _rejected("the issuer")
            self._metadata, self._metadata_at = metadata, time.monotonic()
        url = str(self._metadata.get(name, ""))
        _require_tls(url)
        return url

    def _request_json(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        _require_tls(url)
        try:
            with httpx.Client(timeout=HTTP_TIMEOUT_S, trust_env=False, verify=self._tls_context) as client:
                response = client.request(method, url, **options)
                response.raise_for_status()
                document = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise _rejected("no valid response", fault) from None
        if not isinstance(document, dict):
            raise _rejected("no object")
        return document


def _read_secret(file: Path) -> str:
    return file.read_text("utf-8").strip()


def _require_tls(url: str) -> None:
    """Raise ``Unauthenticated`` for a URL without TLS, unless its host is loopback."""
    parts = urlsplit(url)
    is_local = parts.hostname is not None and (parts.hostname == "localhost" or is_loopback(parts.hostname))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise _rejected("a URL without TLS")


def _rejected(reason: str, fault: Exception | None = None) -> Unauthenticated:
    log.warning("the identity provider's response is refused: %s %s", reason, type(fault).__name__ if fault else "")
    return Unauthenticated(accounts.REJECTIONS["provider"])


def provider_of(request: Request) -> Provider:
    """The identity provider. Raises ``Missing`` if none is configured."""
    settings: Settings = request.app.state.settings
    if not settings.oidc_issuer or not settings.oidc_client_id:
        raise Missing(Text("Chưa kết nối với hệ thống định danh", "No identity provider is connected"))
    provider: Provider = request.app.state.provider
    return provider


def _redirect_uri(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers['host']}/signin/oidc/callback"


@router.get("")
def redirect_to_provider(request: Request, language: PageLanguageParam) -> Response:
    """Start an attempt to sign in and redirect the browser to the provider."""
    provider = provider_of(request)
    attempt = Attempt(next_path=local_path(request.query_params.get("next")))
    try:
        url = provider.authorization_url(attempt, _redirect_uri(request))
    except Unauthenticated:
        return _rejection_page(request, language, "provider")
    response = RedirectResponse(url, 303)
    response.set_cookie(
        ATTEMPT_COOKIE,
        provider.cookies.encode(attempt),
        ATTEMPT_LIFETIME_S,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/callback")
def callback(request: Request, language: PageLanguageParam) -> Response:
    """Handle the provider's redirect back: check the state, fetch the claims, sign in."""
    provider, parameters = provider_of(request), request.query_params
    attempt = provider.cookies.decode(request.cookies.get(ATTEMPT_COOKIE, ""))
    try:
        if attempt is None or not secrets.compare_digest(parameters.get("state", "").encode(), attempt.state.encode()):
            raise _rejected("the state")
        if parameters.get("iss") not in (None, provider.settings.oidc_issuer) or not parameters.get("code"):
            raise _rejected("the callback parameters")
        claims = provider.fetch_claims(attempt, parameters["code"], _redirect_uri(request))
    except Unauthenticated:
        return _rejection_page(request, language, "provider")
    person_id = _person_id(request, claims)
    if person_id is None:
        return _rejection_page(request, language, "unknown")
    response = set_session_cookie(RedirectResponse(attempt.next_path, 303), begin_session(request, person_id).cookie)
    return _clear_attempt_cookie(response)


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


def _clear_attempt_cookie(response: Response) -> Response:
    response.delete_cookie(ATTEMPT_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response
