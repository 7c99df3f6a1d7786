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

from api.auth.sign_in import accounts_of, carrying, enter, local_path
from api.http.media_types import HTML
from api.http.network import is_loopback
from api.http.security import PageLanguageParam
from api.settings import Settings
from gis.db.shared_memory import Kept
from gis.text.errors import Missing, Unauthenticated
from gis.text.i18n import Text
from maps.pages import accounts as entrance

router = APIRouter(prefix="/signin/oidc", tags=["sign-in"], include_in_schema=False)
log = logging.getLogger(__name__)

COOKIE = "__Host-cotmoc-oidc"
SIGNED_BY = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures by a key of the provider's alone: ``none`` and shared secrets are not taken."""

ATTEMPT_S = 600
MOST_ATTEMPTS = 1024
LONGEST_ATTEMPT = 4096
CLOCK_SKEW_S = 60
REMEMBERED_S = 3600
AGAIN_S = 60
PATIENCE_S = 10


@dataclass(frozen=True)
class Attempt:
    """One browser's way to the provider and back."""

    state: str = field(default_factory=secrets.token_urlsafe)
    nonce: str = field(default_factory=secrets.token_urlsafe)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    onward: str = "/"
    began: float = field(default_factory=time.monotonic)


class Attempts:
    """The attempts under way, by each browser's cookie: begun with one process, taken out once by any of them."""

    def __init__(self) -> None:
        self._kept = Kept(MOST_ATTEMPTS, LONGEST_ATTEMPT)

    def keep(self, cookie: str, attempt: Attempt) -> None:
        """Remember one; of too many the oldest are forgotten, and so is where to go on to when that is too long."""
        told = json.dumps(asdict(attempt)).encode()
        if len(told) > LONGEST_ATTEMPT:
            told = json.dumps(asdict(replace(attempt, onward="/"))).encode()
        self._kept.change(cookie, lambda _: told)

    def take(self, cookie: str) -> Attempt | None:
        """The attempt of this browser, never again; None where there is none or it is too old."""
        found: list[bytes] = []

        def taken(kept: bytes | None) -> None:
            found.extend([kept] if kept else [])

        self._kept.change(cookie, taken)
        attempt = Attempt(**json.loads(found[0])) if found else None
        return attempt if attempt and time.monotonic() - attempt.began < ATTEMPT_S else None


class Provider:
    """The identity provider that the settings name: its endpoints and keys, asked for when first needed and kept.

    Whatever it answers that is not as it should be raises ``Unauthenticated``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.attempts = Attempts()
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._asked = self._asked_keys = float("-inf")
        self._trusted = ssl.create_default_context()

    def address_of(self, attempt: Attempt, redirect: str) -> str:
        """Where the browser is sent to sign in."""
        address = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            self.settings.oidc_client_id,
            "code",
            redirect,
            "openid profile email",
            attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return str(address)

    def claims_of(self, attempt: Attempt, code: str, redirect: str) -> dict[str, Any]:
        """What the provider says of whoever came back with ``code``."""
        file = self.settings.oidc_client_secret_file
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": attempt.verifier,
            **({} if file else {"client_id": self.settings.oidc_client_id}),
        }
        # Both parts of a client's name are form-encoded before they are put together (RFC 6749, 2.3.1).
        client = quote_plus(str(self.settings.oidc_client_id)), quote_plus(_secret_in(file)) if file else ""
        given = self._answered("POST", self._endpoint("token_endpoint"), data=form, auth=client if file else None)
        return self.verified(str(given.get("id_token", "")), attempt.nonce)

    def verified(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that this provider has signed for us, for this attempt, and lately."""
        try:
            claims = self._opened(id_token).claims
            jwt.JWTClaimsRegistry(
                leeway=CLOCK_SKEW_S,
                iss={"essential": True, "value": str(self.settings.oidc_issuer)},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError) as fault:
            raise _distrusted("the ID token", fault) from None
        if claims.get("aud") not in (self.settings.oidc_client_id, [self.settings.oidc_client_id]):
            raise _distrusted("the audience")
        if claims.get("azp") not in (None, self.settings.oidc_client_id):
            raise _distrusted("the authorized party")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise _distrusted("the subject")
        return dict(claims)

    def _opened(self, id_token: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, self._known_keys(), algorithms=SIGNED_BY)
        except (JoseError, ValueError):
            if time.monotonic() - self._asked_keys < AGAIN_S:
                raise
            self._keys = None  # the provider may have changed its keys
            return jwt.decode(id_token, self._known_keys(), algorithms=SIGNED_BY)

    def _known_keys(self) -> KeySet:
        if self._keys is None or time.monotonic() - self._asked_keys > REMEMBERED_S:
            self._keys = KeySet.import_key_set(cast("Any", self._answered("GET", self._endpoint("jwks_uri"))))
            self._asked_keys = time.monotonic()
        return self._keys

    def _endpoint(self, name: str) -> str:
        if not self._metadata or time.monotonic() - self._asked > REMEMBERED_S:
            issuer = str(self.settings.oidc_issuer)
            found = self._answered("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise _distrusted("the issuer")
            self._metadata, self._asked = found, time.monotonic()
        address = str(self._metadata.get(name, ""))
        _refuse_open_line(address)
        return address

    def _answered(self, method: str, address: str, **sent: Any) -> dict[str, Any]:
        _refuse_open_line(address)
        try:
            with httpx.Client(timeout=PATIENCE_S, trust_env=False, verify=self._trusted) as asking:
                answer = asking.request(method, address, **sent)
                answer.raise_for_status()
                found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise _distrusted("no answer", fault) from None
        if not isinstance(found, dict):
            raise _distrusted("no object")
        return found


def _secret_in(file: Path) -> str:
    return file.read_text("utf-8").strip()


def _refuse_open_line(address: str) -> None:
    """The provider is asked over TLS; on this machine itself it may be asked without."""
    parts = urlsplit(address)
    near = parts.hostname is not None and (parts.hostname == "localhost" or is_loopback(parts.hostname))
    if parts.scheme != "https" and not (parts.scheme == "http" and near):
        raise _distrusted("an address without TLS")


def _distrusted(why: str, fault: Exception | None = None) -> Unauthenticated:
    log.warning("the identity provider's answer is not taken: %s %s", why, type(fault).__name__ if fault else "")
    return Unauthenticated(entrance.REFUSED["provider"])


def provider_of(request: Request) -> Provider:
    """The provider, where there is one. Raises ``Missing`` where there is none."""
    settings: Settings = request.app.state.settings
    if not settings.oidc_issuer or not settings.oidc_client_id:
        raise Missing(Text("Chưa kết nối với hệ thống định danh", "No identity provider is connected"))
    found: Provider = request.app.state.provider
    return found


def _redirect(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers['host']}/signin/oidc/callback"


@router.get("")
def leave(request: Request, language: PageLanguageParam) -> Response:
    """Send the browser to the provider."""
    provider = provider_of(request)
    attempt, cookie = Attempt(onward=local_path(request.query_params.get("next"))), secrets.token_urlsafe(32)
    try:
        address = provider.address_of(attempt, _redirect(request))
    except Unauthenticated:
        return _refused(request, language, "provider")
    provider.attempts.keep(cookie, attempt)
    answer = RedirectResponse(address, 303)
    answer.set_cookie(COOKIE, cookie, ATTEMPT_S, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/callback")
def come_back(request: Request, language: PageLanguageParam) -> Response:
    """Take what the provider says, once, for the browser that was sent there."""
    provider, given = provider_of(request), request.query_params
    attempt = provider.attempts.take(request.cookies.get(COOKIE, ""))
    try:
        if attempt is None or not secrets.compare_digest(given.get("state", "").encode(), attempt.state.encode()):
            raise _distrusted("the state")
        if given.get("iss") not in (None, provider.settings.oidc_issuer) or not given.get("code"):
            raise _distrusted("the answer")
        claims = provider.claims_of(attempt, given["code"], _redirect(request))
    except Unauthenticated:
        return _refused(request, language, "provider")
    person_id = _person(request, claims)
    if person_id is None:
        return _refused(request, language, "unknown")
    answer = carrying(RedirectResponse(attempt.onward, 303), enter(request, person_id))
    return _forgetting(answer)


def _person(request: Request, claims: Mapping[str, Any]) -> uuid.UUID | None:
    settings: Settings = request.app.state.settings
    name = claims.get(settings.oidc_claim) if settings.oidc_claim else None
    if settings.oidc_claim == "email" and claims.get("email_verified") is not True:
        name = None
    return accounts_of(request).known(claims["sub"], name if isinstance(name, str) else None)


def _refused(request: Request, language: str, why: str) -> Response:
    settings: Settings = request.app.state.settings
    html = entrance.sign_in_page(
        language,
        office=settings.office,
        onward="/",
        query={},
        provider=settings.oidc_title,
        exist=accounts_of(request).exist(),
        refused=why,
    )
    return _forgetting(Response(html, 401, media_type=HTML))


def _forgetting(answer: Response) -> Response:
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer
