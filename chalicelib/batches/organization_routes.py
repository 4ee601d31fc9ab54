"""The HTTP operations on the batches of an organization, which find a batch by its id alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.batches.errors import BatchEnded, BatchListTooLong, BatchNotFound
from chalicelib.core.errors import BadRequest
from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.listing.cursors import CursorInvalid
from chalicelib.namespaces.errors import NamespaceUnresolved

if TYPE_CHECKING:
    from chalicelib.batches import models, requests, response_models, responses
    from chalicelib.batches.facade import BatchServices
    from chalicelib.buckets.place import BucketPlace
else:
    models = LazyModule("chalicelib.batches.models")
    requests = LazyModule("chalicelib.batches.requests")
    responses = LazyModule("chalicelib.batches.responses")
    response_models = LazyModule("chalicelib.batches.response_models")

BATCHES = "/v1/batches"
BATCH = f"{BATCHES}/{{batch_id}}"
operation = partial(Operation, tag="Batches", scope="organization")


class NamespacesDisagree(BadRequest):
    """The header `X-Namespace` and `namespace_id` in the body name different namespaces."""

    message = "The header X-Namespace and namespace_id in the body name different namespaces"
    code = "namespaces_disagree"


def organization_batch_operations(services: Callable[[], BatchServices]) -> list[Operation]:
    """Returns the operations on the batches of an organization."""

    def get(call: Call) -> JsonResponse:
        place = _locate(services(), call)
        found = services().batches.get_with_tally(place, call.path["batch_id"])
        return JsonResponse(services().reader.shown(found, with_urls=call.query.return_presigned_urls))

    def cancel(call: Call) -> JsonResponse:
        return responses.cancel_response(services(), _locate(services(), call), call)

    def list_(call: Call) -> JsonResponse:
        from chalicelib.batches.lists import BatchFilter, list_of_organization

        body, namespace_id = call.body, _requested_namespace(services(), call)
        wanted = BatchFilter(body.status, body.bucket_id, namespace_id, is_empty=body.collection_id is not None)
        scope = f"batches {call.organization_id} {namespace_id} {body.bucket_id} {body.status}"
        page = requests.requested_page(call, scope)
        found = list_of_organization(services().batches, call.organization_id, page, wanted)
        return responses.list_response(services(), call, found, path=f"{BATCHES}/list")

    return [
        operation(
            method="GET",
            path=BATCH,
            name="get_batch_by_id_batches",
            summary="Get Batch by Id",
            description="Returns a batch with its progress, in whichever bucket of the organization it is.",
            run=get,
            response=lambda: response_models.BatchResponse,
            query=lambda: models.BatchQuery,
            errors=(BatchNotFound, NamespaceUnresolved),
        ),
        operation(
            method="POST",
            path=f"{BATCH}/cancel",
            name="cancel_batch_by_id_batches",
            summary="Cancel Batch by Id",
            description="Cancels a batch that has not ended, in whichever bucket of the organization it is.",
            run=cancel,
            response=lambda: response_models.BatchTaskResponse,
            query=lambda: models.CancelBatchQuery,
            permission="write",
            errors=(BatchNotFound, BatchEnded, NamespaceUnresolved),
        ),
        operation(
            method="POST",
            path=f"{BATCHES}/list",
            name="list_all_batches",
            summary="List All Batches",
            description="Lists the batches of the organization, newest first. The header X-Namespace or `namespace_id` "
            "limits the list to a namespace.",
            run=list_,
            response=lambda: response_models.ListBatchesResponse,
            body=lambda: models.ListBatchesRequest,
            errors=(CursorInvalid, BatchListTooLong, NamespacesDisagree, NamespaceUnresolved),
        ),
    ]


def _locate(services: BatchServices, call: Call) -> BucketPlace:
    """Returns where a batch is. Raises BatchNotFound, also if it is not in the namespace of the header."""
    batch_id = call.path["batch_id"]
    place = services.reader.locate(call.organization_id, batch_id)
    namespace_id = _header_namespace(services, call)
    if namespace_id not in (None, place.namespace_id):
        raise BatchNotFound(batch_id)
    return place


def _requested_namespace(services: BatchServices, call: Call) -> str | None:
    """Returns the id of the namespace in the header or in the body. Raises NamespacesDisagree, NamespaceUnresolved."""
    from_header = _header_namespace(services, call)
    if call.body.namespace_id is None:
        return from_header
    from_body = _namespace_id(services, call, call.body.namespace_id)
    if from_header not in (None, from_body):
        raise NamespacesDisagree()
    return from_body


def _header_namespace(services: BatchServices, call: Call) -> str | None:
    identifier = call.headers.get("x-namespace", "").strip()
    return _namespace_id(services, call, identifier) if identifier else None


def _namespace_id(services: BatchServices, call: Call, identifier: str) -> str:
    found = services.namespaces.find(call.organization_id, identifier, include_expired=True)
    if found is None:
        raise NamespaceUnresolved(identifier)
    return found.namespace_id
