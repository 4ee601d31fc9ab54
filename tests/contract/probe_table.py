"""The probes of all request fields of the SDK, by model and field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.contract.batch_probes import BATCH_PROBES
from tests.contract.object_probes import OBJECT_PROBES
from tests.contract.probes import SCHEMA, SEND, Body, Probe, checked_by, lists, names_in, rejected, shown, start_tasks
from tests.contract.upload_probes import UPLOAD_PROBES
from tests.support.api import Api

NewProbe = Callable[[str], Probe]
TREE = {"AND": [{"field": "bucket_name", "operator": "eq", "value": "art"}]}
NS_TREE = {"AND": [{"field": "namespace_name", "operator": "eq", "value": "press"}]}


def _cursor(path: str) -> Callable[[Api], str]:
    return lambda api: str(api.post(path, {"limit": 2}).json["pagination"]["next_cursor"])


def _case_sensitive_probe(model: str, found: Body) -> NewProbe:
    def check(api: Api, _: str, __: Body) -> None:
        assert names_in(SEND[model](api, found)) != []
        assert names_in(SEND[model](api, {**found, "case_sensitive": True})) == []

    return checked_by(check, "supported: changes the selection of rows")


def _check_include_total(api: Api, model: str, extra: Body) -> None:
    assert SEND[model](api, extra).json["pagination"]["total"] is None
    assert SEND[model](api, {**extra, "include_total": True}).json["pagination"]["total"] == 3


def _check_view(api: Api, model: str, extra: Body) -> None:
    assert "vector_configs" in SEND[model](api, extra).json["results"][0]
    assert "vector_configs" not in SEND[model](api, {**extra, "view": "summary"}).json["results"][0]


def _check_include_system(api: Api, model: str, extra: Body) -> None:
    for include in (True, False):
        reply = SEND[model](api, {**extra, "include_system": include})
        assert {row["scope"] for row in reply.json["results"]} == {"org"}


def _check_force_schema_break(api: Api, model: str, extra: Body) -> None:
    assert SEND[model](api, extra).json["error"]["code"] == "schema_break"
    assert SEND[model](api, {**extra, "force_schema_break": True}).status == 200


def _check_forced_deletion(api: Api, model: str, extra: Body) -> None:
    services = api.services()
    (partition,) = [each for each in services.partitions() if list(services.stats.bucket_ids(each))]
    services.buckets.set_lock(partition, "posters", locked=True)
    assert SEND[model](api, extra).json["error"]["code"] == "bucket_locked"
    name = "force" if "namespace" in model else "force_foreclose"
    assert SEND[model](api, {**extra, name: True}).status == 200


def _check_ttl(api: Api, model: str, extra: Body) -> None:
    reply = SEND[model](api, {**extra, "ttl_seconds": 3600}).json
    ends, begun = (datetime.fromisoformat(reply[name]) for name in ("expires_at", "updated_at"))
    assert 3590 < (ends - begun).total_seconds() < 3610


def _check_unique_key(api: Api, model: str, extra: Body) -> None:
    reply = SEND[model](api, {**extra, "unique_key": {"fields": ["title"], "default_policy": "insert"}})
    assert (reply.status, "unique_key" in reply.text) == (422, True)
    keyed = {"bucket_name": "keyed", "bucket_schema": SCHEMA, "unique_key": {"fields": ["title"]}}
    api.post("/v1/buckets", keyed)
    method = "PATCH" if model == "BucketPatchRequest" else "PUT"
    changed = api.call(method, "/v1/buckets/keyed", {"unique_key": {"fields": ["title"], "default_policy": "insert"}})
    assert changed.json["unique_key"]["default_policy"] == "insert"


def _check_webhook_secret(api: Api, model: str, extra: Body) -> None:
    reply = SEND[model](api, {**extra, "webhook_secret": "one-of-my-own-with-length"})
    assert reply.json["source_adapter"]["webhook_secret"] == "one-of-my-own-with-length"
    assert api.get("/v1/buckets/posters").json["source_adapter"]["webhook_secret"] == "redacted"


def _check_source_buckets(api: Api, model: str, extra: Body) -> None:
    other = api.get("/v1/buckets/art").json["bucket_id"]
    reply = SEND[model](api, {**extra, "adapter_type": "bucket", "source_bucket_ids": [other]})
    assert reply.json["source_adapter"]["source_bucket_ids"] == [other]


def _check_items(api: Api, model: str, _: Body) -> None:
    field = {"type": "array", "items": {"type": "number"}}
    assert SEND[model](api, field).json["bucket_schema"]["properties"]["probed"] == field


def _check_properties(api: Api, model: str, _: Body) -> None:
    field = {"type": "object", "properties": {"a": {"type": "boolean"}}}
    assert SEND[model](api, field).json["bucket_schema"]["properties"]["probed"] == field


def _check_target_property(api: Api, model: str, extra: Body) -> None:
    assert SEND[model](api, extra).json["source_adapter"]["blob_source"]["target_property"] == "poster"
    reply = SEND[model](api, {**extra, "target_property": "nothing"})
    assert (reply.status, "target_property" in reply.text) == (422, True)


def _check_blob_type(api: Api, model: str, extra: Body) -> None:
    assert SEND[model](api, extra).json["source_adapter"]["blob_source"]["blob_type"] == "image"
    reply = SEND[model](api, {**extra, "blob_type": "video"})
    assert reply.status == 422
    assert "poster" in reply.text


def _check_scope(api: Api, model: str, extra: Body) -> None:
    assert SEND[model](api, {**extra, "scope": "org"}).json["scope"] == "org"
    reply = SEND[model](api, {**extra, "namespace_name": "of-all", "scope": "system"})
    assert (reply.status, reply.json["error"]["details"]["field"]) == (403, "scope")


PAGE: dict[str, NewProbe] = {
    "limit": lists(1, ["prints"]),
    "page_size": lists(1, ["prints"]),
    "offset": lists(1, ["art", "posters"]),
    "include_total": checked_by(_check_include_total, "supported: fills the totals"),
    "cursor": lists(_cursor("/v1/buckets/list"), ["posters"]),
    "next_cursor": lists(_cursor("/v1/buckets/list"), ["posters"]),
    "after": lists(_cursor("/v1/buckets/list"), ["posters"]),
}
NS_PAGE: dict[str, NewProbe] = {
    "limit": lists(1, ["stills"]),
    "page_size": lists(1, ["stills"]),
    "offset": lists(1, ["press", "films"]),
    "include_total": checked_by(_check_include_total, "supported: fills the totals"),
    "cursor": lists(_cursor("/v1/namespaces/list"), ["films"]),
    "next_cursor": lists(_cursor("/v1/namespaces/list"), ["films"]),
    "after": lists(_cursor("/v1/namespaces/list"), ["films"]),
}
PAGE_NUMBER = lists(2, [])


def _task_cursor(api: Api) -> str:
    start_tasks(api)
    return str(api.post("/v1/tasks/list", None, query={"limit": 2}).json["pagination"]["next_cursor"])


TASK_PAGE: dict[str, NewProbe] = {
    "limit": lists(1, ["prints"]),
    "page_size": lists(1, ["prints"]),
    "offset": lists(1, ["art", "posters"]),
    "page": PAGE_NUMBER,
    "include_total": checked_by(_check_include_total, "supported: fills the totals"),
    "cursor": lists(_task_cursor, ["posters"]),
    "next_cursor": lists(_task_cursor, ["posters"]),
    "after": lists(_task_cursor, ["posters"]),
}
ART_FILTER = {"AND": [{"field": "additional_data.bucket_name", "operator": "eq", "value": "art"}]}
BUCKET_CHANGES: dict[str, NewProbe] = {
    "bucket_name": shown("renamed"),
    "description": shown("Old ones"),
    "metadata": shown({"a": [1, None]}),
    "bucket_schema": shown({"properties": {**SCHEMA["properties"], "more": {"type": "float"}}}),
    "unique_key": checked_by(
        _check_unique_key, "supported: changes the default policy; rejected with 422 if it would change the fields"
    ),
    "destination": rejected({"connection_id": "conn_1"}, 403),
    "ingest_filter": rejected({"retriever_id": "ret_1"}, 403),
}
UNSUPPORTED_NAMESPACE_FIELDS: dict[str, NewProbe] = {
    "infrastructure": rejected({"tier": "dedicated"}, 403),
    "trusted_issuers": rejected([{"issuer": "https://example.com"}], 403),
    "tiering": rejected({"enabled": True}, 403),
    "spend_budget": rejected({"daily_usd": 1}, 403),
    "cost_cap_override": rejected({"daily_usd": 1}, 403),
    "auto_create_indexes": rejected(True, 403),
    "adaptive_indexing": rejected(True, 403),
}
EXTRACTOR = {"feature_extractor_name": "text", "version": "v1"}
EXTRACTOR_SHOWN = [{**EXTRACTOR, "feature_extractor_id": "text_v1"}]
INDEX = [{"field_name": "team", "type": "keyword", "is_protected": False}]
VECTORS = [{"name": "text", "dimension": 3, "metric": "cosine"}]

PROBES: dict[str, dict[str, NewProbe]] = {
    "BucketCreateRequest": {
        "bucket_name": shown("named"),
        "description": shown("Old ones"),
        "bucket_schema": shown({"properties": {"a": {"type": "date"}}}),
        "unique_key": shown({"fields": ["title"], "default_policy": "upsert"}),
        "metadata": shown({"a": [1, None]}),
        "storage_class": shown("archive"),
        "destination": rejected({"connection_id": "conn_1"}, 403),
        "ingest_filter": rejected({"retriever_id": "ret_1"}, 403),
        "source_adapter": shown({"adapter_type": "mux"}, where="source_adapter.adapter_type", as_="mux"),
    },
    "BucketPatchRequest": {
        **BUCKET_CHANGES,
        "source_adapter": shown({"adapter_type": "mux"}, where="source_adapter.adapter_type", as_="mux"),
    },
    "BucketUpdateRequest": {**BUCKET_CHANGES, "storage_class": shown("coldline")},
    "ListBucketsRequest": {
        "limit": PAGE["limit"],
        "page_size": PAGE["page_size"],
        "offset": PAGE["offset"],
        "page": PAGE_NUMBER,
        "search": lists("po*ers", ["posters"]),
        "filters": lists(TREE, ["art"]),
        "sort": lists({"field": "bucket_name"}, ["art", "posters", "prints"]),
        "sorts": lists([{"field": "bucket_name"}], ["art", "posters", "prints"]),
        "case_sensitive": _case_sensitive_probe("ListBucketsRequest", {"search": "ART"}),
    },
    "UniqueKeyConfig": {
        "fields": shown(["year", "title"]),
        "default_policy": shown("update"),
    },
    "BucketSchemaInput": {"properties": shown({"a": {"type": "pdf"}})},
    "BucketSchemaFieldInput": {
        "type": shown("datetime"),
        "default": shown("none"),
        "items": checked_by(_check_items, "supported: shown in the response"),
        "properties": checked_by(_check_properties, "supported: shown in the response"),
        "examples": shown(["a", "b"]),
        "description": shown("A field"),
        "enum": shown(["a", "b"]),
        "required": shown(True),
    },
    "SourceAdapterConfig": {
        "adapter_type": shown("iconik"),
        "enabled": shown(False),
        "connection_id": shown("conn_1"),
        "connection": shown(
            {"api_base_url": "https://example.com", "credentials": None},
            where="connection.api_base_url",
            as_="https://example.com",
        ),
        "event_filter": shown({"event_types": ["film.ready"]}),
        "field_mapping": shown({"film.name": "title"}),
        "blob_source": shown({"file_field": "a", "target_property": "poster", "blob_type": "image"}),
        "batching": shown({"mode": "count"}, where="batching.mode", as_="count"),
        "dedup_key": shown("film.id"),
        "webhook_secret": checked_by(_check_webhook_secret, "supported: shown once, then redacted"),
        "webhook_url": rejected("https://example.com/elsewhere", 422),
        "source_collection_id": rejected("col_1", 403),
        "source_filters": rejected({"a": 1}, 403),
        "source_bucket_ids": checked_by(
            _check_source_buckets, "supported: shown in the response (adapter type bucket)"
        ),
    },
    "ExternalConnection": {
        "api_base_url": shown("https://example.com"),
        "credentials": shown({"token": "secret"}, as_={"token": "redacted"}),
    },
    "EventFilter": {"event_types": shown(["film.deleted"])},
    "BlobSource": {
        "file_field": shown("b.c"),
        "target_property": checked_by(
            _check_target_property,
            "supported: shown; rejected with 422 if the schema has no such field",
        ),
        "blob_type": checked_by(
            _check_blob_type,
            "supported: shown; rejected with 422 if the schema has another type",
        ),
    },
    "BatchingConfig": {
        "mode": shown("immediate"),
        "window_seconds": shown(60),
        "max_batch_size": shown(7),
        "auto_submit": shown(False),
    },
    "CreateNamespaceRequest": {
        "namespace_id": shown("my-own-id"),
        "namespace_name": shown("named"),
        "mode": shown("standalone"),
        "namespace_type": shown("marketplace"),
        "scope": checked_by(
            _check_scope, "supported: `org` is shown; `system` is rejected with a 403 NotEnabledError that names it"
        ),
        "description": shown("Press photos"),
        "features": rejected(["image"], 403),
        "feature_extractors": shown([EXTRACTOR], as_=EXTRACTOR_SHOWN),
        "vector_configs": shown(VECTORS),
        "payload_indexes": shown(INDEX),
        "ttl_seconds": checked_by(_check_ttl, "supported: shown as `expires_at`"),
        **UNSUPPORTED_NAMESPACE_FIELDS,
    },
    "CreateStandaloneNamespaceRequestModel": {
        "namespace_id": shown("my-own-id"),
        "vector_configs": shown(VECTORS),
        "storage": rejected({"connection_id": "conn_1"}, 403),
        "config": rejected({"retention": 1}, 403),
        "auto_create_indexes": rejected(True, 403),
    },
    "PatchNamespaceRequest": {
        "namespace_name": shown("renamed"),
        "description": shown("Press photos"),
        "feature_extractors": shown([EXTRACTOR], as_=EXTRACTOR_SHOWN),
        "payload_indexes": shown(INDEX),
        "repair_vectors": rejected(True, 403),
        "pinned": rejected(True, 403),
        "expires_at": shown("2030-01-01T00:00:00Z", as_="2030-01-01T00:00:00.000Z"),
        "ttl_seconds": checked_by(_check_ttl, "supported: shown as `expires_at`"),
        **UNSUPPORTED_NAMESPACE_FIELDS,
    },
    "UpdateNamespaceRequest": {"namespace_name": shown("renamed"), "payload_indexes": shown(INDEX)},
    "ListNamespacesRequest": {
        "limit": NS_PAGE["limit"],
        "page_size": NS_PAGE["page_size"],
        "offset": NS_PAGE["offset"],
        "page": PAGE_NUMBER,
        "filters": lists(NS_TREE, ["press"]),
        "sort": lists({"field": "namespace_name"}, ["films", "press", "stills"]),
        "sorts": lists([{"field": "namespace_name"}], ["films", "press", "stills"]),
        "search": lists("pre*", ["press"]),
        "case_sensitive": _case_sensitive_probe("ListNamespacesRequest", {"search": "PRESS"}),
    },
    "BaseFeatureExtractorModelInput": {
        "feature_extractor_name": shown("image"),
        "version": shown("v2"),
        "params": shown({"size": 3}),
    },
    "PayloadIndexConfigInput": {
        "field_name": shown("year"),
        "type": shown("integer"),
        "field_schema": shown({"lookup": True}),
        "is_protected": shown(True),
    },
    "VectorConfigSpec": {"name": shown("image"), "dimension": shown(5), "metric": shown("euclidean")},
    "VectorConfigSpecModel": {"name": shown("image"), "dimension": shown(5), "metric": shown("dot_product")},
    "query of list_buckets": {**PAGE, "page": PAGE_NUMBER},
    "query of list_buckets_get": {**PAGE, "page": PAGE_NUMBER, "search": lists("po*ers", ["posters"])},
    "query of patch_bucket": {
        "force_schema_break": checked_by(_check_force_schema_break, "supported: allows a breaking change")
    },
    "query of update_bucket": {
        "force_schema_break": checked_by(_check_force_schema_break, "supported: allows a breaking change")
    },
    "ListTasksRequest": {
        "status": lists("COMPLETED", []),
        "task_type": lists("API_NAMESPACES_DELETE", []),
        "filters": lists(ART_FILTER, ["art"]),
        "sort": lists({"field": "created_at"}, ["posters", "art", "prints"]),
        "search": lists("no such task", []),
    },
    "query of list_tasks": TASK_PAGE,
    "query of delete_bucket": {
        "force_foreclose": checked_by(_check_forced_deletion, "supported: deletes a locked bucket")
    },
    "query of delete_namespace": {
        "force": checked_by(_check_forced_deletion, "supported: deletes a namespace with a locked bucket")
    },
    "query of list_namespaces": {
        **NS_PAGE,
        "page": PAGE_NUMBER,
        "include_system": checked_by(
            _check_include_system, "supported: has no effect, because there are no system namespaces"
        ),
        "view": checked_by(_check_view, "supported: `summary` omits the declarations"),
    },
    "query of list_namespaces_get": {**NS_PAGE, "page": PAGE_NUMBER},
    **OBJECT_PROBES,
    **BATCH_PROBES,
    **UPLOAD_PROBES,
}


def probe(model: str, field: str) -> Any:
    """Returns the probe of a field, or None if there is none."""
    maker = PROBES.get(model, {}).get(field)
    return maker(field) if maker else None
