"""A request for each operation of the API, each on things of its own, so that it can be made any number of times."""

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
class Step:
    """One request. `again` are the statuses of its repetition where the first may have been carried out."""

    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    again: tuple[int, ...] = ()

    @property
    def reads(self) -> bool:
        """Whether it can be made again and again, on the same things."""
        return self.method == "GET" or self.path.endswith("/list")

    def send(self, api: Api) -> ApiResponse:
        return api.call(self.method, self.path, self.body, query=self.query)


def _name(kind: str) -> str:
    return f"{kind} {next(_numbers):05}"


def _bucket(api: Api) -> str:
    return str(api.post("/v1/buckets", bucket_body(_name("posters"))).json["bucket_id"])


def _namespace(api: Api) -> str:
    return str(api.post("/v1/namespaces", {"namespace_name": _name("prints")}).json["namespace_id"])


def _filled(api: Api) -> str:
    bucket = create_object_bucket(api, _name("reels"))
    created(api, bucket, BODY)
    return bucket


def _object(api: Api) -> str:
    bucket = create_object_bucket(api, _name("reels"))
    return objects(bucket, created(api, bucket, BODY)["object_id"])


def _task(api: Api) -> str:
    return str(api.call("DELETE", f"/v1/buckets/{_bucket(api)}").json["task_id"])


def _create_keyed(api: Api, policy: str, *, there: bool) -> Step:
    bucket = create_keyed_bucket(api, "film_id", policy=policy, name=_name("films"))
    if there:
        created(api, bucket, {"film_id": "m"})
    return Step("POST", objects(bucket), {**BODY, "film_id": "m"}, again=(409,))


def _create_skipping(api: Api) -> Step:
    return Step("POST", objects(_filled(api)), {**BODY, "skip_duplicates": True})


def _batch(api: Api) -> Step:
    rows = [{"title": "M", "blobs": [text(f"Take {n}")], "idempotency_key": f"row {n}"} for n in range(2)]
    return Step("POST", objects(create_object_bucket(api, _name("reels"))) + "/batch", {"objects": rows})


def _hide(api: Api) -> Step:
    path, _, object_id = _object(api).rpartition("/")
    return Step("POST", f"{path}/bulk-soft-delete", {"object_ids": [object_id], "reason": "done"})


def _rename(api: Api) -> Step:
    return Step("PATCH", f"/v1/buckets/{_bucket(api)}", {"bucket_name": _name("stills")})


def _break_schema(api: Api) -> Step:
    properties = {**SCHEMA["properties"], "year": {"type": "integer"}}
    return Step("PATCH", f"/v1/buckets/{_filled(api)}", {"bucket_schema": {"properties": properties}})


# By the name of its operation, and what is special about the request.
STEPS: dict[str, Callable[[Api], Step]] = {
    "health": lambda api: Step("GET", "/v1/health"),
    "liveness": lambda api: Step("GET", "/v1/health/liveness"),
    "openapi": lambda api: Step("GET", "/openapi.json"),
    "create_namespace": lambda api: Step("POST", "/v1/namespaces", {"namespace_name": _name("prints")}, again=(409,)),
    "create_standalone_namespace": lambda api: Step(
        "POST", "/v1/namespaces/standalone", {"namespace_name": _name("prints")}, again=(409,)
    ),
    "list_namespaces_get": lambda api: Step("GET", "/v1/namespaces"),
    "list_namespaces": lambda api: Step("POST", "/v1/namespaces/list", {}),
    "get_namespace": lambda api: Step("GET", f"/v1/namespaces/{_namespace(api)}"),
    "patch_namespace": lambda api: Step(
        "PATCH", f"/v1/namespaces/{_namespace(api)}", {"namespace_name": _name("copies")}
    ),
    "update_namespace": lambda api: Step(
        "PUT", f"/v1/namespaces/{_namespace(api)}", {"namespace_name": _name("copies")}
    ),
    "create_bucket": lambda api: Step("POST", "/v1/buckets", bucket_body(_name("posters")), again=(409,)),
    "list_buckets_get": lambda api: Step("GET", "/v1/buckets"),
    "list_buckets": lambda api: Step("POST", "/v1/buckets/list", {}),
    "list_buckets by name": lambda api: Step("POST", "/v1/buckets/list", {"search": "post*"}),
    "list_buckets by size": lambda api: Step(
        "POST", "/v1/buckets/list", {"sort": {"field": "object_count", "direction": "desc"}}
    ),
    "get_bucket": lambda api: Step("GET", f"/v1/buckets/{_bucket(api)}"),
    "update_bucket": lambda api: Step("PUT", f"/v1/buckets/{_bucket(api)}", {"description": "On paper"}),
    "patch_bucket": lambda api: Step("PATCH", f"/v1/buckets/{_bucket(api)}", {"description": "On paper"}),
    "patch_bucket renaming": _rename,
    "patch_bucket with another schema": _break_schema,
    "create_object_buckets": lambda api: Step("POST", objects(_filled(api)), BODY),
    "create_object_buckets under a new key": lambda api: _create_keyed(api, "insert", there=False),
    "create_object_buckets onto a key": lambda api: _create_keyed(api, "upsert", there=True),
    "create_object_buckets replayable": lambda api: Step(
        "POST", objects(_filled(api)), {**BODY, "idempotency_key": "k"}
    ),
    "create_object_buckets skipping": _create_skipping,
    "create_objects_batch_buckets": _batch,
    "list_objects_get_buckets": lambda api: Step("GET", objects(_filled(api))),
    "list_objects_buckets": lambda api: Step("POST", objects(_filled(api)) + "/list", {}),
    "list_objects_buckets sorted": lambda api: Step(
        "POST", objects(_filled(api)) + "/list", {"sort": {"field": "title", "direction": "asc"}}
    ),
    "bulk_soft_delete_objects_buckets": _hide,
    "get_object_buckets": lambda api: Step("GET", _object(api), query={"return_presigned_urls": True}),
    "update_object_buckets": lambda api: Step("PUT", _object(api), {"blobs": [text("Seen again.")]}),
    "patch_object_buckets": lambda api: Step("PATCH", _object(api), {"take": 3}),
    "delete_object_buckets": lambda api: Step("DELETE", _object(api), again=(404,)),
    "get_task": lambda api: Step("GET", f"/v1/tasks/{_task(api)}"),
    "list_tasks": lambda api: Step("POST", "/v1/tasks/list", {}),
    "kill_task": lambda api: Step("DELETE", f"/v1/tasks/{_task(api)}"),
    "delete_bucket": lambda api: Step("DELETE", f"/v1/buckets/{_filled(api)}"),
    "delete_namespace": lambda api: Step("DELETE", f"/v1/namespaces/{_namespace(api)}"),
}
