"""What requests about batches contain, as the services expect it."""

from __future__ import annotations

from chalicelib.batches.batch import Webhook
from chalicelib.batches.facade import BatchServices
from chalicelib.batches.lists import Page
from chalicelib.batches.service import Submission
from chalicelib.core.errors import NotEnabled
from chalicelib.core.sealed import check_not_sealed
from chalicelib.http.operation import Call

DEFAULT_LIST_LIMIT = 100


def requested_page(call: Call, scope: str) -> Page:
    """Returns the page that the body of a list request asks for."""
    body = call.body
    return Page(body.limit or DEFAULT_LIST_LIMIT, 0 if body.cursor else body.offset or 0, body.cursor, scope)


def submits(call: Call) -> bool | None:
    """Returns whether a request asks to submit the batch. None if it does not say. The query takes precedence."""
    query, body = call.query, call.body
    given = (query.auto_submit, query.trigger_processing, body.auto_submit, body.trigger_processing)
    return next((value for value in given if value is not None), None)


def check_collections(collection_ids: list[str] | None) -> None:
    """Raises NotEnabled for a request that names collections."""
    if collection_ids:
        raise NotEnabled("Collections are not enabled here", details={"field": "collection_ids"})


def submission_of(services: BatchServices, call: Call) -> Submission:
    """Returns how a request submits a batch. Raises RequestInvalid for a webhook that is refused."""
    return Submission(
        force=call.query.force,
        webhook=_webhook(services, call.body.webhook_url, call.body.webhook_secret),
        tolerated_failure_percentage=call.body.tolerated_failure_percentage,
    )


def _webhook(services: BatchServices, url: str | None, secret: str | None) -> Webhook | None:
    if url is None:
        return None
    services.check_webhook_url(url)
    check_not_sealed(secret, "body", "webhook_secret")
    return Webhook(url, secret or services.new_secret())
