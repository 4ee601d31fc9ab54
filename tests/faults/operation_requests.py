"""A request for each operation of the API. Each creates its own resources, so it can be sent any number of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.api import Api, ApiResponse
from tests.support.objects import SCHEMA, create_keyed_bucket, create_object_bucket, created, objects, text
from tests.support.world import bucket_body

BODY = {"title": "M", "blobs": [text()]}
_numbers: Iterator[int] = count()


@dataclass(frozen=True)
class OperationRequest:
    """A request. If it was executed, a repetition may also have one of the statuses in `again`."""

    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    again: tuple[int, ...] = ()

    @property
    def is_read_only(self) -> bool:
        """Whether the request changes nothing, so that it can be repeated for the same resources."""
        return self.method == "GET" or self.path.endswith("/list")

    def send(self, api: Api) -> ApiResponse:
        return api.call(self.method, self.path, self.body, query=self.query)


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
    "patch_object_buckets": lambda api: OperationRequest("PATCH", _object(api), {"take": 3}),
    "delete_object_buckets": lambda api: OperationRequest("DELETE", _object(api), again=(404,)),
    "delete_object_buckets with a key": _delete_keyed,
    "get_task": lambda api: OperationRequest("GET", f"/v1/tasks/{_task(api)}"),
    "list_tasks": lambda api: OperationRequest("POST", "/v1/tasks/list", {}),
    "kill_task": lambda api: OperationRequest("DELETE", f"/v1/tasks/{_task(api)}"),
    "delete_bucket": lambda api: OperationRequest("DELETE", f"/v1/buckets/{_bucket_with_object(api)}"),
    "delete_namespace": lambda api: OperationRequest("DELETE", f"/v1/namespaces/{_namespace(api)}"),
}
