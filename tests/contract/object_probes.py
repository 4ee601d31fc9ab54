"""The probes of all request fields of the SDK for objects, by model and field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.contract.probes import SEND, WHERE, Body, Probe, checked_by, lists, names_in, send_query, shown
from tests.mirroring.scenes import copy_files, hosting, reply_with
from tests.support.api import Api, ApiResponse
from tests.support.objects import PNG, POSTER, SCHEMA, objects, text

NewProbe = Callable[[str], Probe]
URL_BLOB = {"property": "poster", "type": "image", "data": "http://example.com/m.jpg"}
TITLES = ["M", "Fury", "Spione"]
TITLE_FILTER = {"field": "title", "operator": "eq", "value": "fury"}
COPIES = "supported: the file at the URL is copied, or not"
COPIES_AGAIN = "supported: replaces a file that was copied from the URL even by the same content"


def _path(api: Api, object_id: str = "", *, name: str = "reels", **more: Any) -> str:
    """Returns the path of the objects of a bucket, or of one of them. The bucket is created if it does not exist."""
    if api.get(f"/v1/buckets/{name}").status == 404:
        assert api.post("/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA, **more}).status == 200
    return objects(name, object_id)


def _create_object(api: Api, body: Body) -> str:
    reply = api.post(_path(api), body)
    assert reply.status == 200, reply.text
    return str(reply.json["object_id"])


def _path_with_objects(api: Api) -> str:
    """Returns the path of the objects of a bucket with three objects, of which the second has a blob."""
    path = _path(api)
    if not api.get(path).json["results"]:
        for title in TITLES:
            _create_object(api, {"title": title, "blobs": [POSTER] if title == "Fury" else None})
    return path


def _create(api: Api, body: Body) -> ApiResponse:
    return api.post(_path(api), {"title": "M", **body})


def _create_blob(api: Api, body: Body) -> ApiResponse:
    return _create(api, {"blobs": [{**URL_BLOB, **body}]})


def _create_edge(api: Api, body: Body) -> ApiResponse:
    return _create(api, {"edges": [{"type": "sequel_of", "target_object_id": "obj_1", **body}]})


def _change(method: str, api: Api, body: Body) -> ApiResponse:
    made = _create_object(api, {"title": "M", "metadata": {"lang": "de"}, "blobs": [text("one")]})
    return api.call(method, _path(api, made), body)


def _list(api: Api, body: Body) -> ApiResponse:
    return api.post(f"{_path_with_objects(api)}/list", body)


def _soft_delete(api: Api, body: Body) -> ApiResponse:
    made = _create_object(api, {"title": "M"})
    return api.post(f"{_path(api)}/bulk-soft-delete", {"object_ids": [made], "reason": "done", **body})


def _query_list(method: str, end: str, api: Api, query: Body) -> ApiResponse:
    return send_query(method, _path_with_objects(api) + end, None, api, query)


def _query_create(api: Api, query: Body) -> ApiResponse:
    path = _path(api, name="keyed", unique_key={"fields": ["film_id"], "default_policy": "upsert"})
    return send_query("POST", path, {"film_id": "tt1"}, api, query)


def _query_batch(api: Api, query: Body) -> ApiResponse:
    return send_query("POST", f"{_path(api)}/batch", {"objects": [{"title": "M"}]}, api, query)


def _query_get(api: Api, query: Body) -> ApiResponse:
    return send_query("GET", _path(api, _create_object(api, {"blobs": [POSTER]})), None, api, query)


OBJECT_SEND: dict[str, Callable[[Api, Body], ApiResponse]] = {
    "CreateObjectRequest": _create,
    "CreateBlobRequest": _create_blob,
    "EdgeModel": _create_edge,
    "CreateObjectsBatchRequest": lambda api, body: api.post(f"{_path(api)}/batch", body),
    "UpdateObjectRequest": partial(_change, "PUT"),
    "PatchObjectRequest": partial(_change, "PATCH"),
    "ListObjectsRequest": _list,
    "SortOption": lambda api, body: _list(api, {"sort": {"field": "title", **body}}),
    "LogicalOperatorInput": lambda api, body: _list(api, {"filters": body}),
    "FilterCondition": lambda api, body: _list(api, {"filters": {"AND": [{**TITLE_FILTER, **body}]}}),
    "DynamicValue": lambda api, body: _list(api, {"filters": {**TITLE_FILTER, "value": {"type": "dynamic", **body}}}),
    "BulkSoftDeleteRequest": _soft_delete,
    "query of create_object_buckets": _query_create,
    "query of create_objects_batch_buckets": _query_batch,
    "query of get_object_buckets": _query_get,
    "query of list_objects_buckets": partial(_query_list, "POST", "/list"),
    "query of list_objects_get_buckets": partial(_query_list, "GET", ""),
}
SEND.update(OBJECT_SEND)
WHERE.update({"EdgeModel": "edges.0.", "CreateBlobRequest": "blobs.0."})


def _check_blobs(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"blobs": [URL_BLOB]})
    assert [blob["properties"]["url"] for blob in reply.json["blobs"]] == [URL_BLOB["data"]]


def _check_same_object(value: Any, api: Api, field: str, body: Body) -> None:
    first, again, other = (_create(api, {**body, **more}).json for more in ({field: value}, {field: value}, {}))
    assert again == first
    assert other["object_id"] != first["object_id"]


def _check_skip_duplicates(api: Api, _: str, __: Body) -> None:
    _check_same_object(True, api, "skip_duplicates", {"blobs": [text()]})


def _check_idempotency_key(api: Api, _: str, __: Body) -> None:
    _check_same_object("row-12", api, "idempotency_key", {})


def _with_option(model: str, option: Body) -> Body:
    """Returns the fields of an object with a file by URL. The option is that of the file, or else of the object."""
    of_file = model == "CreateBlobRequest"
    return {"blobs": [{**URL_BLOB, **(option if of_file else {})}], **({} if of_file else option)}


def _check_canonicalize_source(api: Api, model: str, _: Body) -> None:
    with hosting(reply_with(PNG)) as host:
        for value in (True, False):
            made = _create(api, _with_option(model, {"canonicalize_source": value})).json
            assert copy_files(api, made, host) == (1 if value else 0)
            (blob,) = api.get(_path(api, made["object_id"])).json["blobs"]
            assert blob["properties"]["url"].startswith("s3://" if value else "http://")


def _check_force_remirror(api: Api, model: str, _: Body) -> None:
    path = _path(api, name="films", unique_key={"fields": ["film_id"], "default_policy": "upsert"})
    urls = []
    with hosting(reply_with(PNG)) as host:
        for force in (False, False, True):
            sent = api.post(path, {"film_id": "tt1", **_with_option(model, {"force_remirror": force})})
            assert copy_files(api, sent.json, host) == 1
            stored = api.get(objects("films", sent.json["object_id"])).json
            urls.append(stored["blobs"][0]["properties"]["url"])
    assert urls[0] == urls[1] != urls[2]
    refused = _create(api, {"blobs": [{**POSTER, "force_remirror": True}]})
    assert (refused.status, refused.error["type"]) == (422, "ValidationError")


def _check_blob_property(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"property": "review", "type": "text"})
    assert (reply.json["blobs"][0]["property"], reply.json["blobs"][0]["type"]) == ("review", "text")
    assert "no_such" in SEND[model](api, {"property": "no_such"}).text


def _check_blob_type(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"type": "IMAGE"}).json["blobs"][0]["type"] == "image"
    reply = SEND[model](api, {"type": "video"})
    assert (reply.status, reply.error["details"]["validation_errors"][0]["location"][-1]) == (422, "type")


def _check_upload_id(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"data": None, "upload_id": "upl_1"})
    assert (reply.status, reply.error["details"]["field"]) == (404, "body.blobs.0.upload_id")
    declared = {"filename": "m.png", "content_type": "image/png", "create_object_on_confirm": False}
    upload = api.post("/v1/buckets/reels/uploads", declared).json
    api.services().blobs.put(upload["s3_key"], PNG, mime_type="image/png", filename=None, storage_class=None)
    assert api.post(f"/v1/buckets/reels/uploads/{upload['upload_id']}/confirm").status == 200
    (blob,) = SEND[model](api, {"data": None, "upload_id": upload["upload_id"]}).json["blobs"]
    assert blob["details"]["size_bytes"] == len(PNG)
    assert SEND[model](api, {"upload_id": None}).status == 200


def _check_blob_metadata(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"metadata": {"lang": "de"}}).json["lang"] == "de"


def _check_rows(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"objects": [{"title": "M"}, {"title": 5}]}).json
    assert [row["object_index"] for row in reply["succeeded"]] == [0]
    assert [row["object_index"] for row in reply["failed"]] == [1]


def _check_put_metadata(api: Api, model: str, _: Body) -> None:
    changed = SEND[model](api, {"metadata": {"lang": "en", "score": 9}}).json
    assert (changed["metadata"], changed["score"]) == ({"lang": "en"}, 9)


def _check_put_skip_duplicates(api: Api, model: str, _: Body) -> None:
    made = api.post(_path(api), {"blobs": [text()]}).json
    for skip in (True, False):
        changed = api.put(_path(api, made["object_id"]), {"blobs": [text()], "skip_duplicates": skip}).json
        assert (changed["blobs"] == made["blobs"]) is skip


def _check_patch_skip_duplicates(api: Api, model: str, _: Body) -> None:
    for skip in (True, False):
        assert SEND[model](api, {"skip_duplicates": skip, "title": "N"}).json["title"] == "N"


def _check_select(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"select": ["title"]})
    assert {key for row in reply.json["results"] for key in row} == {"object_id", "bucket_id", "title"}


def _check_presigned_urls_in_list(api: Api, model: str, _: Body) -> None:
    for signed in (True, False):
        rows = SEND[model](api, {"return_presigned_urls": signed}).json["results"]
        urls = [blob["presigned_url"] for row in rows for blob in row["blobs"]]
        assert [url is not None for url in urls] == [signed]


def _check_presigned_urls(api: Api, model: str, _: Body) -> None:
    for signed in (True, False):
        (blob,) = SEND[model](api, {"return_presigned_urls": signed}).json["blobs"]
        assert (blob["presigned_url"] is not None) is signed


def _check_document_count(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"include_document_count": True}).json["document_count"] == 0
    assert SEND[model](api, {"include_document_count": False}).json["document_count"] is None


def _check_case_sensitive(api: Api, model: str, _: Body) -> None:
    assert names_in(SEND[model](api, {"AND": [TITLE_FILTER]})) == ["Fury"]
    assert names_in(SEND[model](api, {"AND": [TITLE_FILTER], "case_sensitive": True})) == []


def _check_dynamic_value(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"field": "inputs.title"})
    assert (reply.status, "Dynamic values" in reply.text) == (422, True)


def _check_object_ids(api: Api, model: str, _: Body) -> None:
    made = _create_object(api, {"title": "M"})
    assert SEND[model](api, {"object_ids": [made, made, "obj_none"]}).json["soft_deleted"] == 1
    assert api.get(_path(api, made)).status == 404


def _stored_on_soft_delete(name: str, value: str) -> NewProbe:
    def new_probe(field: str) -> Probe:
        def check(api: Api, model: str, _: Body) -> None:
            made = _create_object(api, {"title": "M"})
            assert SEND[model](api, {"object_ids": [made], field: value}).status == 200
            services, bucket_id = api.services(), api.get("/v1/buckets/reels").json["bucket_id"]
            (deleted,) = (row for row in services.objects.store.walk(bucket_id) if row.object_id == made)
            assert deleted.soft_deleted is not None
            assert deleted.soft_deleted[name] == value

        return Probe("supported: stored with each soft-deleted object", check)

    return new_probe


def _check_policy(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"policy": "update"}).error["code"] == "unique_key_absent"
    made = SEND[model](api, {"policy": "insert"}).json["object_id"]
    assert SEND[model](api, {"policy": "insert"}).error["code"] == "unique_key_taken"
    assert SEND[model](api, {"policy": "upsert"}).json["object_id"] == made


def _check_auto_process(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"auto_process": False}).status == 200
    assert api.post("/v1/batches/list").json["results"] == []
    assert SEND[model](api, {"auto_process": True}).status == 200
    (batch,) = api.post("/v1/batches/list").json["results"]
    assert (batch["status"], batch["object_count"]) == ("PENDING", 1)


def _cursor(api: Api) -> str:
    return str(api.post(f"{_path_with_objects(api)}/list", {"limit": 2}).json["pagination"]["next_cursor"])


def _check_include_total(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {}).json["pagination"]["total"] is None
    assert SEND[model](api, {"include_total": True}).json["pagination"]["total"] is not None


OBJECT_PAGE: dict[str, NewProbe] = {
    "limit": lists(1, ["M"]),
    "page_size": lists(1, ["M"]),
    "offset": lists(1, ["Fury", "Spione"]),
    "page": lists(2, []),
    "include_total": checked_by(_check_include_total, "supported: fills the totals"),
    "cursor": lists(_cursor, ["Spione"]),
    "next_cursor": lists(_cursor, ["Spione"]),
    "after": lists(_cursor, ["Spione"]),
}
AUTO_PROCESS = checked_by(_check_auto_process, "supported: the objects are submitted in a batch")

OBJECT_PROBES: dict[str, dict[str, NewProbe]] = {
    "CreateObjectRequest": {
        "key_prefix": shown("lang/m"),
        "blobs": checked_by(_check_blobs, "supported: shown in the response"),
        "skip_duplicates": checked_by(_check_skip_duplicates, "supported: returns the object with the same content"),
        "canonicalize_source": checked_by(_check_canonicalize_source, COPIES),
        "force_remirror": checked_by(_check_force_remirror, COPIES_AGAIN),
        "edges": shown([{"type": "sequel_of", "target_object_id": "obj_1"}]),
        "idempotency_key": checked_by(_check_idempotency_key, "supported: returns the object with the same key"),
    },
    "CreateBlobRequest": {
        "property": checked_by(
            _check_blob_property, "supported: shown; rejected with 422 if the schema has no such field"
        ),
        "type": checked_by(_check_blob_type, "supported: shown; rejected with 422 if the schema has another type"),
        "key_prefix": shown("posters/m"),
        "data": shown({"url": "https://example.com/n.jpg"}, where="properties.url", as_="https://example.com/n.jpg"),
        "upload_id": checked_by(
            _check_upload_id, "supported: the file of a completed upload; objects that name the same upload share it"
        ),
        "checksum": shown("a" * 64, where="details.hash", as_="sha256:" + "a" * 64),
        "metadata": checked_by(_check_blob_metadata, "supported: shown at the root of the object"),
        "canonicalize_source": checked_by(_check_canonicalize_source, COPIES),
        "force_remirror": checked_by(_check_force_remirror, COPIES_AGAIN),
    },
    "EdgeModel": {
        "type": shown("remake_of"),
        "target_object_id": shown("obj_2"),
        "target_collection_id": shown("col_1"),
        "direction": shown("in"),
        "attributes": shown({"a": [1, None]}),
    },
    "CreateObjectsBatchRequest": {"objects": checked_by(_check_rows, "supported: each row has its own result")},
    "UpdateObjectRequest": {
        "key_prefix": shown("lang/m"),
        "metadata": checked_by(
            _check_put_metadata,
            "supported: each key is set in the object's `metadata` if `metadata` has the key, otherwise at the root",
        ),
        "skip_duplicates": checked_by(
            _check_put_skip_duplicates, "supported: blobs with the same content are not replaced"
        ),
    },
    "PatchObjectRequest": {
        "key_prefix": shown("lang/m"),
        "skip_duplicates": checked_by(
            _check_patch_skip_duplicates, "accepted without effect: a PATCH request has no blobs"
        ),
    },
    "ListObjectsRequest": {
        "filters": lists({"AND": [TITLE_FILTER]}, ["Fury"]),
        "sort": lists({"field": "title"}, ["Fury", "M", "Spione"]),
        "search": lists("SPIO*E", ["Spione"]),
        "select": checked_by(_check_select, "supported: only these fields and the ids are shown"),
        "return_presigned_urls": checked_by(
            _check_presigned_urls_in_list, "supported: stored blobs have a download URL"
        ),
    },
    "SortOption": {
        "field": lists("created_at", TITLES),
        "direction": lists("desc", ["Spione", "M", "Fury"]),
    },
    "LogicalOperatorInput": {
        "AND": lists([TITLE_FILTER], ["Fury"]),
        "OR": lists([TITLE_FILTER, {"title": "m"}], ["M", "Fury"]),
        "NOT": lists([TITLE_FILTER], ["M", "Spione"]),
        "case_sensitive": checked_by(_check_case_sensitive, "supported: changes the selection of rows"),
    },
    "FilterCondition": {
        "field": lists("key_prefix", []),
        "operator": lists("ne", ["M", "Spione"]),
        "value": lists("m", ["M"]),
    },
    "DynamicValue": {
        name: checked_by(_check_dynamic_value, "rejected: 422, because dynamic values are not supported")
        for name in ("type", "field")
    },
    "BulkSoftDeleteRequest": {
        "object_ids": checked_by(_check_object_ids, "supported: these objects are soft-deleted and counted"),
        "reason": _stored_on_soft_delete("reason", "licence ended"),
        "lifecycle_state": _stored_on_soft_delete("state", "archived"),
        "source": _stored_on_soft_delete("source", "cleaning"),
    },
    "query of create_object_buckets": {
        "policy": checked_by(_check_policy, "supported: insert, update or upsert, if the bucket has a unique key"),
        "auto_process": AUTO_PROCESS,
    },
    "query of create_objects_batch_buckets": {"auto_process": AUTO_PROCESS},
    "query of get_object_buckets": {
        "return_presigned_urls": checked_by(_check_presigned_urls, "supported: stored blobs have a download URL"),
        "include_document_count": checked_by(
            _check_document_count, "supported: `document_count` is null if it is false"
        ),
    },
    "query of list_objects_buckets": OBJECT_PAGE,
    "query of list_objects_get_buckets": OBJECT_PAGE,
}
