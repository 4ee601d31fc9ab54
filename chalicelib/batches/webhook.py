"""The notification of the end of a batch: an HTTP POST to the `webhook_url` of its submission.

It is signed as Standard Webhooks describes. An attempt that is not accepted is repeated with increasing delays for a
day. All attempts have the same message id, by which the receiver recognizes repetitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws.vault import Vault
from chalicelib.batches.batch import Batch, Webhook
from chalicelib.batches.ending import end_of, end_type
from chalicelib.core.clock import format_timestamp, parse_timestamp
from chalicelib.core.errors import Unavailable
from chalicelib.core.json_codec import to_json

if TYPE_CHECKING:
    from chalicelib.outbound.client import GuardedClient

# The delays after the first failed attempts in seconds. Later ones follow after the last delay, for a day.
RETRY_DELAYS = (5, 30, 120, 300, 900, 1800, 3600, 7200, 10_800)
RETRY_PERIOD = timedelta(days=1)
TIMEOUT_SECONDS = 10.0
MAX_RESPONSE_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class WebhookNotifier:
    """Notifies the receivers of webhooks. `client` returns the HTTP client, which is built on first use."""

    client: Callable[[], GuardedClient]
    vault: Vault

    def attempt(self, batch: Batch, webhook: Webhook, now: datetime) -> Webhook:
        """Sends the notification once, and returns the state of the webhook after it."""
        error = self._send(batch, webhook, now)
        attempts = webhook.attempts + 1
        if error is None:
            return replace(webhook, state="delivered", attempts=attempts, last_error=None, next_attempt_at=None)
        following = now + timedelta(seconds=RETRY_DELAYS[min(webhook.attempts, len(RETRY_DELAYS) - 1)])
        if following > parse_timestamp(str(webhook.ended_at)) + RETRY_PERIOD:
            return replace(webhook, state="failed", attempts=attempts, last_error=error, next_attempt_at=None)
        next_attempt_at = format_timestamp(following)
        return replace(webhook, attempts=attempts, last_error=error, next_attempt_at=next_attempt_at)

    def _send(self, batch: Batch, webhook: Webhook, now: datetime) -> str | None:
        """Sends the notification. Returns None if it was accepted, or why it was not."""
        from chalicelib.outbound.errors import OutboundError, ResponseTooLarge
        from chalicelib.outbound.signatures import sign_webhook

        try:
            secret = self.vault.reveal(str(webhook.secret), batch.bucket_id)
        except Unavailable as error:  # it counts as an attempt, because the reason may be permanent
            return error.text
        message_id = notification_id(batch)
        body = to_json(notification(batch)).encode()
        headers = {
            "Content-Type": "application/json",
            **sign_webhook(secret, message_id, int(now.timestamp()), body),
        }
        try:
            response = self.client().request(
                "POST",
                webhook.url,
                headers=headers,
                body=body,
                timeout_seconds=TIMEOUT_SECONDS,
                max_response_bytes=MAX_RESPONSE_BYTES,
            )
            status = response.status
        except ResponseTooLarge as error:  # the receiver has the notification; only its response is not read
            status = error.status or 0
        except OutboundError as error:
            return error.text
        return None if 200 <= status < 300 else f"The receiver responded with the status {status}"


def notification_id(batch: Batch) -> str:
    """Returns the message id of the notification of the batch's current run."""
    return f"{batch.batch_id}-{batch.epoch}"


def notification(batch: Batch) -> dict[str, Any]:
    """Returns the body of the notification."""
    return {"id": notification_id(batch), "type": end_type(batch), "timestamp": batch.ended_at, **end_of(batch)}
