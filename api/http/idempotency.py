"""The ``Idempotency-Key`` of a write: a repeated request with the same key and body has its effect once."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from api.http.dependencies import inline_dependency
from api.http.request_body import BodyParam
from gis.db import Actor, Session
from gis.text import Malformed, Text
from gis.write import idempotency


@dataclass(frozen=True)
class IdempotencyKey:
    """The key of a write, or None, and the body that it is for. Without a key the methods do nothing."""

    key: str | None
    body: Mapping[str, Any]

    def claim(self, session: Session, actor: Actor, endpoint: str) -> uuid.UUID | None:
        """Claim the key; returns the id that the same request has stored before, or None if it is new."""
        earlier = self._claim(session, actor, endpoint)
        return None if earlier is None else earlier.feature_id

    def claim_result(self, session: Session, actor: Actor, endpoint: str) -> Mapping[str, Any] | None:
        """Claim the key; returns the result that the same request has stored before, or None if it is new."""
        earlier = self._claim(session, actor, endpoint)
        return None if earlier is None else earlier.result

    def _claim(self, session: Session, actor: Actor, endpoint: str) -> idempotency.IdempotencyKey | None:
        if self.key is None:
            return None
        return idempotency.claim_key(session, self.key, actor.name, self.body, endpoint)

    def store(self, session: Session, actor: Actor, feature_id: uuid.UUID) -> None:
        """Store the id of what the write has created or changed, for a repeat of the request."""
        if self.key is not None:
            idempotency.store_feature(session, self.key, actor.name, feature_id)

    def store_result(self, session: Session, actor: Actor, result: Mapping[str, Any]) -> None:
        """Store the result of the write as JSON, for a repeat of the request."""
        if self.key is not None:
            idempotency.store_result(session, self.key, actor.name, result)

    def release(self, session: Session, actor: Actor) -> None:
        """Give the key back, so that the request can be sent again."""
        if self.key is not None:
            idempotency.release_key(session, self.key, actor.name)


def idempotency_key_of(request: Request, body: BodyParam) -> IdempotencyKey:
    """The key in the header of a write. Raises ``Malformed`` for more than one."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise Malformed(Text("Chỉ được gửi một Idempotency-Key", "Send only one Idempotency-Key header"))
    return IdempotencyKey(keys[0] if keys else None, body)


IdempotencyParam = Annotated[IdempotencyKey, Depends(inline_dependency(idempotency_key_of))]
