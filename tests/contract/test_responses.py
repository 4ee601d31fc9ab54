"""Responses have all fields that the SDK reads, and match their declared types and the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, TypeAdapter

from chalicelib.batches.response_models import (
    BatchAuditResponse,
    BatchResponse,
    BatchTaskResponse,
    BulkSubmitResponse,
    FailedDocumentsResponse,
    GenericDeleteResponse,
    ListBatchesResponse,
    ResubmitBatchResponse,
    RetryBatchResponse,
    SubmitAllResponse,
)
from chalicelib.buckets.response_models import BucketResponse, ListBucketsResponse
from chalicelib.health.models import HealthCheckResponse
from chalicelib.namespaces.models import ListNamespacesResponse, NamespaceModel
from chalicelib.objects.response_models import (
    BulkSoftDeleteResponse,
    CreateObjectsBatchResponse,
    ListObjectsResponse,
    ObjectResponse,
)
from tests.contract import sdk_models
from tests.contract.omitted_fields import OMITTED_FIELDS, RETURNED_UNCHANGED
from tests.support.api import Api, ApiResponse
from tests.support.batch_states import batch_path, canceled, draft, failed, started, submitted
from tests.support.catalog import put_namespace_tally, put_tally
from tests.support.objects import POSTER, create_object_bucket, created, objects, text
from tests.support.world import World, bucket_body

BATCH = {
    "batch_name": "spring",
    "dedup_strategy": "force",
    "metadata": {"campaign_id": "c1", "source": "tape", "notes": "old", "tags": ["a"], "more": {"b": [1, None]}},
}
SUBMISSION = {"webhook_url": "https://example.com/done", "tolerated_failure_percentage": 90}
SCHEMA = {
    "properties": {
        "film_id": {"type": "string", "required": True, "description": "Its id", "examples": ["f1"]},
        "kind": {"type": "string", "enum": ["poster", "still"], "default": "poster"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
        "poster": {"type": "image", "a_key_of_ours": 1},
    }
}
EVERYTHING = {
    "description": "Posters",
    "bucket_schema": SCHEMA,
    "unique_key": {"fields": ["film_id"], "default_policy": "upsert"},
    "metadata": {"team": "archive"},
    "storage_class": "coldline",
    "source_adapter": {
        "adapter_type": "generic_webhook",
        "connection": {"api_base_url": "https://example.com", "credentials": {"token": "t"}},
        "event_filter": {"event_types": ["film.ready"]},
        "field_mapping": {"film.id": "film_id"},
        "blob_source": {"file_field": "url", "target_property": "poster", "blob_type": "image"},
    },
}
DECLARING = {
    "description": "Press",
    "feature_extractors": [{"feature_extractor_name": "text", "version": "v1", "params": {"a": 1}}],
    "payload_indexes": [{"field_name": "team", "type": "keyword", "field_schema": {"type": "keyword"}}],
    "vector_configs": [{"name": "text", "dimension": 3}],
    "ttl_seconds": 3600,
}
OBJECT = {
    "title": "M",
    "take": 3,
    "metadata": {"lang": "de"},
    "key_prefix": "lang/m",
    "idempotency_key": "row-1",
    "blobs": [
        POSTER,
        text(),
        {
            "property": "poster",
            "type": "image",
            "data": "https://example.com/m.jpg",
            "checksum": "md5:0cc175b9c0f1b6a831c399e269772661",
            "key_prefix": "posters/m",
        },
    ],
    "edges": [
        {"type": "sequel_of", "target_object_id": "obj_1"},
        {
            "type": "remake_of",
            "target_object_id": "obj_2",
            "target_collection_id": "col_1",
            "direction": "in",
            "attributes": {"by": "Losey"},
        },
    ],
}
OBJECTS = "/v1/buckets/{bucket_identifier}/objects"
BATCHES = "/v1/buckets/{bucket_identifier}/batches"
BUCKET, NAMESPACE = "/v1/buckets/{bucket_identifier}", "/v1/namespaces/{namespace_identifier}"

# The request, the SDK's method for it, our response model, and the HTTP method and path of the operation.
Case = tuple[Callable[[Api], ApiResponse], str, Any, str, str]
CASES: dict[str, Case] = {
    "a new bucket": (
        lambda api: api.post("/v1/buckets", bucket_body("new")),
        "create_bucket", BucketResponse, "post", "/v1/buckets",
    ),
    "a new bucket with everything": (
        lambda api: api.post("/v1/buckets", bucket_body("new") | EVERYTHING),
        "create_bucket", BucketResponse, "post", "/v1/buckets",
    ),
    "a bucket": (lambda api: api.get("/v1/buckets/full"), "get_bucket", BucketResponse, "get", BUCKET),
    "a changed bucket": (
        lambda api: api.patch("/v1/buckets/full", {"source_adapter": None}),
        "patch_bucket", BucketResponse, "patch", BUCKET,
    ),
    "a replaced bucket": (
        lambda api: api.put("/v1/buckets/full", {"storage_class": None, "description": None}),
        "update_bucket", BucketResponse, "put", BUCKET,
    ),
    "a page of buckets": (
        lambda api: api.post("/v1/buckets/list", {"limit": 1, "include_total": True}),
        "list_buckets", ListBucketsResponse, "post", "/v1/buckets/list",
    ),
    "no buckets": (
        lambda api: api.post("/v1/buckets/list", {"search": "no such name"}),
        "list_buckets", ListBucketsResponse, "post", "/v1/buckets/list",
    ),
    "buckets by query": (
        lambda api: api.get("/v1/buckets", query={"offset": 1}),
        "list_buckets_get", ListBucketsResponse, "get", "/v1/buckets",
    ),
    "a new namespace": (
        lambda api: api.post("/v1/namespaces", {"namespace_name": "new"}),
        "create_namespace", NamespaceModel, "post", "/v1/namespaces",
    ),
    "a standalone namespace": (
        lambda api: api.post("/v1/namespaces/standalone", {"namespace_id": "by-id"}),
        "create_standalone_namespace", NamespaceModel, "post", "/v1/namespaces/standalone",
    ),
    "a namespace": (lambda api: api.get("/v1/namespaces/press"), "get_namespace", NamespaceModel, "get", NAMESPACE),
    "a changed namespace": (
        lambda api: api.patch("/v1/namespaces/press", {"ttl_seconds": None}),
        "patch_namespace", NamespaceModel, "patch", NAMESPACE,
    ),
    "a replaced namespace": (
        lambda api: api.put("/v1/namespaces/press", {"payload_indexes": []}),
        "update_namespace", NamespaceModel, "put", NAMESPACE,
    ),
    "a page of namespaces": (
        lambda api: api.post("/v1/namespaces/list", {"limit": 1, "include_total": True}),
        "list_namespaces", ListNamespacesResponse, "post", "/v1/namespaces/list",
    ),
    "namespaces in short": (
        lambda api: api.post("/v1/namespaces/list", query={"view": "summary"}),
        "list_namespaces", ListNamespacesResponse, "post", "/v1/namespaces/list",
    ),
    "namespaces by query": (
        lambda api: api.get("/v1/namespaces"),
        "list_namespaces_get", ListNamespacesResponse, "get", "/v1/namespaces",
    ),
    "a new object": (
        lambda api: api.post(objects("reels"), {"title": "Fury"}),
        "create_object_buckets", ObjectResponse, "post", OBJECTS,
    ),
    "a new object with everything": (
        lambda api: api.post(objects("reels"), {**OBJECT, "idempotency_key": "row-2"}),
        "create_object_buckets", ObjectResponse, "post", OBJECTS,
    ),
    "a batch of objects": (
        lambda api: api.post(f"{objects('reels')}/batch", {"objects": [OBJECT, {"take": "no"}, {"title": "Fury"}]}),
        "create_objects_batch_buckets", CreateObjectsBatchResponse, "post", f"{OBJECTS}/batch",
    ),
    "an object": (
        lambda api: api.get(_object_path(api), query={"return_presigned_urls": "true"}),
        "get_object_buckets", ObjectResponse, "get", f"{OBJECTS}/{{object_identifier}}",
    ),
    "a replaced object": (
        lambda api: api.put(_object_path(api), {"blobs": [text("new")], "metadata": {"lang": "en"}}),
        "update_object_buckets", ObjectResponse, "put", f"{OBJECTS}/{{object_identifier}}",
    ),
    "a changed object": (
        lambda api: api.patch(_object_path(api), {"take": None, "more": [1, None]}),
        "patch_object_buckets", ObjectResponse, "patch", f"{OBJECTS}/{{object_identifier}}",
    ),
    "a page of objects": (
        lambda api: api.post(f"{objects('reels')}/list", {"return_presigned_urls": True, "include_total": True}),
        "list_objects_buckets", ListObjectsResponse, "post", f"{OBJECTS}/list",
    ),
    "no objects": (
        lambda api: api.post(f"{objects('reels')}/list", {"search": "no such name"}),
        "list_objects_buckets", ListObjectsResponse, "post", f"{OBJECTS}/list",
    ),
    "objects by query": (
        lambda api: api.get(objects("reels"), query={"limit": 1}),
        "list_objects_get_buckets", ListObjectsResponse, "get", OBJECTS,
    ),
    "soft-deleted objects": (
        lambda api: api.post(f"{objects('reels')}/bulk-soft-delete", {"object_ids": ["obj_1"], "reason": "done"}),
        "bulk_soft_delete_objects_buckets", BulkSoftDeleteResponse, "post", f"{OBJECTS}/bulk-soft-delete",
    ),
    "a new batch": (
        lambda api: api.post(batch_path("reels"), {"object_ids": [_object_id(api)], **BATCH}),
        "create_batch_buckets_batches", BatchResponse, "post", BATCHES,
    ),
    "an empty batch": (
        lambda api: api.post(batch_path("reels")),
        "create_batch_buckets_batches", BatchResponse, "post", BATCHES,
    ),
    "a submitted batch": (
        lambda api: api.get(batch_path("reels", submitted(api, "reels", _object_id(api), **SUBMISSION))),
        "get_batch_buckets_batches", BatchResponse, "get", f"{BATCHES}/{{batch_id}}",
    ),
    "a running batch": (
        lambda api: api.get(batch_path("reels", started(api, "reels", _object_id(api), **SUBMISSION))),
        "get_batch_buckets_batches", BatchResponse, "get", f"{BATCHES}/{{batch_id}}",
    ),
    "a batch with errors": (
        lambda api: api.get(
            batch_path("reels", failed(api, "reels", _object_id(api), **SUBMISSION)),
            query={"return_presigned_urls": "true"},
        ),
        "get_batch_buckets_batches", BatchResponse, "get", f"{BATCHES}/{{batch_id}}",
    ),
    "a failed batch": (
        lambda api: api.get(f"/v1/batches/{failed(api, 'reels')}"),
        "get_batch_by_id_batches", BatchResponse, "get", "/v1/batches/{batch_id}",
    ),
    "a changed batch": (
        lambda api: api.patch(batch_path("reels", canceled(api, "reels", _object_id(api))), {"metadata": {"a": 1}}),
        "patch_batch_buckets_batches", BatchResponse, "patch", f"{BATCHES}/{{batch_id}}",
    ),
    "a batch with more objects": (
        lambda api: api.post(
            f"{batch_path('reels', draft(api, 'reels'))}/objects", {"object_ids": [_object_id(api)]}
        ),
        "add_objects_to_batch_buckets_batches", BatchResponse, "post", f"{BATCHES}/{{batch_id}}/objects",
    ),
    "a deleted batch": (
        lambda api: api.call("DELETE", batch_path("reels", draft(api, "reels"))),
        "delete_batch_buckets_batches", GenericDeleteResponse, "delete", f"{BATCHES}/{{batch_id}}",
    ),
    "the task of a batch": (
        lambda api: api.post(
            f"{batch_path('reels', draft(api, 'reels', _object_id(api)))}/submit", SUBMISSION
        ),
        "submit_batch_buckets_batches", BatchTaskResponse, "post", f"{BATCHES}/{{batch_id}}/submit",
    ),
    "the task of a canceled batch": (
        lambda api: api.post(f"{batch_path('reels', started(api, 'reels', _object_id(api)))}/cancel"),
        "cancel_batch_buckets_batches", BatchTaskResponse, "post", f"{BATCHES}/{{batch_id}}/cancel",
    ),
    "the task of a canceled draft": (
        lambda api: api.post(f"/v1/batches/{draft(api, 'reels')}/cancel"),
        "cancel_batch_by_id_batches", BatchTaskResponse, "post", "/v1/batches/{batch_id}/cancel",
    ),
    "a page of batches": (
        lambda api: _with_every_state(api).post(f"{batch_path('reels')}/list", {"limit": 4}),
        "list_batches_buckets", ListBatchesResponse, "post", f"{BATCHES}/list",
    ),
    "all batches": (
        lambda api: _with_every_state(api).post("/v1/batches/list"),
        "list_all_batches", ListBatchesResponse, "post", "/v1/batches/list",
    ),
    "batches of a whole bucket": (
        lambda api: api.post(f"{batch_path('reels')}/bulk-submit", {"chunk_size": 1}),
        "bulk_submit_batches_buckets", BulkSubmitResponse, "post", f"{BATCHES}/bulk-submit",
    ),
    "a retried batch": (
        lambda api: api.post(f"{batch_path('reels', failed(api, 'reels'))}/retry", {"retry_mode": "all"}),
        "retry_batch_buckets_batches", RetryBatchResponse, "post", f"{BATCHES}/{{batch_id}}/retry",
    ),
    "a resubmitted batch": (
        lambda api: api.post(f"{batch_path('reels', failed(api, 'reels'))}/resubmit"),
        "resubmit_batch_buckets_batches", ResubmitBatchResponse, "post", f"{BATCHES}/{{batch_id}}/resubmit",
    ),
    "the audit of a batch": (
        lambda api: api.get(f"{batch_path('reels', failed(api, 'reels', _object_id(api)))}/audit"),
        "get_batch_audit_buckets_batches", BatchAuditResponse, "get", f"{BATCHES}/{{batch_id}}/audit",
    ),
    "failed objects": (
        lambda api: api.get(f"{batch_path('reels', failed(api, 'reels'))}/failed-documents"),
        "get_failed_documents_buckets_batches_batch", FailedDocumentsResponse, "get",
        f"{BATCHES}/{{batch_id}}/failed-documents",
    ),
    "submitted drafts": (
        lambda api: _with_drafts(api).post(f"{batch_path('reels')}/submit-all"),
        "submit_all_drafts_buckets_batches", SubmitAllResponse, "post", f"{BATCHES}/submit-all",
    ),
    "health": (
        lambda api: api.get("/v1/health/deep", query={"metrics": "true"}),
        "healthcheck_deep_health", HealthCheckResponse, "get", "/v1/health/deep",
    ),
}  # fmt: skip


def _object_path(api: Api) -> str:
    """Returns the path of the object with all fields."""
    (found,) = api.get(objects("reels")).json["results"]
    return objects("reels", found["object_id"])


def _object_id(api: Api) -> str:
    return _object_path(api).rpartition("/")[2]


def _with_every_state(api: Api) -> Api:
    """Creates batches in every state, and returns the client."""
    for number, new in enumerate((draft, canceled, failed, submitted, started)):
        new(api, "reels", f"obj_{number:026}")
    return api


def _with_drafts(api: Api) -> Api:
    """Creates an empty draft and one with an object, and returns the client."""
    draft(api, "reels")
    draft(api, "reels", _object_id(api))
    return api


def _model_of_the_sdk(case: Case) -> Any:
    return sdk_models.response_model(sdk_models.methods()[case[1]])


each_response = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
# The SDK has no model for some responses: any object, or anything.
PARSED = {name: case for name, case in CASES.items() if _model_of_the_sdk(case)}
each_parsed_response = pytest.mark.parametrize("case", PARSED.values(), ids=PARSED)


@pytest.fixture
def filled_api(world: World, api: Api) -> Api:
    """A client of an API with a bucket, an object and a namespace that have all fields, and a bucket with few."""
    full = api.post("/v1/buckets", bucket_body("full") | EVERYTHING).json
    api.post("/v1/buckets", bucket_body("bare"))
    api.post("/v1/namespaces", {"namespace_name": "press", **DECLARING})
    totals = {"object_count": 3, "total_size_bytes": 100, "max_size_bytes": 60, "min_size_bytes": 10}
    moment = "2026-01-02T00:00:00.000Z"
    put_tally(world, full["bucket_id"], **totals, last_upload_at=moment, stats_updated_at=moment)
    put_namespace_tally(world, **totals)
    created(api, create_object_bucket(api, "reels"), OBJECT)
    return api


@each_parsed_response
def test_the_sdk_parses_all_values_of_the_response(filled_api: Api, case: Case) -> None:
    send, method, *_ = case
    reply = send(filled_api)
    assert reply.status == 200, reply.text
    model: Any = sdk_models.response_model(sdk_models.methods()[method])
    read = model.from_json(reply.text)
    assert list(_differences(_known(reply.json, model), _plain(read), "")) == []


@each_response
def test_the_response_matches_its_declared_type_exactly(filled_api: Api, case: Case) -> None:
    send, _, ours, *_ = case
    text = send(filled_api).text
    adapter: TypeAdapter[Any] = TypeAdapter(ours)
    read = adapter.validate_json(text, strict=True)
    # This round trip would remove a field that is not declared.
    assert json.loads(adapter.dump_json(read, exclude_unset=True)) == json.loads(text)


@each_response
def test_the_response_matches_the_openapi_document(filled_api: Api, case: Case) -> None:
    send, _, _, verb, path = case
    document = filled_api.using(key="", namespace="").get("/openapi.json").json
    described = document["paths"][path][verb]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**described, "components": document["components"]}).validate(send(filled_api).json)


@each_parsed_response
def test_the_response_has_every_field_that_the_sdk_reads(filled_api: Api, case: Case) -> None:
    send, method, *_ = case
    model = sdk_models.response_model(sdk_models.methods()[method])
    assert model is not None
    absent = set(_absent(send(filled_api).json, model))
    assert sorted(absent - set(OMITTED_FIELDS) - _omitted_by_summary(case)) == [], (
        "add these fields, or add the reason to LEFT_OUT"
    )


def test_omitted_fields_are_fields_of_the_sdk_and_really_omitted() -> None:
    response_models = [sdk_models.response_model(sdk_models.methods()[case[1]]) for case in CASES.values()]
    models = {m.__name__: m for each in response_models if each for m in sdk_models.inside(each)}
    known = {(name, field) for name, model in models.items() for field in sdk_models.fields(model)}
    assert sorted(set(OMITTED_FIELDS) - known) == [], "the SDK does not have these fields"
    shown: Any = (ListNamespacesResponse, HealthCheckResponse, CreateObjectsBatchResponse, list[ObjectResponse])
    shown = (*shown, ListBatchesResponse, list[BatchTaskResponse], list[BulkSubmitResponse])
    schemas = [TypeAdapter(ours).json_schema()["$defs"] for ours in shown]
    ours = {name: schema for definitions in schemas for name, schema in definitions.items()}
    filled = {(name, field) for name, schema in ours.items() for field in schema.get("properties", {})}
    assert sorted(set(OMITTED_FIELDS) & filled) == [], "these fields are not omitted"


def _omitted_by_summary(case: Case) -> set[tuple[str, str]]:
    """Returns the fields that `view=summary` omits."""
    declared = ("feature_extractors", "payload_indexes", "vector_configs")
    return {("NamespaceModel", name) for name in declared} if case is CASES["namespaces in short"] else set()


def _known(given: Any, model: type[BaseModel]) -> Any:
    """Returns a response without the fields that the model of the SDK, and the models in it, do not have."""
    annotations = sdk_models.fields(model)
    if not isinstance(given, dict) or "actual_instance" in annotations:
        return given
    known = {key: value for key, value in given.items() if key in annotations or _is_open(model)}
    for key, value in known.items():
        parts = sdk_models.models_in(annotations.get(key))
        if len(parts) == 1 and isinstance(value, list):
            known[key] = [_known(each, parts[0]) for each in value]
        elif len(parts) == 1 and "Dict[" not in str(annotations[key]):
            known[key] = _known(value, parts[0])
    return known


def _is_open(model: type[BaseModel]) -> bool:
    return "additional_properties" in model.model_fields


def _absent(given: Any, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yields the fields of the model of the SDK, and of the models in it, that a response does not have."""
    if model.__name__ in RETURNED_UNCHANGED or "actual_instance" in sdk_models.fields(model):
        return
    for field, annotation in sdk_models.fields(model).items():
        if field not in given:
            yield model.__name__, field
            continue
        for part in sdk_models.models_in(annotation):
            for value in _objects(given[field], annotation):
                yield from _absent(value, part)


def _objects(value: Any, annotation: Any) -> list[Any]:
    """Returns the objects in a value whose type is a model, a list of models or a map of models."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    return list(value.values()) if "Dict[" in str(annotation) else [value]


def _plain(read: Any) -> Any:
    """Returns the parsed values by their JSON names. (`to_dict` of the SDK omits read-only fields.)"""
    if isinstance(read, BaseModel):
        if "actual_instance" in type(read).model_fields:
            return _plain(read.__dict__["actual_instance"])
        named = {field.alias or name: getattr(read, name) for name, field in type(read).model_fields.items()}
        return _plain(named.pop("additional_properties", {}) | named)
    if isinstance(read, dict):
        return {key: _plain(value) for key, value in read.items()}
    if isinstance(read, list):
        return [_plain(value) for value in read]
    if isinstance(read, datetime):
        return read.isoformat()
    return read.value if isinstance(read, Enum) else read


def _differences(sent: Any, read: Any, path: str) -> Iterator[str]:
    """Yields the values of a response that the SDK omits or parses differently. It may add defaults."""
    if isinstance(sent, dict) and isinstance(read, dict):
        for key, value in sent.items():
            yield from _differences(value, read.get(key), f"{path}.{key}")
    elif isinstance(sent, list) and isinstance(read, list) and len(sent) == len(read):
        for index, (one, other) in enumerate(zip(sent, read, strict=True)):
            yield from _differences(one, other, f"{path}.{index}")
    elif sent != read and not _same_time(sent, read):
        yield f"{path}: {sent!r} is parsed as {read!r}"


def _same_time(sent: Any, read: Any) -> bool:
    try:
        return datetime.fromisoformat(sent) == datetime.fromisoformat(read)
    except (TypeError, ValueError):
        return False


def test_an_index_that_the_sdk_could_not_parse_is_rejected(api: Api) -> None:
    index = {"field_name": "team", "type": "keyword", "field_schema": {"type": 7}}
    reply = api.patch("/v1/namespaces/films", {"payload_indexes": [index]})
    assert reply.status == 422
    assert reply.json["detail"][0]["loc"] == ["body", "payload_indexes", 0, "field_schema"]
