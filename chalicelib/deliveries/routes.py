"""The operations that receive webhooks. They need no API key: the signature proves who sent the request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.core import log
from chalicelib.core.errors import TooLarge, Unavailable
from chalicelib.core.lazy_module import LazyModule
from chalicelib.deliveries.errors import AdapterNotFound, SignatureRefused
from chalicelib.http.operation import Call, JsonResponse, Operation

if TYPE_CHECKING:
    from chalicelib.deliveries import receiving, response_models, webhook_response
    from chalicelib.deliveries.receiving import Receiver
else:
    receiving = LazyModule("chalicelib.deliveries.receiving")
    response_models = LazyModule("chalicelib.deliveries.response_models")
    webhook_response = LazyModule("chalicelib.deliveries.webhook_response")

WEBHOOK = "/v1/webhooks/{adapter_type}/{bucket_id}"
# Senders give up after three to five seconds, and send the request again.
TIME_LIMIT_SECONDS = 3.0
operation = partial(
    Operation,
    path=WEBHOOK,
    tag="Webhooks",
    scope="open",
    raw=True,
    time_limit_seconds=TIME_LIMIT_SECONDS,
)


def webhook_operations(receiver: Callable[[], Receiver]) -> list[Operation]:
    """Returns the operations that receive webhooks."""

    def receive(call: Call) -> JsonResponse:
        path = call.path
        webhook = receiving.Webhook(path["adapter_type"], path["bucket_id"], call.headers, call.raw_body)
        received = receiver().receive(webhook)
        if received.delivery is not None:
            call.organization_id = received.delivery.organization
            call.namespace_id = received.delivery.namespace_id
        shown = webhook_response.show_received(received)
        if "status" in shown:
            log.add_request_fields(outcome=shown["status"])
        return JsonResponse(shown)

    def challenge(call: Call) -> JsonResponse:
        path = call.path
        text = receiver().challenge(path["adapter_type"], path["bucket_id"], call.raw_query)
        # The text comes from the query, and a browser must not take it for a page.
        return JsonResponse(text, headers={"X-Content-Type-Options": "nosniff"}, is_text=True)

    return [
        operation(
            method="POST",
            name="receive_webhook_webhooks",
            summary="Receive Webhook",
            description=(
                "Receives an event of another system for the source adapter of a bucket. The body is what that system"
                " sends, and must be signed with the secret of the adapter. A delivery is applied once, however often"
                " it is sent."
            ),
            run=receive,
            response=lambda: response_models.WebhookResponse,
            errors=(AdapterNotFound, SignatureRefused, TooLarge, Unavailable),
        ),
        operation(
            method="GET",
            name="answer_webhook_handshake_webhooks",
            summary="Answer Webhook Handshake",
            description=(
                "Responds to the check with which Meta verifies a webhook URL: with `hub.challenge` as plain text, if"
                " `hub.mode` is `subscribe` and `hub.verify_token` is the secret of the adapter."
            ),
            run=challenge,
            response=lambda: response_models.Challenge,
            errors=(AdapterNotFound, SignatureRefused),
        ),
    ]
