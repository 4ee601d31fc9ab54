"""Probes: tests of how the API treats each request field of the official SDK.

A probe sends one field together with the required fields, and checks the effect: the field is returned, has another
effect, or is rejected by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.support.api import Api, ApiResponse

Body = dict[str, Any]
Check = Callable[[Api, str, Body], None]
SCHEMA: Body = {
    "properties": {
        "title": {"type": "string"},
        "year": {"type": "integer"},
        "poster": {"type": "image"},
    }
}
REDACTED = "redacted"


@dataclass(frozen=True)
class Probe:
    """The expected treatment of a field, as text for the compatibility page, and the function that checks it."""

    outcome: str
    check: Check


def at(document: Any, path: str) -> Any:
    """Returns the value at a dotted path of keys and indexes."""
    for part in path.split("."):
        document = document[int(part)] if part.isdigit() else document[part]
    return document


def shown(value: Any, *, as_: Any = ..., where: str | None = None) -> Callable[[str], Probe]:
    """Returns a probe that expects the value, or `as_` if that is given, in the response and in a later read."""

    def new_probe(field: str) -> Probe:
        def check(api: Api, model: str, extra: Body) -> None:
            reply = SEND[model](api, {**extra, field: value})
            assert reply.status == 200, reply.text
            path = (WHERE.get(model, "") + (where or field)).lstrip(".")
            expected = value if as_ is ... else as_
            assert at(reply.json, path) == expected, reply.text
            assert at(_later(api, reply).json, path) == expected

        return Probe("supported: shown in the response and in later reads", check)

    return new_probe


def _later(api: Api, reply: ApiResponse) -> ApiResponse:
    """Reads the object, the batch, the bucket or the namespace in a response again."""
    if "batch_id" in reply.json:
        return api.get(f"/v1/batches/{reply.json['batch_id']}")
    if "object_id" in reply.json:
        return api.get(f"/v1/buckets/{reply.json['bucket_id']}/objects/{reply.json['object_id']}")
    id_, collection = ("bucket_id", "buckets") if "bucket_id" in reply.json else ("namespace_id", "namespaces")
    return api.get(f"/v1/{collection}/{reply.json[id_]}")


def rejected(value: Any, status: int, name: str | None = None) -> Callable[[str], Probe]:
    """Returns a probe that expects an error that names the field, and that null is accepted."""

    def new_probe(field: str) -> Probe:
        def check(api: Api, model: str, extra: Body) -> None:
            reply = SEND[model](api, {**extra, field: value})
            assert reply.status == status, reply.text
            assert (name or field) in str(reply.json["error"]["details"]), reply.text
            assert SEND[model](api, {**extra, field: None}).status == 200

        return Probe(
            f"rejected: {status} {'NotEnabledError' if status == 403 else ''} that names it".replace("  ", " "), check
        )

    return new_probe


def lists(value: Any, names: list[str]) -> Callable[[str], Probe]:
    """Returns a probe that expects these rows in a list, and other rows or another order without the field."""

    def new_probe(field: str) -> Probe:
        def check(api: Api, model: str, extra: Body) -> None:
            reply = SEND[model](api, {**extra, field: value(api) if callable(value) else value})
            assert reply.status == 200, reply.text
            assert names_in(reply) == names
            assert names_in(SEND[model](api, extra)) != names

        return Probe("supported: changes the page, the order or the selection of rows", check)

    return new_probe


def checked_by(check_: Check, outcome: str) -> Callable[[str], Probe]:
    """Returns a probe that calls this function."""
    return lambda _: Probe(outcome, check_)


def names_in(reply: ApiResponse) -> list[str]:
    """Returns the names or titles of the rows of a list."""
    rows = [{**row, **(row.get("additional_data") or {})} for row in reply.json["results"]]
    names = ("bucket_name", "title", "batch_name", "namespace_name", "filename")
    return [next(row[name] for name in names if row.get(name)) for row in rows]


def start_tasks(api: Api) -> None:
    """Starts three tasks, one after another, by deleting three buckets."""
    for name in ("posters", "art", "prints"):
        api.call("DELETE", f"/v1/buckets/{name}")


def _tasks(api: Api, body: Body) -> ApiResponse:
    start_tasks(api)
    return api.post("/v1/tasks/list", body)


def _tasks_page(api: Api, query: Body) -> ApiResponse:
    start_tasks(api)
    return send_query("POST", "/v1/tasks/list", None, api, query)


def _create(api: Api, body: Body) -> ApiResponse:
    return api.post("/v1/buckets", {"bucket_name": "new", "bucket_schema": SCHEMA, **body})


def _nested(name: str, needed: Body, send: Callable[[Api, Body], ApiResponse], api: Api, body: Body) -> ApiResponse:
    return send(api, {name: {**needed, **body}})


def _adapter(api: Api, body: Body) -> ApiResponse:
    return api.patch("/v1/buckets/posters", {"source_adapter": {"adapter_type": "generic_webhook", **body}})


def _in_list(name: str, needed: Body, api: Api, body: Body) -> ApiResponse:
    return _namespace(api, {name: [{**needed, **body}]})


def _standalone(api: Api, body: Body) -> ApiResponse:
    return api.post("/v1/namespaces/standalone", {"namespace_id": "new-one", **body})


def _standalone_vectors(api: Api, body: Body) -> ApiResponse:
    return _standalone(api, {"vector_configs": [{"name": "text", "dimension": 3, **body}]})


def _namespace(api: Api, body: Body) -> ApiResponse:
    return api.post("/v1/namespaces", {"namespace_name": "new", **body})


def send_query(method: str, path: str, body: Body | None, api: Api, query: Body) -> ApiResponse:
    """Sends a request with these query parameters, except for those that are None."""
    parameters = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
    given = {name: value for name, value in parameters.items() if value is not None}
    return api.call(method, path, body, query=given)


def _schema_field(api: Api, body: Body) -> ApiResponse:
    return _create(api, {"bucket_schema": {"properties": {"probed": {"type": "string", **body}}}})


# By model of the SDK: the function that sends a request with fields of the model.
SEND: dict[str, Callable[[Api, Body], ApiResponse]] = {
    "BucketCreateRequest": _create,
    "BucketPatchRequest": lambda api, body: api.patch("/v1/buckets/posters", body),
    "BucketUpdateRequest": lambda api, body: api.put("/v1/buckets/posters", body),
    "ListBucketsRequest": lambda api, body: api.post("/v1/buckets/list", body),
    "UniqueKeyConfig": partial(_nested, "unique_key", {"fields": ["title"]}, _create),
    "BucketSchemaInput": lambda api, body: _create(api, {"bucket_schema": body}),
    "BucketSchemaFieldInput": _schema_field,
    "SourceAdapterConfig": _adapter,
    "ExternalConnection": partial(_nested, "connection", {}, _adapter),
    "EventFilter": partial(_nested, "event_filter", {"event_types": ["film.ready"]}, _adapter),
    "BlobSource": partial(
        _nested, "blob_source", {"file_field": "a", "target_property": "poster", "blob_type": "image"}, _adapter
    ),
    "BatchingConfig": partial(_nested, "batching", {}, _adapter),
    "CreateNamespaceRequest": _namespace,
    "CreateStandaloneNamespaceRequestModel": _standalone,
    "PatchNamespaceRequest": lambda api, body: api.patch("/v1/namespaces/films", body),
    "UpdateNamespaceRequest": lambda api, body: api.put("/v1/namespaces/films", body),
    "ListNamespacesRequest": lambda api, body: api.post("/v1/namespaces/list", body),
    "BaseFeatureExtractorModelInput": partial(
        _in_list, "feature_extractors", {"feature_extractor_name": "text", "version": "v1"}
    ),
    "PayloadIndexConfigInput": partial(_in_list, "payload_indexes", {"field_name": "team", "type": "keyword"}),
    "VectorConfigSpec": partial(_in_list, "vector_configs", {"name": "text", "dimension": 3}),
    "VectorConfigSpecModel": _standalone_vectors,
    "query of list_buckets": partial(send_query, "POST", "/v1/buckets/list", None),
    "query of list_buckets_get": partial(send_query, "GET", "/v1/buckets", None),
    "query of patch_bucket": partial(send_query, "PATCH", "/v1/buckets/posters", {"bucket_schema": {"properties": {}}}),
    "query of update_bucket": partial(send_query, "PUT", "/v1/buckets/posters", {"bucket_schema": {"properties": {}}}),
    "ListTasksRequest": _tasks,
    "query of list_tasks": _tasks_page,
    "query of delete_bucket": partial(send_query, "DELETE", "/v1/buckets/posters", None),
    "query of delete_namespace": partial(send_query, "DELETE", "/v1/namespaces/films", None),
    "query of list_namespaces": partial(send_query, "POST", "/v1/namespaces/list", None),
    "query of list_namespaces_get": partial(send_query, "GET", "/v1/namespaces", None),
}

# By nested model: its path in the response.
WHERE = {
    "UniqueKeyConfig": "unique_key.",
    "BucketSchemaInput": "bucket_schema.",
    "BucketSchemaFieldInput": "bucket_schema.properties.probed.",
    "SourceAdapterConfig": "source_adapter.",
    "ExternalConnection": "source_adapter.connection.",
    "EventFilter": "source_adapter.event_filter.",
    "BlobSource": "source_adapter.blob_source.",
    "BatchingConfig": "source_adapter.batching.",
    "BaseFeatureExtractorModelInput": "feature_extractors.0.",
    "PayloadIndexConfigInput": "payload_indexes.0.",
    "VectorConfigSpec": "vector_configs.0.",
    "VectorConfigSpecModel": "vector_configs.0.",
}
