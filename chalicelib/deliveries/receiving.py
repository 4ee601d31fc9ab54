"""Receives webhooks: verifies the signature, responds to handshakes, and applies each delivery once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib import keys
from chalicelib.adapters.payload_values import is_unicode
from chalicelib.adapters.verification.errors import SignatureInvalid
from chalicelib.adapters.verification.handshakes import handshake, handshake_get
from chalicelib.adapters.verification.verify import Verified, verify
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.buckets.bucket import Bucket
from chalicelib.buckets.errors import BucketNotFound
from chalicelib.buckets.service import Buckets
from chalicelib.core import log
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.errors import Unavailable
from chalicelib.core.record import record
from chalicelib.deliveries.applying import Application
from chalicelib.deliveries.bodies import compressed
from chalicelib.deliveries.delivery import PARKED, Delivery, delivery_id
from chalicelib.deliveries.endpoints import UNKNOWN, Endpoint, Endpoints
from chalicelib.deliveries.errors import AdapterNotFound, DeliveryRepeated, SignatureRefused
from chalicelib.deliveries.payload import Payload, payload_of
from chalicelib.deliveries.store import DeliveryStore


@record
class Received:
    """What a webhook has led to: a delivery, or the response to a handshake.

    `is_repetition`: the same delivery has been received before.
    """

    delivery: Delivery | None = None
    is_repetition: bool = False
    handshake: Mapping[str, Any] | None = None


@record
class Webhook:
    """A request to the webhook URL of a bucket. `headers` have lower-case names. `body` is as it was sent."""

    adapter_type: str
    bucket_id: str
    headers: Mapping[str, str]
    body: bytes


@record
class NewDelivery:
    """Records a delivery that was received now, on condition that it has not been recorded before."""

    store: DeliveryStore
    parts: Sequence[str]
    claim: str

    def steps(self, outcome: Delivery) -> Sequence[Step]:
        """Returns the writes that record the outcome."""
        return self.store.steps_of_new(outcome, self.parts, self.claim)

    def record(self, outcome: Delivery) -> None:
        """Records the outcome. Raises DeliveryRepeated."""
        self.store.write(list(self.steps(outcome)))


@record
class Receiver:
    """Receives the webhooks of all buckets."""

    endpoints: Endpoints
    store: DeliveryStore
    buckets: Buckets
    application: Application
    clock: Clock

    def receive(self, webhook: Webhook) -> Received:
        """Applies a webhook, unless it was received before.

        Raises AdapterNotFound, SignatureRefused, and Unavailable if the sender is to send it again.
        """
        endpoint, verified = self._verified(webhook)
        payload = payload_of(webhook.body)
        signers = _signer_first(endpoint.secrets, verified)
        if (response := handshake(endpoint.adapter_type, payload.value, signers)) is not None:
            return Received(handshake=response)
        parts = compressed(webhook.body)
        delivery = self._delivery(endpoint, verified, payload, len(parts))
        log.add_request_fields(delivery=delivery.delivery_id)
        bucket = self._bucket(endpoint)
        recorder = NewDelivery(self.store, parts, secrets.token_hex(8))
        try:
            return Received(self.application.apply(delivery, payload, bucket, recorder))
        except DeliveryRepeated as known:
            self._count_repetition(known.delivery)
            return Received(known.delivery, is_repetition=True)

    def _count_repetition(self, delivery: Delivery) -> None:
        """Counts a repetition. The sender need not send it again if that fails, because the delivery is stored."""
        try:
            self.store.count_repetition(delivery)
        except Unavailable as error:
            log.log("A repetition was not counted", level=log.ERROR, error=error, delivery=delivery.delivery_id)

    def challenge(self, adapter_type: str, bucket_id: str, query: Mapping[str, str]) -> str:
        """Returns the response to a handshake by GET. Raises AdapterNotFound, SignatureRefused."""
        endpoint = self.endpoints.find(adapter_type, bucket_id)
        response = handshake_get(query, endpoint.secrets)
        if endpoint is UNKNOWN:
            raise AdapterNotFound()
        if response is None or endpoint.adapter_type != "generic_webhook":
            raise SignatureRefused("the query is not a handshake with the secret of the adapter")
        return response

    def _verified(self, webhook: Webhook) -> tuple[Endpoint, Verified]:
        endpoint = self.endpoints.find(webhook.adapter_type, webhook.bucket_id)
        now = self.clock().timestamp()
        try:
            verified = verify(webhook.adapter_type, webhook.headers, webhook.body, endpoint.secrets, now=now)
        except SignatureInvalid as error:
            raise AdapterNotFound() if endpoint is UNKNOWN else SignatureRefused(error.reason) from error
        return endpoint, verified

    def _bucket(self, endpoint: Endpoint) -> Bucket:
        try:
            bucket = self.buckets.get(endpoint.partition, endpoint.bucket_id)
        except BucketNotFound as error:
            raise AdapterNotFound() from error
        adapter = bucket.settings.source_adapter
        if bucket.deletion_task is not None or adapter is None or adapter["adapter_type"] != endpoint.adapter_type:
            raise AdapterNotFound()
        return bucket

    def _delivery(self, endpoint: Endpoint, verified: Verified, payload: Payload, parts: int) -> Delivery:
        now = format_timestamp(self.clock())
        place = keys.parse_partition(endpoint.partition)
        assert place is not None, "the row has the partition of a namespace"
        organization, namespace_id = place
        return Delivery(
            organization=organization,
            namespace_id=namespace_id,
            bucket_id=endpoint.bucket_id,
            delivery_id=delivery_id(
                endpoint.bucket_id,
                message_id=_message_id(verified, payload.value),
                body=payload.body,
                timestamp=verified.timestamp,
            ),
            adapter_type=endpoint.adapter_type,
            form=verified.form,
            received_at=now,
            updated_at=now,
            state=PARKED,
            body_bytes=len(payload.body),
            body_parts=parts,
        )


def _signer_first(secrets: Sequence[str], verified: Verified) -> list[str]:
    signer = secrets[verified.secret_index]
    return [signer, *(each for each in secrets if each != signer)]


def _message_id(verified: Verified, payload: Any) -> str | None:
    """Returns the id that the sender gave to the message, from a signed part of the request."""
    if verified.message_id is not None:
        return f"header:{verified.message_id}"
    value = payload.get(verified.payload_id) if verified.payload_id and isinstance(payload, dict) else None
    # A text with an unpaired surrogate, which JSON can contain, is not Unicode and has no hash.
    is_usable = isinstance(value, str) and value and is_unicode(value)
    return f"{verified.payload_id}:{value}" if is_usable else None
