"""The probes of all request fields of the SDK for uploads, by model and field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.contract.probes import SEND, Body, Probe, checked_by, lists, send_query
from tests.support.api import Api, ApiResponse
from tests.support.objects import PNG

NewProbe = Callable[[str], Probe]
BUCKET = "stored"
SCHEMA: Body = {"properties": {"film_id": {"type": "string"}, "poster": {"type": "image"}, "still": {"type": "image"}}}
PATH = f"/v1/buckets/{BUCKET}/uploads"
REQUIRED: Body = {"filename": "m.png", "content_type": "image/png", "blob_property": "poster"}
KEY: Body = {"object_metadata": {"film_id": "tt1"}}


def _path(api: Api, **more: Any) -> str:
    """Returns the path of the uploads to a bucket, which is created if it does not exist."""
    if api.get(f"/v1/buckets/{BUCKET}").status == 404:
        assert api.post("/v1/buckets", {"bucket_name": BUCKET, "bucket_schema": SCHEMA, **more}).status == 200
    return PATH


def _create(api: Api, body: Body) -> ApiResponse:
    return api.post(_path(api), {**REQUIRED, **body})


def _create_many(api: Api, body: Body) -> ApiResponse:
    return api.post(f"{_path(api)}/batch", {"uploads": [REQUIRED], **body})


def _stored(api: Api, **more: Any) -> str:
    """Returns the path of an upload whose file has been stored."""
    made = _create(api, more).json
    api.services().blobs.put(made["s3_key"], PNG, mime_type="image/png", filename=None, storage_class=None)
    return f"{PATH}/{made['upload_id']}"


def _confirm(api: Api, body: Body) -> ApiResponse:
    return api.post(f"{_stored(api)}/confirm", body)


def _list(api: Api, body: Body, query: Body | None = None) -> ApiResponse:
    if not api.post(f"{_path(api)}/list").json["results"]:
        for name in ("first", "second", "third"):
            _create(api, {"filename": name})
    return send_query("POST", f"{PATH}/list", body, api, query or {})


SEND.update(
    {
        "CreateUploadRequest": _create,
        "BatchUploadRequest": _create_many,
        "ConfirmUploadRequest": _confirm,
        "BatchConfirmRequest": lambda api, body: api.post(f"{_path(api)}/confirm/batch", body),
        "ListUploadsRequest": _list,
        "query of confirm_upload_buckets": lambda api, query: send_query(
            "POST", f"{_stored(api)}/confirm", None, api, query
        ),
        "query of confirm_uploads_batch_buckets": lambda api, query: send_query(
            "POST", f"{_path(api)}/confirm/batch", {"confirmations": [{"upload_id": "upl_1"}]}, api, query
        ),
        "query of delete_upload_buckets": lambda api, query: send_query("DELETE", _stored(api), None, api, query),
        "query of get_upload_buckets": lambda api, query: send_query("GET", _confirmed(api), None, api, query),
        "query of list_uploads_buckets": lambda api, query: _list(api, {}, query),
    }
)


def _confirmed(api: Api) -> str:
    path = _stored(api)
    assert api.post(f"{path}/confirm").status == 200
    return path


def kept(value: Any, *, as_: Any = ..., first: str | None = None) -> NewProbe:
    """Returns a probe that expects the value in the response and in a later read of the upload.

    `first` is the member of the response with the uploads, of which the first is meant.
    """

    def new_probe(field: str) -> Probe:
        def check(api: Api, model: str, extra: Body) -> None:
            reply = SEND[model](api, {**extra, field: value})
            assert reply.status == 200, reply.text
            made = reply.json[first][0] if first else reply.json
            name = field.removeprefix("shared_")
            expected = value if as_ is ... else as_
            assert made[name] == expected, reply.text
            assert api.get(f"{PATH}/{made['upload_id']}").json[name] == expected

        return Probe("supported: shown in the response and in later reads", check)

    return new_probe


def _check_uploads(api: Api, model: str, _: Body) -> None:
    made = SEND[model](api, {"uploads": [REQUIRED, {**REQUIRED, "filename": "n.png"}]}).json
    assert ([each["filename"] for each in made["uploads"]], made["total"]) == (["m.png", "n.png"], 2)


def _check_expiration(api: Api, model: str, _: Body) -> None:
    made = SEND[model](api, {"presigned_url_expiration": 60}).json
    assert made["presigned_url_expiration"] == 60
    assert "X-Amz-Expires=60&" in made["presigned_url"]


def _check_creates_object(api: Api, model: str, _: Body) -> None:
    for creates in (True, False):
        path = _stored(api, create_object_on_confirm=creates, skip_duplicates=False)
        assert (api.post(f"{path}/confirm").json["object_id"] is not None) is creates


def _check_property(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"blob_property": "still"}).json["blob_property"] == "still"
    assert "blob_property" in str(SEND[model](api, {"blob_property": "unknown"}).error["details"])


def _check_type(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"blob_type": "IMAGE"}).json["blob_type"] == "image"
    assert "blob_type" in str(SEND[model](api, {"blob_type": "video"}).error["details"])


def _check_hash(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"file_hash": "0" * 64}).json["file_hash"] == "0" * 64
    assert api.post(f"{_stored(api, file_hash='0' * 64)}/confirm").error["code"] == "hash_mismatch"


def _check_skip_duplicates(api: Api, model: str, _: Body) -> None:
    digest = api.get(_confirmed(api)).json["file_hash"]
    for skips in (True, False):
        made = SEND[model](api, {"file_hash": digest, "skip_duplicates": skips}).json
        assert (made["is_duplicate"], made["presigned_url"] is None) == (skips, skips)


def _check_etag(api: Api, model: str, _: Body) -> None:
    refused = SEND[model](api, {"etag": "0123"})
    assert (refused.status, refused.error["code"]) == (400, "etag_mismatch")
    assert SEND[model](api, {"etag": refused.error["details"]["etag"]}).status == 200


def _check_size(api: Api, model: str, _: Body) -> None:
    refused = SEND[model](api, {"file_size_bytes": len(PNG) + 1})
    assert (refused.status, refused.error["code"]) == (400, "size_mismatch")
    assert SEND[model](api, {"file_size_bytes": len(PNG)}).status == 200


def _check_batch(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"auto_submit_batch": True}).json["batch_id"].startswith("btch_")


def _check_async(api: Api, model: str, _: Body) -> None:
    confirmed = SEND[model](api, {"async": True}).json
    assert (confirmed["status"], confirmed["task_id"][:5]) == ("PROCESSING", "task_")


def _check_policy(api: Api, model: str, _: Body) -> None:
    _path(api, unique_key={"fields": ["film_id"], "default_policy": "upsert"})
    path = _stored(api, **KEY)
    refused = send_query("POST", f"{path}/confirm", None, api, {"policy": "update"})
    assert (refused.status, refused.error["code"]) == (404, "unique_key_absent")
    assert send_query("POST", f"{path}/confirm", None, api, {"policy": "insert"}).status == 200


def _check_confirmations(api: Api, model: str, _: Body) -> None:
    made = SEND[model](api, {"confirmations": [{"upload_id": _stored(api).rpartition("/")[2]}]}).json
    assert (made["confirmations_count"], made["task"]["task_id"]) == (1, made["task_id"])


def _check_batch_policy(api: Api, model: str, _: Body) -> None:
    _path(api, unique_key={"fields": ["film_id"]})
    assert SEND[model](api, {}).error["code"] == "policy_missing"
    assert SEND[model](api, {"policy": "insert"}).json["task"]["additional_data"]["policy"] == "insert"


def _check_delete_file(api: Api, model: str, _: Body) -> None:
    for removes in (True, False):
        path = _stored(api)
        key = api.get(path).json["s3_key"]
        query = {"delete_s3_object": str(removes).lower()}
        assert api.call("DELETE", path, query=query).status == 204
        assert bool(list(api.services().blobs.list_files(key))) is not removes


def _check_url(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {}).json["presigned_url"] is None
    assert SEND[model](api, {"return_presigned_urls": True}).json["presigned_url"]


def _check_urls(api: Api, model: str, _: Body) -> None:
    _confirmed(api)
    for value in (True, False):
        listed = SEND[model](api, {"return_presigned_urls": value}).json["results"]
        assert [each["presigned_url"] is not None for each in listed] == [value]


def _check_total(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"include_total": True}).json["pagination"]["total"] == 3


def _cursor(api: Api) -> str:
    return str(_list(api, {"limit": 2}).json["pagination"]["next_cursor"])


FILTER: Body = {"AND": [{"field": "filename", "operator": "eq", "value": "second"}]}
UPLOAD_PROBES: dict[str, dict[str, NewProbe]] = {
    "CreateUploadRequest": {
        "filename": kept("metropolis.png"),
        "content_type": kept("image/jpeg"),
        "file_size_bytes": kept(7),
        "presigned_url_expiration": checked_by(_check_expiration, "supported: the lifetime of the URL"),
        "metadata": kept({"take": 3}),
        "create_object_on_confirm": checked_by(_check_creates_object, "supported: whether there is an object"),
        "object_metadata": kept({"film_id": "tt1"}),
        "blob_property": checked_by(_check_property, "supported: shown; rejected with 422 without such a field"),
        "blob_type": checked_by(_check_type, "supported: shown; rejected with 422 if the schema has another type"),
        "file_hash": checked_by(_check_hash, "supported: shown; a file with another hash is refused"),
        "skip_duplicates": checked_by(_check_skip_duplicates, "supported: returns an upload of the same content"),
    },
    "BatchUploadRequest": {
        "uploads": checked_by(_check_uploads, "supported: an upload for each entry, or none if one is invalid"),
        "shared_metadata": kept({"take": 3}, first="uploads"),
        "shared_object_metadata": kept({"film_id": "tt1"}, first="uploads"),
    },
    "ConfirmUploadRequest": {
        "etag": checked_by(_check_etag, "supported: compared with the stored file"),
        "file_size_bytes": checked_by(_check_size, "supported: compared with the stored file"),
        "auto_submit_batch": checked_by(_check_batch, "supported: submits a batch with the new object"),
    },
    "BatchConfirmRequest": {"confirmations": checked_by(_check_confirmations, "supported: a task confirms them")},
    "ListUploadsRequest": {
        "filters": lists(FILTER, ["second"]),
        "sort": lists({"field": "filename"}, ["first", "second", "third"]),
        "search": lists("sec*", ["second"]),
        "return_presigned_urls": checked_by(_check_urls, "supported: download URLs of completed uploads"),
        "limit": lists(1, ["third"]),
        "offset": lists(1, ["second", "first"]),
    },
    "query of confirm_upload_buckets": {
        "var_async": checked_by(_check_async, "supported: a task confirms the upload"),
        "policy": checked_by(_check_policy, "supported: how a bucket with a unique key handles the object"),
    },
    "query of confirm_uploads_batch_buckets": {
        "policy": checked_by(_check_batch_policy, "supported: how a bucket with a unique key handles the objects")
    },
    "query of delete_upload_buckets": {
        "delete_s3_object": checked_by(_check_delete_file, "supported: whether the file is removed at once")
    },
    "query of get_upload_buckets": {
        "return_presigned_urls": checked_by(_check_url, "supported: the download URL of a completed upload")
    },
    "query of list_uploads_buckets": {
        "limit": lists(1, ["third"]),
        "page_size": lists(1, ["third"]),
        "offset": lists(1, ["second", "first"]),
        "page": lists(2, []),
        "include_total": checked_by(_check_total, "supported: fills the totals"),
        "cursor": lists(_cursor, ["first"]),
        "next_cursor": lists(_cursor, ["first"]),
        "after": lists(_cursor, ["first"]),
    },
}
