"""The API operations on namespaces. None of them reads the X-Namespace header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.core.lazy_module import LazyModule
from chalicelib.http.operation import Call, JsonResponse, Operation
from chalicelib.http.preconditions import read_preconditions
from chalicelib.listing.pagination import ListTooLong, SortTooLarge, page_request, pagination
from chalicelib.namespaces.errors import (
    NamespaceIdTaken,
    NamespaceNameTaken,
    NamespaceNotFound,
    NamespaceStale,
)
from chalicelib.namespaces.namespace import Namespace, to_response
from chalicelib.namespaces.service import Namespaces

if TYPE_CHECKING:
    from chalicelib.namespaces import models
else:
    models = LazyModule("chalicelib.namespaces.models")

NAMESPACES = "/v1/namespaces"
NAMESPACE = f"{NAMESPACES}/{{namespace_identifier}}"
DEFAULT_PAGE = 10
operation = partial(Operation, tag="Namespaces")
DECLARATIONS = ("feature_extractors", "payload_indexes", "vector_configs")


def namespace_operations(namespaces: Callable[[], Namespaces]) -> list[Operation]:
    """Returns the operations that create, get, update and list namespaces."""

    def create(call: Call) -> JsonResponse:
        return _response(namespaces().create(call.organization_id, call.body))

    def get(call: Call) -> JsonResponse:
        namespace = namespaces().get(call.organization_id, _identifier(call), cached_id=call.namespace_id)
        if read_preconditions(call.headers).is_current(namespace.etag):
            return JsonResponse(None, status=304, headers={"ETag": namespace.etag})
        return _response(namespace)

    def change(call: Call) -> JsonResponse:
        preconditions = read_preconditions(call.headers)
        return _response(
            namespaces().change(
                call.organization_id,
                _identifier(call),
                call.body,
                cached_id=call.namespace_id,
                preconditions=preconditions,
            )
        )

    def list_post(call: Call) -> JsonResponse:
        body = call.body.model_dump(include=call.body.model_fields_set)
        return _list(namespaces(), call, body, path=f"{NAMESPACES}/list")

    def list_get(call: Call) -> JsonResponse:
        return _list(namespaces(), call, {}, path=NAMESPACES)

    create_operation = partial(
        operation,
        run=create,
        response=lambda: models.NamespaceModel,
        response_headers=("ETag",),
        body_required=True,
        permission="admin",
        scope="organization",
        errors=(NamespaceNameTaken, NamespaceIdTaken),
    )
    update_operation = partial(
        operation,
        run=change,
        response=lambda: models.NamespaceModel,
        response_headers=("ETag",),
        body_required=True,
        permission="write",
        scope="namespace_path",
        errors=(NamespaceNotFound, NamespaceNameTaken, NamespaceStale),
        conditional="write",
    )
    list_operation = partial(
        operation,
        response=lambda: models.ListNamespacesResponse,
        query=lambda: models.NamespacesQuery,
        scope="organization",
        errors=(SortTooLarge, ListTooLong),
    )
    return [
        create_operation(
            method="POST",
            path=NAMESPACES,
            name="create_namespace",
            summary="Create Namespace",
            description="Creates a namespace. Declared extractors and indexes are stored and returned, but not run.",
            body=lambda: models.CreateNamespaceRequest,
        ),
        create_operation(
            method="POST",
            path=f"{NAMESPACES}/standalone",
            name="create_standalone_namespace",
            summary="Create Standalone Namespace",
            description="Creates a namespace. Without a name, its id is also its name.",
            body=lambda: models.CreateStandaloneNamespaceRequestModel,
        ),
        list_operation(
            method="GET",
            path=NAMESPACES,
            name="list_namespaces_get",
            summary="List Namespaces",
            description="Lists namespaces, newest first.",
            run=list_get,
        ),
        list_operation(
            method="POST",
            path=f"{NAMESPACES}/list",
            name="list_namespaces",
            summary="List Namespaces",
            description="Lists namespaces with search, filters and sorts. The body overrides the query string.",
            run=list_post,
            body=lambda: models.ListNamespacesRequest,
        ),
        operation(
            method="GET",
            path=NAMESPACE,
            name="get_namespace",
            summary="Get Namespace",
            description="Returns a namespace by its id or name.",
            run=get,
            response=lambda: models.NamespaceModel,
            response_headers=("ETag",),
            scope="namespace_path",
            errors=(NamespaceNotFound,),
            conditional="read",
        ),
        update_operation(
            method="PATCH",
            path=NAMESPACE,
            name="patch_namespace",
            summary="Partially Update Namespace",
            description="Changes the fields that the body contains. Other fields keep their values.",
            body=lambda: models.PatchNamespaceRequest,
        ),
        update_operation(
            method="PUT",
            path=NAMESPACE,
            name="update_namespace",
            summary="Update Namespace",
            description="Changes the fields that the body contains. Other fields keep their values.",
            body=lambda: models.UpdateNamespaceRequest,
        ),
    ]


def _identifier(call: Call) -> str:
    return call.path["namespace_identifier"]


def _response(namespace: Namespace) -> JsonResponse:
    return JsonResponse(to_response(namespace), headers={"ETag": namespace.etag})


def _list(namespaces: Namespaces, call: Call, body: Mapping[str, Any], *, path: str) -> JsonResponse:
    # Imported here because only lists need filters, sorts and cursors, which are a fifth of the code to load.
    from chalicelib.listing.query import read_list
    from chalicelib.namespaces.lists import NEWEST_FIRST, list_namespaces

    page = page_request(call.query, body, default_limit=DEFAULT_PAGE)
    query = read_list(
        page,
        body,
        default=NEWEST_FIRST,
        scope=f"namespaces {call.organization_id}",
        fields=models.NamespaceModel.__annotations__,
    )
    selected, stats = list_namespaces(namespaces, call.organization_id, query)
    results = [dict(to_response(namespace)) for namespace in selected.rows]
    if call.query.view == "summary":
        results = [{key: value for key, value in result.items() if key not in DECLARATIONS} for result in results]
    links = pagination(
        page,
        path=path,
        returned=len(results),
        total=selected.total,
        next_cursor=selected.next_cursor,
        query_parameters={"view": call.query.view} if "view" in call.query.model_fields_set else None,
    )
    return JsonResponse({"results": results, "pagination": links, "total_count": selected.total, "stats": stats})
