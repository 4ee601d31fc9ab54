"""The operations on namespaces. None of them needs the X-Namespace header; all tolerate one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from chalicelib.http.operation import Answer, Call, Operation
from chalicelib.http.preconditions import read_preconditions
from chalicelib.listing.pagination import SortTooLarge, page_request, pagination
from chalicelib.namespaces.errors import (
    NamespaceIdTaken,
    NamespaceNameTaken,
    NamespaceNotFound,
    NamespaceStale,
)
from chalicelib.namespaces.namespace import Namespace, show
from chalicelib.namespaces.service import Namespaces

NAMESPACES = "/v1/namespaces"
NAMESPACE = f"{NAMESPACES}/{{namespace_identifier}}"
DEFAULT_PAGE = 10
DECLARATIONS = ("feature_extractors", "payload_indexes", "vector_configs")


def namespace_operations(namespaces: Callable[[], Namespaces]) -> list[Operation]:
    """Create, get, change and list."""

    def create(call: Call) -> Answer:
        return _answer(namespaces().create(call.organization_id, call.body))

    def get(call: Call) -> Answer:
        namespace = namespaces().get(call.organization_id, call.namespace_id)
        if read_preconditions(call.headers).is_current(namespace.etag):
            return Answer(None, status=304, headers={"ETag": namespace.etag})
        return _answer(namespace)

    def change(call: Call) -> Answer:
        required = read_preconditions(call.headers)
        return _answer(namespaces().change(call.organization_id, call.namespace_id, call.body, preconditions=required))

    def list_post(call: Call) -> Answer:
        body = call.body.model_dump(include=call.body.model_fields_set)
        return _list(namespaces(), call, body, path=f"{NAMESPACES}/list")

    def list_get(call: Call) -> Answer:
        return _list(namespaces(), call, {}, path=NAMESPACES)

    creation = {"run": create, "body_required": True, "permission": "admin", "scope": "organization"}
    changing = {
        "run": change,
        "body_required": True,
        "permission": "write",
        "scope": "namespace_path",
        "refusals": (NamespaceNotFound, NamespaceNameTaken, NamespaceStale),
        "conditional": "write",
    }
    listing = {
        "answer": lambda: _models().ListNamespacesResponse,
        "query": lambda: _models().NamespacesQuery,
        "scope": "organization",
    }
    return [
        _operation(
            method="POST",
            path=NAMESPACES,
            name="create_namespace",
            summary="Create Namespace",
            description="Creates a namespace. Declared extractors and indexes are kept and shown; none runs here.",
            body=lambda: _models().CreateNamespaceRequest,
            refusals=(NamespaceNameTaken, NamespaceIdTaken),
            **creation,
        ),
        _operation(
            method="POST",
            path=f"{NAMESPACES}/standalone",
            name="create_standalone_namespace",
            summary="Create Standalone Namespace",
            description="Creates a namespace; without a name it is called by its id.",
            body=lambda: _models().CreateStandaloneNamespaceRequestModel,
            refusals=(NamespaceNameTaken, NamespaceIdTaken),
            **creation,
        ),
        _operation(
            method="GET",
            path=NAMESPACES,
            name="list_namespaces_get",
            summary="List Namespaces",
            description="Lists namespaces, newest first, with the query string alone.",
            run=list_get,
            refusals=(SortTooLarge,),
            **listing,
        ),
        _operation(
            method="POST",
            path=f"{NAMESPACES}/list",
            name="list_namespaces",
            summary="List Namespaces",
            description="Lists namespaces with search, filters and sorts. The body wins over the query.",
            run=list_post,
            body=lambda: _models().ListNamespacesRequest,
            refusals=(SortTooLarge,),
            **listing,
        ),
        _operation(
            method="GET",
            path=NAMESPACE,
            name="get_namespace",
            summary="Get Namespace",
            description="A namespace by id or by name.",
            run=get,
            scope="namespace_path",
            refusals=(NamespaceNotFound,),
            conditional="read",
        ),
        _operation(
            method="PATCH",
            path=NAMESPACE,
            name="patch_namespace",
            summary="Partially Update Namespace",
            description="Changes the keys that the body holds; absent keys stay as they are.",
            body=lambda: _models().PatchNamespaceRequest,
            **changing,
        ),
        _operation(
            method="PUT",
            path=NAMESPACE,
            name="update_namespace",
            summary="Update Namespace",
            description="Changes the keys that the body holds; absent keys stay as they are.",
            body=lambda: _models().UpdateNamespaceRequest,
            **changing,
        ),
    ]


def _models() -> ModuleType:
    """The models, which a request without a body never needs."""
    from chalicelib.namespaces import models

    return models


def _operation(**given: Any) -> Operation:
    tagged = ("ETag",) if "answer" not in given else ()
    common = {"tag": "Namespaces", "answer": lambda: _models().NamespaceModel, "answer_headers": tagged}
    return Operation(**{**common, **given})


def _answer(namespace: Namespace) -> Answer:
    return Answer(show(namespace), headers={"ETag": namespace.etag})


def _list(namespaces: Namespaces, call: Call, given: Mapping[str, Any], *, path: str) -> Answer:
    # Filters, sorts and cursors are a fifth of the code, and only lists need them.
    from chalicelib.listing.query import read_list
    from chalicelib.namespaces.lists import NEWEST_FIRST, list_namespaces

    page = page_request(call.query, given, default_limit=DEFAULT_PAGE)
    query = read_list(page, given, default=NEWEST_FIRST, scope=f"namespaces {call.organization_id}")
    selected, stats = list_namespaces(namespaces, call.organization_id, query)
    shown = [dict(show(namespace)) for namespace in selected.rows]
    if call.query.view == "summary":
        shown = [{key: value for key, value in row.items() if key not in DECLARATIONS} for row in shown]
    links = pagination(
        page,
        path=path,
        returned=len(shown),
        total=selected.total,
        next_cursor=selected.next_cursor,
        words={"view": call.query.view} if "view" in call.query.model_fields_set else None,
    )
    return Answer({"results": shown, "pagination": links, "total_count": selected.total, "stats": stats})
