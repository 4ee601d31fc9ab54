"""A request for each operation of the API. Each creates its own resources, so it can be sent any number of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.api import Api, ApiResponse
from tests.support.batch_states import batch_path, draft, ready
from tests.support.objects import SCHEMA, create_keyed_bucket, create_object_bucket, created, objects, text
from tests.support.world import bucket_body

BODY = {"title": "M", "blobs": [text()]}
REVIEW = b"A film by Fritz Lang."
UPLOAD: dict[str, Any] = {"filename": "review.txt", "content_type": "text/plain", "blob_property": "review"}
_numbers: Iterator[int] = count()


@dataclass(frozen=True)
class OperationRequest:
    """A request. If it was executed, a repetition may also have one of the statuses in `again`."""

    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    again: tuple[int, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_read_only(self) -> bool:
        """Whether the request changes nothing, so that it can be repeated for the same resources."""
        return self.method == "GET" or self.path.endswith(("/list", "/source-adapter/test"))

    def send(self, api: Api) -> ApiResponse:
        return api.call(self.method, self.path, self.body, query=self.query, headers=self.headers)


def _name(prefix: str) -> str:
    return f"{prefix} {next(_numbers):05}"


def _bucket(api: Api) -> str:
    return str(api.post("/v1/buckets", bucket_body(_name("posters"))).json["bucket_id"])


def _namespace(api: Api) -> str:
    return str(api.post("/v1/namespaces", {"namespace_name": _name("prints")}).json["namespace_id"])


def _bucket_with_object(api: Api) -> str:
    bucket = create_object_bucket(api, _name("reels"))
    created(api, bucket, BODY)
    return bucket


def _object(api: Api) -> str:
    bucket = create_object_bucket(api, _name("reels"))
    return objects(bucket, created(api, bucket, BODY)["object_id"])


def _task(api: Api) -> str:
    return str(api.call("DELETE", f"/v1/buckets/{_bucket(api)}").json["task_id"])


def _create_keyed(api: Api, policy: str, *, exists: bool) -> OperationRequest:
    bucket = create_keyed_bucket(api, "film_id", policy=policy, name=_name("films"))
    if exists:
        created(api, bucket, {"film_id": "m"})
    return OperationRequest("POST", objects(bucket), {**BODY, "film_id": "m"}, again=(409,))


def _create_skipping_duplicates(api: Api) -> OperationRequest:
    return OperationRequest("POST", objects(_bucket_with_object(api)), {**BODY, "skip_duplicates": True})


def _bulk_create(api: Api) -> OperationRequest:
    rows = [{"title": "M", "blobs": [text(f"Take {n}")], "idempotency_key": f"row {n}"} for n in range(2)]
    return OperationRequest("POST", objects(create_object_bucket(api, _name("reels"))) + "/batch", {"objects": rows})


def _soft_delete(api: Api) -> OperationRequest:
    path, _, object_id = _object(api).rpartition("/")
    return OperationRequest("POST", f"{path}/bulk-soft-delete", {"object_ids": [object_id], "reason": "done"})


def _rename(api: Api) -> OperationRequest:
    return OperationRequest("PATCH", f"/v1/buckets/{_bucket(api)}", {"bucket_name": _name("stills")})


def _delete_keyed(api: Api) -> OperationRequest:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert", name=_name("films"))
    made = created(api, bucket, {"film_id": "m", "take": 1})
    return OperationRequest("DELETE", objects(bucket, made["object_id"]), again=(404,))


def _break_schema(api: Api) -> OperationRequest:
    properties = {**SCHEMA["properties"], "year": {"type": "integer"}}
    return OperationRequest(
        "PATCH", f"/v1/buckets/{_bucket_with_object(api)}", {"bucket_schema": {"properties": properties}}
    )


def _change_key_type(api: Api) -> OperationRequest:
    bucket = create_keyed_bucket(api, "film_id", policy="upsert", name=_name("films"))
    properties = {**SCHEMA["properties"], "film_id": {"type": "integer"}}
    return OperationRequest("PATCH", f"/v1/buckets/{bucket}", {"bucket_schema": {"properties": properties}})


def _batches(api: Api, *, drafts: int = 0) -> str:
    """Returns the path of the batches of a bucket with an object and this number of drafts of it."""
    bucket = create_object_bucket(api, _name("reels"))
    object_id = created(api, bucket, BODY)["object_id"]
    for _ in range(drafts):
        draft(api, bucket, object_id)
    return batch_path(bucket)


def _create_batch(api: Api, **more: Any) -> OperationRequest:
    bucket = create_object_bucket(api, _name("reels"))
    body = {"object_ids": [created(api, bucket, BODY)["object_id"]]}
    return OperationRequest("POST", batch_path(bucket), body, **more)


def _batch(api: Api, method: str = "POST", end: str = "", body: Any = None, **more: Any) -> OperationRequest:
    """A request for a batch that is ready for it. `end` is the end of the path."""
    bucket = create_object_bucket(api, _name("reels"))
    batch_id = ready(api, end, bucket, created(api, bucket, BODY)["object_id"])
    return OperationRequest(method, batch_path(bucket, batch_id) + end, body, **more)


def _add_objects(api: Api) -> OperationRequest:
    bucket = create_object_bucket(api, _name("reels"))
    ids = [created(api, bucket, BODY)["object_id"] for _ in range(2)]
    path = batch_path(bucket, draft(api, bucket, ids[0])) + "/objects"
    return OperationRequest("POST", path, {"object_ids": ids})


def _of_organization(api: Api, method: str, end: str = "") -> OperationRequest:
    batch_id = _batch(api, method, end).path.removesuffix(end).rpartition("/")[2]
    return OperationRequest(method, f"/v1/batches/{batch_id}{end}", again=(400,))


WEBHOOK_SECRET = "a-secret-of-the-sender"
# A sender that signs nothing, so that the other client can send the webhook with another body.
WEBHOOK_HEADERS = {"X-Webhook-Secret": WEBHOOK_SECRET}
EVENT = {"type": "film.added", "id": "evt-1", "title": "M"}


def _adapter_bucket(api: Api) -> str:
    """Returns the id of a bucket whose source adapter receives webhooks."""
    adapter = {
        "adapter_type": "generic_webhook",
        "webhook_secret": WEBHOOK_SECRET,
        "field_mapping": {"title": "title"},
        "batching": {"mode": "immediate"},
    }
    return create_object_bucket(api, _name("reels"), source_adapter=adapter)


def _webhook(api: Api, bucket: str, **more: Any) -> OperationRequest:
    path = f"/v1/webhooks/generic_webhook/{bucket}"
    return OperationRequest("POST", path, {**EVENT, **more}, headers=WEBHOOK_HEADERS)


def _with_delivery(api: Api, method: str, end: str, body: Any = None) -> OperationRequest:
    """A request about the source adapter of a bucket that has a delivery, which was parked. `end` ends the path."""
    bucket = _adapter_bucket(api)
    delivered = _webhook(api, bucket, title=7).send(api)
    assert delivered.json["status"] == "parked", delivered.text
    path = f"/v1/buckets/{bucket}/source-adapter/{end}"
    return OperationRequest(method, path.format(delivery_id=delivered.json["delivery_id"]), body)


def _replay(api: Api) -> OperationRequest:
    request = _with_delivery(api, "POST", "replay", {})
    bucket = request.path.split("/")[3]
    mapping = {"adapter_type": "generic_webhook", "webhook_secret": WEBHOOK_SECRET, "field_mapping": {"type": "title"}}
    assert api.patch(f"/v1/buckets/{bucket}", {"source_adapter": mapping}).status == 200
    return request


def _refresh(api: Api) -> OperationRequest:
    adapter = {"adapter_type": "bucket", "source_bucket_ids": [_bucket_with_object(api)]}
    bucket = create_object_bucket(api, _name("reels"), source_adapter=adapter)
    return OperationRequest("POST", f"/v1/buckets/{bucket}/source-adapter/refresh")


def _uploads(api: Api) -> str:
    return f"/v1/buckets/{create_object_bucket(api, _name('reels'))}/uploads"


def _share(api: Api) -> OperationRequest:
    """A request that gives an object the file of an upload, which another object has too."""
    uploads = _uploads(api)
    path = f"{uploads.removesuffix('/uploads')}/objects"
    made = api.post(uploads, {**UPLOAD, "create_object_on_confirm": False}).json
    api.services().blobs.put(made["s3_key"], REVIEW, mime_type="text/plain", filename=None, storage_class=None)
    assert api.post(f"{uploads}/{made['upload_id']}/confirm").status == 200
    shared = {"property": "review", "type": "text", "upload_id": made["upload_id"]}
    first, _ = (api.post(path, body).json["object_id"] for body in (BODY, {"title": "N", "blobs": [shared]}))
    return OperationRequest("PUT", f"{path}/{first}", {"blobs": [shared]})


def _upload(api: Api, method: str, end: str = "", **more: Any) -> OperationRequest:
    """A request for an upload whose file has been stored."""
    path = _uploads(api)
    made = api.post(path, UPLOAD).json
    api.services().blobs.put(made["s3_key"], REVIEW, mime_type="text/plain", filename=None, storage_class=None)
    return OperationRequest(method, f"{path}/{made['upload_id']}{end}", **more)


# By operation name. If an operation has several requests, a space and a description follow the name.
REQUESTS: dict[str, Callable[[Api], OperationRequest]] = {
    "health": lambda api: OperationRequest("GET", "/v1/health"),
    "liveness": lambda api: OperationRequest("GET", "/v1/health/liveness"),
    "openapi": lambda api: OperationRequest("GET", "/openapi.json"),
    "create_namespace": lambda api: OperationRequest(
        "POST", "/v1/namespaces", {"namespace_name": _name("prints")}, again=(409,)
    ),
    "create_standalone_namespace": lambda api: OperationRequest(
        "POST", "/v1/namespaces/standalone", {"namespace_name": _name("prints")}, again=(409,)
    ),
    "list_namespaces_get": lambda api: OperationRequest("GET", "/v1/namespaces"),
    "list_namespaces": lambda api: OperationRequest("POST", "/v1/namespaces/list", {}),
    "get_namespace": lambda api: OperationRequest("GET", f"/v1/namespaces/{_namespace(api)}"),
    "patch_namespace": lambda api: OperationRequest(
        "PATCH", f"/v1/namespaces/{_namespace(api)}", {"namespace_name": _name("copies")}
    ),
    "update_namespace": lambda api: OperationRequest(
        "PUT", f"/v1/namespaces/{_namespace(api)}", {"namespace_name": _name("copies")}
    ),
    "create_bucket": lambda api: OperationRequest("POST", "/v1/buckets", bucket_body(_name("posters")), again=(409,)),
    "list_buckets_get": lambda api: OperationRequest("GET", "/v1/buckets"),
    "list_buckets": lambda api: OperationRequest("POST", "/v1/buckets/list", {}),
    "list_buckets by name": lambda api: OperationRequest("POST", "/v1/buckets/list", {"search": "post*"}),
    "list_buckets by size": lambda api: OperationRequest(
        "POST", "/v1/buckets/list", {"sort": {"field": "object_count", "direction": "desc"}}
    ),
    "get_bucket": lambda api: OperationRequest("GET", f"/v1/buckets/{_bucket(api)}"),
    "update_bucket": lambda api: OperationRequest("PUT", f"/v1/buckets/{_bucket(api)}", {"description": "On paper"}),
    "patch_bucket": lambda api: OperationRequest("PATCH", f"/v1/buckets/{_bucket(api)}", {"description": "On paper"}),
    "patch_bucket renaming": _rename,
    "patch_bucket with another schema": _break_schema,
    "patch_bucket with another type of the key": _change_key_type,
    "create_object_buckets": lambda api: OperationRequest("POST", objects(_bucket_with_object(api)), BODY),
    "create_object_buckets with a new key": lambda api: _create_keyed(api, "insert", exists=False),
    "create_object_buckets with an existing key": lambda api: _create_keyed(api, "upsert", exists=True),
    "create_object_buckets replayable": lambda api: OperationRequest(
        "POST", objects(_bucket_with_object(api)), {**BODY, "idempotency_key": "k"}
    ),
    "create_object_buckets skipping duplicates": _create_skipping_duplicates,
    "create_objects_batch_buckets": _bulk_create,
    "list_objects_get_buckets": lambda api: OperationRequest("GET", objects(_bucket_with_object(api))),
    "list_objects_buckets": lambda api: OperationRequest("POST", objects(_bucket_with_object(api)) + "/list", {}),
    "list_objects_buckets sorted": lambda api: OperationRequest(
        "POST", objects(_bucket_with_object(api)) + "/list", {"sort": {"field": "title", "direction": "asc"}}
    ),
    "bulk_soft_delete_objects_buckets": _soft_delete,
    "get_object_buckets": lambda api: OperationRequest("GET", _object(api), query={"return_presigned_urls": True}),
    "update_object_buckets": lambda api: OperationRequest("PUT", _object(api), {"blobs": [text("Seen again.")]}),
    "update_object_buckets with an upload": _share,
    "patch_object_buckets": lambda api: OperationRequest("PATCH", _object(api), {"take": 3}),
    "delete_object_buckets": lambda api: OperationRequest("DELETE", _object(api), again=(404,)),
    "delete_object_buckets with a key": _delete_keyed,
    "create_object_buckets processed": lambda api: OperationRequest(
        "POST", objects(_bucket_with_object(api)), {**BODY, "idempotency_key": "k"}, query={"auto_process": True}
    ),
    "create_batch_buckets_batches": _create_batch,
    "create_batch_buckets_batches submitted": lambda api: _create_batch(api, query={"auto_submit": True}, again=(409,)),
    "create_batch_buckets_batches with a filter": lambda api: OperationRequest(
        "POST", _batches(api), {"filters": {"field": "title", "operator": "eq", "value": "M"}}
    ),
    "list_batches_buckets": lambda api: OperationRequest("POST", _batches(api, drafts=2) + "/list", {}),
    "get_batch_buckets_batches": lambda api: _batch(api, "GET", query={"return_presigned_urls": True}),
    "patch_batch_buckets_batches": lambda api: _batch(api, "PATCH", body={"metadata": {"notes": "Seen"}}),
    "delete_batch_buckets_batches": lambda api: _batch(api, "DELETE", again=(404,)),
    "add_objects_to_batch_buckets_batches": _add_objects,
    "submit_batch_buckets_batches": lambda api: _batch(api, end="/submit", body={}, again=(400,)),
    "submit_batch_buckets_batches with force": lambda api: _batch(
        api, end="/submit", body={"tolerated_failure_percentage": 10}, query={"force": True}, again=(400,)
    ),
    "cancel_batch_buckets_batches": lambda api: _batch(api, end="/cancel", query={"reason": "done"}, again=(400,)),
    "retry_batch_buckets_batches": lambda api: _batch(api, end="/retry", body={"retry_mode": "all"}, again=(400,)),
    "resubmit_batch_buckets_batches": lambda api: _batch(api, end="/resubmit", body={}, again=(400,)),
    "resubmit_batch_buckets_batches as a draft": lambda api: _batch(
        api, end="/resubmit", body={"auto_submit": False}, again=(400,)
    ),
    "submit_all_drafts_buckets_batches": lambda api: OperationRequest("POST", _batches(api, drafts=1) + "/submit-all"),
    "bulk_submit_batches_buckets": lambda api: OperationRequest("POST", _batches(api) + "/bulk-submit", {}),
    "get_batch_audit_buckets_batches": lambda api: _batch(api, "GET", "/audit"),
    "get_failed_documents_buckets_batches_batch": lambda api: _batch(api, "GET", "/failed-documents"),
    "get_batch_by_id_batches": lambda api: _of_organization(api, "GET"),
    "cancel_batch_by_id_batches": lambda api: _of_organization(api, "POST", "/cancel"),
    "list_all_batches": lambda api: OperationRequest("POST", "/v1/batches/list", {}),
    "get_source_adapter_status": lambda api: _with_delivery(api, "GET", "status"),
    "list_source_adapter_deliveries": lambda api: _with_delivery(api, "POST", "deliveries/list", {}),
    "get_source_adapter_delivery": lambda api: _with_delivery(api, "GET", "deliveries/{delivery_id}"),
    "test_source_adapter": lambda api: _with_delivery(api, "POST", "test", {}),
    "replay_source_adapter_deliveries": _replay,
    "replay_source_adapter_deliveries parked": lambda api: _with_delivery(api, "POST", "replay", {"state": "PARKED"}),
    "rotate_source_adapter_secret": lambda api: _with_delivery(api, "POST", "rotate-secret", {}),
    "refresh_source_adapter": _refresh,
    "receive_webhook_webhooks": lambda api: _webhook(api, _adapter_bucket(api)),
    "receive_webhook_webhooks parked": lambda api: _webhook(api, _adapter_bucket(api), title=7),
    "answer_webhook_handshake_webhooks": lambda api: OperationRequest(
        "GET",
        f"/v1/webhooks/generic_webhook/{_adapter_bucket(api)}",
        query={"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": WEBHOOK_SECRET},
    ),
    "create_upload_buckets": lambda api: OperationRequest("POST", _uploads(api), UPLOAD),
    "create_upload_buckets with a known hash": lambda api: OperationRequest(
        "POST", _uploads(api), {**UPLOAD, "file_hash": "0" * 64}
    ),
    "create_uploads_batch_buckets": lambda api: OperationRequest(
        "POST", f"{_uploads(api)}/batch", {"uploads": [UPLOAD, UPLOAD]}
    ),
    "confirm_upload_buckets": lambda api: _upload(api, "POST", "/confirm"),
    "confirm_upload_buckets in a task": lambda api: _upload(api, "POST", "/confirm", query={"async": True}),
    "confirm_upload_buckets with a batch": lambda api: _upload(
        api, "POST", "/confirm", body={"auto_submit_batch": True}
    ),
    "confirm_uploads_batch_buckets": lambda api: OperationRequest(
        "POST", f"{_uploads(api)}/confirm/batch", {"confirmations": [{"upload_id": "upl_1"}]}
    ),
    "list_uploads_buckets": lambda api: OperationRequest("POST", f"{_uploads(api)}/list", {}),
    "get_upload_buckets": lambda api: _upload(api, "GET", query={"return_presigned_urls": True}),
    "delete_upload_buckets": lambda api: _upload(api, "DELETE"),
    "get_task": lambda api: OperationRequest("GET", f"/v1/tasks/{_task(api)}"),
    "list_tasks": lambda api: OperationRequest("POST", "/v1/tasks/list", {}),
    "kill_task": lambda api: OperationRequest("DELETE", f"/v1/tasks/{_task(api)}"),
    "delete_bucket": lambda api: OperationRequest("DELETE", f"/v1/buckets/{_bucket_with_object(api)}"),
    "delete_namespace": lambda api: OperationRequest("DELETE", f"/v1/namespaces/{_namespace(api)}"),
}
