"""Responses to handshakes, with which senders check that a URL belongs to the owner of the secret.

Slack: https://docs.slack.dev/reference/events/url_verification
Zoom: https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
Meta: https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validating-verification-requests
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from chalicelib.adapters.verification.forms import text_key
from chalicelib.adapters.verification.keys import first_match, keys_of

MAX_SECRET_LENGTH = 500

_TOKEN = re.compile(r"[!-~]{1,500}")
_META_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,200}")


def handshake(adapter_type: str, payload: Any, secrets: Sequence[str]) -> dict[str, str] | None:
    """Returns the JSON response to a handshake of Slack or Zoom, or None if the payload is not one.

    The caller has verified the signature of the payload before. `secrets` begins with the secret that it was signed
    with (`Verified.secret_index`), because Zoom expects a signature with the same one.
    """
    if adapter_type != "generic_webhook" or not isinstance(payload, dict):
        return None
    if payload.get("type") == "url_verification":
        return _slack(payload)
    if payload.get("event") == "endpoint.url_validation":
        return _zoom(payload, secrets)
    return None


def handshake_get(query: Mapping[str, str], secrets: Sequence[str]) -> str | None:
    """Returns the text that responds to a handshake of Meta, or None if the query is not one, or has a wrong token.

    A secret is the token that Meta sends. The time does not depend on the secrets. Only adapters of the type
    `generic_webhook` have this handshake.
    """
    challenge = query.get("hub.challenge", "")
    if query.get("hub.mode") != "subscribe" or not _META_CHALLENGE.fullmatch(challenge):
        return None
    return challenge if _is_secret(query.get("hub.verify_token", ""), secrets) else None


def _slack(payload: Mapping[str, Any]) -> dict[str, str] | None:
    challenge = payload.get("challenge")
    return {"challenge": challenge} if _is_token(challenge) else None


def _zoom(payload: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, str] | None:
    inner = payload.get("payload")
    token = inner.get("plainToken") if isinstance(inner, dict) else None
    key = keys_of(secrets, text_key)[0]
    if not _is_token(token) or not key.accepted:
        return None
    return {"plainToken": token, "encryptedToken": key.sign(token.encode()).hex()}


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _is_secret(token: str, secrets: Sequence[str]) -> bool:
    if len(token) > MAX_SECRET_LENGTH:
        return False
    given, keys = keys_of([token], text_key)[0], keys_of(secrets, text_key)
    return given.accepted and first_match([given.digest()], keys, [key.digest() for key in keys]) is not None
