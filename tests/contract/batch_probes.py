"""The probes of all request fields for batches, by model and field: those of the SDK, and those that only we have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.contract.object_probes import TITLE_FILTER
from tests.contract.probes import SEND, WHERE, Body, Probe, checked_by, lists, rejected, send_query, shown
from tests.support.api import Api, ApiResponse
from tests.support.batch_states import MISSING_OBJECT, batch_path, canceled, draft, failed, process, start
from tests.support.objects import SCHEMA, created

NewProbe = Callable[[str], Probe]
BUCKET = "reels"
TITLES = ("M", "Fury", "Spione")
ONE_TIER = "supported: 0, the only tier; any other is rejected with 422"


def _ids(api: Api) -> list[str]:
    """Returns the ids of the three objects of a bucket, which is created if it does not exist."""
    if api.get(f"/v1/buckets/{BUCKET}").status == 404:
        assert api.post("/v1/buckets", {"bucket_name": BUCKET, "bucket_schema": SCHEMA}).status == 200
        for title in TITLES:
            created(api, BUCKET, {"title": title})
    return [row["object_id"] for row in api.get(f"/v1/buckets/{BUCKET}/objects").json["results"]]


def _batches(api: Api) -> str:
    _ids(api)
    return batch_path(BUCKET)


def _draft(api: Api) -> str:
    return batch_path(BUCKET, draft(api, BUCKET, *_ids(api)))


def _failed(api: Api) -> str:
    _ids(api)
    return batch_path(BUCKET, failed(api, BUCKET))


def _create(api: Api, body: Body, **query: Any) -> ApiResponse:
    return api.post(_batches(api), body, query=query)


def _list(api: Api, body: Body) -> ApiResponse:
    if not api.post(f"{_batches(api)}/list").json["results"]:
        for name in ("first", "second", "third"):
            _create(api, {"batch_name": name})
    return api.post(f"{_batches(api)}/list", body)


def _query(
    method: str, end: str, new_path: Callable[[Api], str], body: Body | None, api: Api, query: Body
) -> ApiResponse:
    return send_query(method, new_path(api) + end, body, api, query)


def _query_cancel_by_id(api: Api, query: Body) -> ApiResponse:
    return send_query("POST", f"/v1/batches/{_draft(api).rpartition('/')[2]}/cancel", None, api, query)


def _bulk_submit(api: Api, body: Body) -> ApiResponse:
    for row in api.post(f"{_batches(api)}/list").json["results"]:  # ends batches with the same objects
        api.post(f"{batch_path(BUCKET, row['batch_id'])}/cancel")
    return api.post(f"{_batches(api)}/bulk-submit", body)


SEND.update(
    {
        "CreateBatchRequest": _create,
        "BatchMetadata": lambda api, body: _create(api, {"metadata": body}),
        "AddObjectsToBatchRequest": lambda api, body: api.post(f"{_draft(api)}/objects", body),
        "PatchBatchRequest": lambda api, body: api.patch(_draft(api), body),
        "ListBatchesRequest": _list,
        "SubmitBatchRequest": lambda api, body: api.post(f"{_draft(api)}/submit", body, query={"force": "true"}),
        "RetryBatchRequest": lambda api, body: api.post(f"{_failed(api)}/retry", body),
        "BulkSubmitBatchesRequest": _bulk_submit,
        "query of create_batch_buckets_batches": partial(
            _query, "POST", "", _batches, {"object_ids": [MISSING_OBJECT]}
        ),
        "query of add_objects_to_batch_buckets_batches": partial(
            _query, "POST", "/objects", _draft, {"object_ids": [MISSING_OBJECT]}
        ),
        "query of submit_batch_buckets_batches": partial(_query, "POST", "/submit", _draft, None),
        "query of cancel_batch_buckets_batches": partial(_query, "POST", "/cancel", _draft, None),
        "query of cancel_batch_by_id_batches": _query_cancel_by_id,
        "query of resubmit_batch_buckets_batches": partial(_query, "POST", "/resubmit", _failed, None),
        "query of get_failed_documents_buckets_batches_batch": partial(
            _query, "GET", "/failed-documents", _failed, None
        ),
    }
)
WHERE["BatchMetadata"] = "metadata."


def _check_object_ids(api: Api, model: str, _: Body) -> None:
    ids = _ids(api)
    assert SEND[model](api, {"object_ids": [*ids, ids[0]]}).json["object_ids"] == ids
    unknown = SEND[model](api, {"object_ids": [MISSING_OBJECT]})
    assert (unknown.status, unknown.error["details"]["object_ids"]) == (404, [MISSING_OBJECT])


def _check_filters(api: Api, model: str, _: Body) -> None:
    found = SEND[model](api, {"filters": {"AND": [TITLE_FILTER]}}).json
    assert found.get("object_count", found.get("total_objects")) == 1


def _check_limit(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"filters": {}, "limit": 2}).json["object_count"] == 2
    assert "limit" in str(SEND[model](api, {"limit": 2}).error["details"])


def _check_submits(field: str) -> Callable[[Api, str, Body], None]:
    def check(api: Api, model: str, _: Body) -> None:
        for value, status in ((False, "DRAFT"), (True, "PENDING")):
            body = {"object_ids": _ids(api), field: value}
            assert SEND[model](api, body).json["status"] == status

    return check


def _check_query_submits(field: str) -> Callable[[Api, str, Body], None]:
    def check(api: Api, model: str, _: Body) -> None:
        skip = {"skip_validation": True} if "create" in model else {}
        for value, status in ((False, "DRAFT"), (True, "PENDING")):
            assert SEND[model](api, {**skip, field: value}).json["status"] == status

    return check


def _check_skip_validation(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {}).status == 404
    assert MISSING_OBJECT in SEND[model](api, {"skip_validation": True}).json["object_ids"]


def _check_force(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {}).status == 200
    assert SEND[model](api, {}).error["code"] == "objects_in_flight"
    assert SEND[model](api, {"force": True}).status == 200


def _newest(api: Api) -> Any:
    return api.post(f"{_batches(api)}/list").json["results"][0]


def _check_reason(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"reason": "not needed"}).json["status"] == "CANCELED"
    assert _newest(api)["lifecycle_reason"] == "not needed"


def _check_history(api: Api, model: str, _: Body) -> None:
    for value in (True, False):
        assert SEND[model](api, {"include_processing_history": value}).json["status"] == "PENDING"


def _check_webhook_url(api: Api, model: str, _: Body) -> None:
    url = "https://example.com/done"
    assert SEND[model](api, {"webhook_url": url}).json["additional_data"]["webhook_secret"]
    assert (_newest(api)["webhook_url"], _newest(api)["webhook"]["url"]) == (url, url)
    for private in ("http://127.0.0.1/", "http://169.254.169.254/", "ftp://example.com"):
        assert "webhook_url" in str(SEND[model](api, {"webhook_url": private}).error["details"])


def _check_retry_mode(api: Api, model: str, _: Body) -> None:
    # The object does not exist, which is permanent.
    assert SEND[model](api, {"retry_mode": "transient_only"}).json["retried"] == 0
    assert SEND[model](api, {"retry_mode": "all"}).json["retried"] == 1


def _check_tier_nums(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"tier_nums": [0], "retry_mode": "all"}).json["retried"] == 1
    reply = SEND[model](api, {"tier_nums": [1]})
    assert (reply.status, reply.error["details"]["validation_errors"][0]["location"][1]) == (422, "tier_nums")


def _check_max_retry_count(api: Api, model: str, _: Body) -> None:
    path = _failed(api)
    for most, retried in ((1, 1), (1, 0), (2, 1)):
        reply = api.post(f"{path}/retry", {"retry_mode": "all", "max_retry_count": most})
        assert reply.json["retried"] == retried
        if retried:
            batch_id = path.rpartition("/")[2]
            start(api, batch_id)
            process(api, batch_id)


def _check_from_tier(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"from_tier": 0}).status == 200
    reply = SEND[model](api, {"from_tier": 1})
    assert (reply.status, reply.error["details"]["validation_errors"][0]["location"][1]) == (422, "from_tier")


def _check_chunk_size(api: Api, model: str, _: Body) -> None:
    found = SEND[model](api, {"chunk_size": 2}).json
    assert [each["object_count"] for each in found["batches"]] == [2, 1]
    assert found["chunk_size"] == 2


def _check_bulk_strategy(api: Api, model: str, _: Body) -> None:
    SEND[model](api, {"dedup_strategy": "force"})
    assert _newest(api)["dedup_strategy"] == "force"


def _check_max_objects(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"max_objects": 2}).json["total_objects"] == 2


def _failures(expected: Body, **query: Any) -> Callable[[Api, str, Body], None]:
    def check(api: Api, model: str, _: Body) -> None:
        assert len(SEND[model](api, {}).json["results"]) == 1
        found = SEND[model](api, query).json
        assert {name: len(found[name]) if name == "results" else found[name] for name in expected} == expected

    return check


def _cursor(api: Api) -> str:
    return str(_list(api, {"limit": 2}).json["pagination"]["next_cursor"])


SUBMITS = "supported: submits the batch at once, or leaves it a draft"
NO_COLLECTIONS = "supported: there are no collections, so the list is empty"

BATCH_PROBES: dict[str, dict[str, NewProbe]] = {
    "CreateBatchRequest": {
        "object_ids": checked_by(_check_object_ids, "supported: the objects of the batch, which must exist"),
        "filters": checked_by(_check_filters, "supported: the batch has the objects that match"),
        "collection_ids": rejected(["col_1"], 403),
        "limit": checked_by(_check_limit, "supported: limits the objects that match; only with `filters`"),
        "dedup_strategy": shown("force"),
        "metadata": shown({"campaign_id": "spring", "more": [1, None]}),
        "batch_name": shown("named"),
        "auto_submit": checked_by(_check_submits("auto_submit"), SUBMITS),
        "trigger_processing": checked_by(_check_submits("trigger_processing"), SUBMITS),
    },
    "BatchMetadata": {
        "campaign_id": shown("spring"),
        "source": shown("a tape"),
        "tags": shown(["a", "b"]),
        "notes": shown("Old ones"),
    },
    "AddObjectsToBatchRequest": {
        "object_ids": checked_by(_check_object_ids, "supported: objects that the batch does not contain are added")
    },
    "PatchBatchRequest": {"metadata": shown({"notes": "Changed"})},
    "ListBatchesRequest": {
        "status": lists("CANCELED", []),
        "collection_id": lists("col_1", []),
        "bucket_id": lists("bkt_0000000000000000", []),
        "namespace_id": lists("press", []),
        "offset": lists(1, ["second", "first"]),
        "limit": lists(1, ["third"]),
        "cursor": lists(_cursor, ["first"]),
    },
    "SubmitBatchRequest": {
        "include_processing_history": checked_by(
            _check_history, "accepted without effect: there are no documents that could have a history"
        ),
        "collection_ids": rejected(["col_1"], 403),
        "webhook_url": checked_by(
            _check_webhook_url, "supported: receives a POST request at the end; a private address is rejected with 422"
        ),
    },
    "RetryBatchRequest": {
        "retry_mode": checked_by(_check_retry_mode, "supported: only transient failures, or all"),
        "tier_nums": checked_by(_check_tier_nums, ONE_TIER),
        "max_retry_count": checked_by(_check_max_retry_count, "supported: leaves out objects that had as many retries"),
    },
    "BulkSubmitBatchesRequest": {
        "collection_ids": rejected(["col_1"], 403),
        "filters": checked_by(_check_filters, "supported: only the objects that match"),
        "chunk_size": checked_by(_check_chunk_size, "supported: the number of objects per batch"),
        "dedup_strategy": checked_by(_check_bulk_strategy, "supported: shown in each batch"),
        "max_objects": checked_by(_check_max_objects, "supported: the maximum number of objects"),
    },
    "query of create_batch_buckets_batches": {
        "skip_validation": checked_by(_check_skip_validation, "supported: objects need not exist"),
        "auto_submit": checked_by(_check_query_submits("auto_submit"), SUBMITS),
        "trigger_processing": checked_by(_check_query_submits("trigger_processing"), SUBMITS),
    },
    "query of add_objects_to_batch_buckets_batches": {
        "skip_validation": checked_by(_check_skip_validation, "supported: objects need not exist")
    },
    "query of submit_batch_buckets_batches": {
        "force": checked_by(_check_force, "supported: omits the check for other batches with the same objects")
    },
    "query of cancel_batch_buckets_batches": {
        "reason": checked_by(_check_reason, "supported: shown as `lifecycle_reason`")
    },
    "query of cancel_batch_by_id_batches": {
        "reason": checked_by(_check_reason, "supported: shown as `lifecycle_reason`")
    },
    "query of resubmit_batch_buckets_batches": {
        "from_tier": checked_by(_check_from_tier, ONE_TIER),
        "auto_submit": checked_by(_check_query_submits("auto_submit"), SUBMITS),
        "trigger_processing": checked_by(_check_query_submits("trigger_processing"), SUBMITS),
    },
    "query of get_failed_documents_buckets_batches_batch": {
        "tier_num": checked_by(_failures({"total_count": 0}, tier_num=1), "supported: only tier 0 has objects"),
        "collection_id": checked_by(_failures({"total_count": 0}, collection_id="col_1"), NO_COLLECTIONS),
        "limit": checked_by(_failures({"limit": 1, "results": 1}, limit=1), "supported: the size of the page"),
        "offset": checked_by(_failures({"offset": 1, "results": 0}, offset=1), "supported: skips objects"),
    },
}


def _resubmitted(field: str) -> Callable[[Api], None]:
    def check(api: Api) -> None:
        for value, status in ((False, "DRAFT"), (True, "PENDING")):
            assert api.post(f"{_failed(api)}/resubmit", {field: value}).json["status"] == status
        # The parameter of the query string takes precedence.
        reply = api.post(f"{_failed(api)}/resubmit", {field: True}, query={field: "false"})
        assert reply.json["status"] == "DRAFT"

    return check


def _resubmitted_from_tier(api: Api) -> None:
    assert api.post(f"{_failed(api)}/resubmit", {"from_tier": 0}).status == 200
    reply = api.post(f"{_failed(api)}/resubmit", {"from_tier": 1})
    assert (reply.status, "from_tier" in str(reply.error["details"])) == (422, True)


def _with_own_secret(api: Api) -> None:
    body = {"webhook_url": "https://example.com/done", "webhook_secret": "a-secret-of-my-own"}
    reply = api.post(f"{_draft(api)}/submit", body)
    assert reply.status == 200
    assert "webhook_secret" not in (reply.json["additional_data"] or {})
    assert "a-secret-of-my-own" not in str(_newest(api))
    other = api.post(f"{_draft(api)}/submit", {"webhook_secret": "a-secret-of-my-own"})
    assert (other.status, "webhook_secret" in other.text) == (422, True)


def _with_tolerated_failures(api: Api) -> None:
    path = batch_path(BUCKET, draft(api, BUCKET, *_ids(api)))
    assert api.post(f"{path}/submit", {"tolerated_failure_percentage": 12.5}).status == 200
    assert api.get(path).json["tolerated_failure_percentage"] == 12.5


def _with_presigned_urls(path: Callable[[str], str]) -> Callable[[Api], None]:
    def check(api: Api) -> None:
        _ids(api)
        found = path(canceled(api, BUCKET, *_ids(api)))
        for signed in ("true", "false"):
            reply = api.get(found, query={"return_presigned_urls": signed})
            assert (reply.status, reply.json["report_url"], reply.json["manifest_url"]) == (200, None, None)

    return check


# Fields that the SDK does not have, by operation and field. tests/batches tests the content of signed URLs.
OWN_FIELDS: dict[tuple[str, str], Callable[[Api], None]] = {
    ("resubmit_batch_buckets_batches", "from_tier"): _resubmitted_from_tier,
    ("resubmit_batch_buckets_batches", "auto_submit"): _resubmitted("auto_submit"),
    ("resubmit_batch_buckets_batches", "trigger_processing"): _resubmitted("trigger_processing"),
    ("submit_batch_buckets_batches", "webhook_secret"): _with_own_secret,
    ("submit_batch_buckets_batches", "tolerated_failure_percentage"): _with_tolerated_failures,
    ("get_batch_buckets_batches", "return_presigned_urls"): _with_presigned_urls(lambda id_: batch_path(BUCKET, id_)),
    ("get_batch_by_id_batches", "return_presigned_urls"): _with_presigned_urls(lambda id_: f"/v1/batches/{id_}"),
}
