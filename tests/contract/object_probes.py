"""The probes of all request fields of the SDK for objects, by model and field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.contract.probes import SEND, WHERE, Body, Probe, ask, checked_by, lists, names_in, rejected, shown
from tests.support.api import Api, ApiResponse
from tests.support.objects import POSTER, SCHEMA, objects, text

Maker = Callable[[str], Probe]
URL_BLOB = {"property": "poster", "type": "image", "data": "https://example.com/m.jpg"}
TITLES = ["M", "Fury", "Spione"]
LEAF = {"field": "title", "operator": "eq", "value": "fury"}
BY_REFERENCE = "accepted without effect: a URL is always stored by reference"


def _path(api: Api, object_id: str = "", *, name: str = "reels", **more: Any) -> str:
    """Returns the path of the objects of a bucket, or of one of them. The bucket is created if it does not exist."""
    if api.get(f"/v1/buckets/{name}").status == 404:
        assert api.post("/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA, **more}).status == 200
    return objects(name, object_id)


def _made(api: Api, body: Body) -> str:
    reply = api.post(_path(api), body)
    assert reply.status == 200, reply.text
    return str(reply.json["object_id"])


def _stocked(api: Api) -> str:
    """Returns the path of the objects of a bucket with three objects, of which the second has a blob."""
    path = _path(api)
    if not api.get(path).json["results"]:
        for title in TITLES:
            _made(api, {"title": title, "blobs": [POSTER] if title == "Fury" else None})
    return path


def _create(api: Api, body: Body) -> ApiResponse:
    return api.post(_path(api), {"title": "M", **body})


def _create_blob(api: Api, body: Body) -> ApiResponse:
    return _create(api, {"blobs": [{**URL_BLOB, **body}]})


def _create_edge(api: Api, body: Body) -> ApiResponse:
    return _create(api, {"edges": [{"type": "sequel_of", "target_object_id": "obj_1", **body}]})


def _change(method: str, api: Api, body: Body) -> ApiResponse:
    made = _made(api, {"title": "M", "metadata": {"lang": "de"}, "blobs": [text("one")]})
    return api.call(method, _path(api, made), body)


def _list(api: Api, body: Body) -> ApiResponse:
    return api.post(f"{_stocked(api)}/list", body)


def _hide(api: Api, body: Body) -> ApiResponse:
    made = _made(api, {"title": "M"})
    return api.post(f"{_path(api)}/bulk-soft-delete", {"object_ids": [made], "reason": "done", **body})


def _query_list(method: str, end: str, api: Api, query: Body) -> ApiResponse:
    return ask(method, _stocked(api) + end, None, api, query)


def _query_create(api: Api, query: Body) -> ApiResponse:
    path = _path(api, name="keyed", unique_key={"fields": ["film_id"], "default_policy": "upsert"})
    return ask("POST", path, {"film_id": "tt1"}, api, query)


def _query_batch(api: Api, query: Body) -> ApiResponse:
    return ask("POST", f"{_path(api)}/batch", {"objects": [{"title": "M"}]}, api, query)


def _query_get(api: Api, query: Body) -> ApiResponse:
    return ask("GET", _path(api, _made(api, {"blobs": [POSTER]})), None, api, query)


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
    "FilterCondition": lambda api, body: _list(api, {"filters": {"AND": [{**LEAF, **body}]}}),
    "DynamicValue": lambda api, body: _list(api, {"filters": {**LEAF, "value": {"type": "dynamic", **body}}}),
    "BulkSoftDeleteRequest": _hide,
    "query of create_object_buckets": _query_create,
    "query of create_objects_batch_buckets": _query_batch,
    "query of get_object_buckets": _query_get,
    "query of list_objects_buckets": partial(_query_list, "POST", "/list"),
    "query of list_objects_get_buckets": partial(_query_list, "GET", ""),
}
SEND.update(OBJECT_SEND)
WHERE.update({"EdgeModel": "edges.0.", "CreateBlobRequest": "blobs.0."})


def _blobs_shown(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"blobs": [URL_BLOB]})
    assert [blob["properties"]["url"] for blob in reply.json["blobs"]] == [URL_BLOB["data"]]


def _same_object(value: Any, api: Api, field: str, body: Body) -> None:
    first, again, other = (_create(api, {**body, **more}).json for more in ({field: value}, {field: value}, {}))
    assert again == first
    assert other["object_id"] != first["object_id"]


def _skips(api: Api, _: str, __: Body) -> None:
    _same_object(True, api, "skip_duplicates", {"blobs": [text()]})


def _repeats(api: Api, _: str, __: Body) -> None:
    _same_object("row-12", api, "idempotency_key", {})


def _by_reference(api: Api, model: str, _: Body) -> None:
    for value in (True, False):
        body = {"canonicalize_source": value}
        reply = SEND[model](api, body if model == "CreateBlobRequest" else {**body, "blobs": [URL_BLOB]})
        assert reply.json["blobs"][0]["properties"]["url"] == URL_BLOB["data"]


def _of_another_property(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"property": "review", "type": "text"})
    assert (reply.json["blobs"][0]["property"], reply.json["blobs"][0]["type"]) == ("review", "text")
    assert "no_such" in SEND[model](api, {"property": "no_such"}).text


def _of_another_type(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"type": "IMAGE"}).json["blobs"][0]["type"] == "image"
    reply = SEND[model](api, {"type": "video"})
    assert (reply.status, reply.error["details"]["validation_errors"][0]["location"][-1]) == (422, "type")


def _upload(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"data": None, "upload_id": "upl_1"})
    assert (reply.status, reply.error["details"]["field"]) == (403, "body.blobs.0.upload_id")
    assert SEND[model](api, {"upload_id": None}).status == 200


def _rises(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"metadata": {"lang": "de"}}).json["lang"] == "de"


def _rows(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"objects": [{"title": "M"}, {"title": 5}]}).json
    assert [row["object_index"] for row in reply["succeeded"]] == [0]
    assert [row["object_index"] for row in reply["failed"]] == [1]


def _merged(api: Api, model: str, _: Body) -> None:
    changed = SEND[model](api, {"metadata": {"lang": "en", "score": 9}}).json
    assert (changed["metadata"], changed["score"]) == ({"lang": "en"}, 9)


def _keeps_same_blobs(api: Api, model: str, _: Body) -> None:
    made = api.post(_path(api), {"blobs": [text()]}).json
    for skip in (True, False):
        changed = api.put(_path(api, made["object_id"]), {"blobs": [text()], "skip_duplicates": skip}).json
        assert (changed["blobs"] == made["blobs"]) is skip


def _nothing_to_skip(api: Api, model: str, _: Body) -> None:
    for skip in (True, False):
        assert SEND[model](api, {"skip_duplicates": skip, "title": "N"}).json["title"] == "N"


def _selected(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"select": ["title"]})
    assert {key for row in reply.json["results"] for key in row} == {"object_id", "bucket_id", "title"}


def _signed_rows(api: Api, model: str, _: Body) -> None:
    for signed in (True, False):
        rows = SEND[model](api, {"return_presigned_urls": signed}).json["results"]
        urls = [blob["presigned_url"] for row in rows for blob in row["blobs"]]
        assert [url is not None for url in urls] == [signed]


def _signed(api: Api, model: str, _: Body) -> None:
    for signed in (True, False):
        (blob,) = SEND[model](api, {"return_presigned_urls": signed}).json["blobs"]
        assert (blob["presigned_url"] is not None) is signed


def _counted(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"include_document_count": True}).json["document_count"] == 0
    assert SEND[model](api, {"include_document_count": False}).json["document_count"] is None


def _minds_case(api: Api, model: str, _: Body) -> None:
    assert names_in(SEND[model](api, {"AND": [LEAF]})) == ["Fury"]
    assert names_in(SEND[model](api, {"AND": [LEAF], "case_sensitive": True})) == []


def _never_dynamic(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"field": "inputs.title"})
    assert (reply.status, "Dynamic values" in reply.text) == (422, True)


def _hidden(api: Api, model: str, _: Body) -> None:
    made = _made(api, {"title": "M"})
    assert SEND[model](api, {"object_ids": [made, made, "obj_none"]}).json["soft_deleted"] == 1
    assert api.get(_path(api, made)).status == 404


def _kept(name: str, value: str) -> Maker:
    def of(field: str) -> Probe:
        def check(api: Api, model: str, _: Body) -> None:
            made = _made(api, {"title": "M"})
            assert SEND[model](api, {"object_ids": [made], field: value}).status == 200
            services, bucket_id = api.services(), api.get("/v1/buckets/reels").json["bucket_id"]
            (deleted,) = (row for row in services.objects.store.walk(bucket_id) if row.object_id == made)
            assert deleted.soft_deleted is not None
            assert deleted.soft_deleted[name] == value

        return Probe("supported: stored with each hidden object", check)

    return of


def _decides(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {"policy": "update"}).error["code"] == "unique_key_absent"
    made = SEND[model](api, {"policy": "insert"}).json["object_id"]
    assert SEND[model](api, {"policy": "insert"}).error["code"] == "unique_key_taken"
    assert SEND[model](api, {"policy": "upsert"}).json["object_id"] == made


def _not_processed(api: Api, model: str, _: Body) -> None:
    reply = SEND[model](api, {"auto_process": True})
    assert (reply.status, reply.error["details"]["field"]) == (403, "auto_process")
    assert SEND[model](api, {"auto_process": False}).status == 200


def _cursor(api: Api) -> str:
    return str(api.post(f"{_stocked(api)}/list", {"limit": 2}).json["pagination"]["next_cursor"])


def _totals(api: Api, model: str, _: Body) -> None:
    assert SEND[model](api, {}).json["pagination"]["total"] is None
    assert SEND[model](api, {"include_total": True}).json["pagination"]["total"] is not None


OBJECT_PAGE: dict[str, Maker] = {
    "limit": lists(1, ["M"]),
    "page_size": lists(1, ["M"]),
    "offset": lists(1, ["Fury", "Spione"]),
    "page": lists(2, []),
    "include_total": checked_by(_totals, "supported: fills the totals"),
    "cursor": lists(_cursor, ["Spione"]),
    "next_cursor": lists(_cursor, ["Spione"]),
    "after": lists(_cursor, ["Spione"]),
}
AUTO_PROCESS = checked_by(_not_processed, "rejected: 403 NotEnabledError that names it")

OBJECT_PROBES: dict[str, dict[str, Maker]] = {
    "CreateObjectRequest": {
        "key_prefix": shown("lang/m"),
        "blobs": checked_by(_blobs_shown, "supported: shown in the response"),
        "skip_duplicates": checked_by(_skips, "supported: returns the object with the same content"),
        "canonicalize_source": checked_by(_by_reference, BY_REFERENCE),
        "force_remirror": rejected(True, 403),
        "edges": shown([{"type": "sequel_of", "target_object_id": "obj_1"}]),
        "idempotency_key": checked_by(_repeats, "supported: returns the object with the same key"),
    },
    "CreateBlobRequest": {
        "property": checked_by(
            _of_another_property, "supported: shown; rejected with 422 if the schema has no such field"
        ),
        "type": checked_by(_of_another_type, "supported: shown; rejected with 422 if the schema has another type"),
        "key_prefix": shown("posters/m"),
        "data": shown({"url": "https://example.com/n.jpg"}, where="properties.url", as_="https://example.com/n.jpg"),
        "upload_id": checked_by(_upload, "rejected: 403 NotEnabledError that names it"),
        "checksum": shown("a" * 64, where="details.hash", as_="sha256:" + "a" * 64),
        "metadata": checked_by(_rises, "supported: shown at the root of the object"),
        "canonicalize_source": checked_by(_by_reference, BY_REFERENCE),
        "force_remirror": rejected(True, 403),
    },
    "EdgeModel": {
        "type": shown("remake_of"),
        "target_object_id": shown("obj_2"),
        "target_collection_id": shown("col_1"),
        "direction": shown("in"),
        "attributes": shown({"a": [1, None]}),
    },
    "CreateObjectsBatchRequest": {"objects": checked_by(_rows, "supported: each row has its own result")},
    "UpdateObjectRequest": {
        "key_prefix": shown("lang/m"),
        "metadata": checked_by(
            _merged,
            "supported: each key is merged into the object's `metadata` if that has the key, else into the root",
        ),
        "skip_duplicates": checked_by(_keeps_same_blobs, "supported: blobs with the same content are not replaced"),
    },
    "PatchObjectRequest": {
        "key_prefix": shown("lang/m"),
        "skip_duplicates": checked_by(
            _nothing_to_skip, "accepted without effect: a PATCH has no blobs that could be skipped"
        ),
    },
    "ListObjectsRequest": {
        "filters": lists({"AND": [LEAF]}, ["Fury"]),
        "sort": lists({"field": "title"}, ["Fury", "M", "Spione"]),
        "search": lists("SPIO*E", ["Spione"]),
        "select": checked_by(_selected, "supported: only these fields and the ids are shown"),
        "return_presigned_urls": checked_by(_signed_rows, "supported: stored blobs have a download URL"),
    },
    "SortOption": {
        "field": lists("created_at", TITLES),
        "direction": lists("desc", ["Spione", "M", "Fury"]),
    },
    "LogicalOperatorInput": {
        "AND": lists([LEAF], ["Fury"]),
        "OR": lists([LEAF, {"title": "m"}], ["M", "Fury"]),
        "NOT": lists([LEAF], ["M", "Spione"]),
        "case_sensitive": checked_by(_minds_case, "supported: changes the selection of rows"),
    },
    "FilterCondition": {
        "field": lists("key_prefix", []),
        "operator": lists("ne", ["M", "Spione"]),
        "value": lists("m", ["M"]),
    },
    "DynamicValue": {
        name: checked_by(_never_dynamic, "rejected: 422, because dynamic values are not supported")
        for name in ("type", "field")
    },
    "BulkSoftDeleteRequest": {
        "object_ids": checked_by(_hidden, "supported: these objects are hidden and counted"),
        "reason": _kept("reason", "licence ended"),
        "lifecycle_state": _kept("state", "archived"),
        "source": _kept("source", "cleaning"),
    },
    "query of create_object_buckets": {
        "policy": checked_by(_decides, "supported: insert, update or upsert, if the bucket has a unique key"),
        "auto_process": AUTO_PROCESS,
    },
    "query of create_objects_batch_buckets": {"auto_process": AUTO_PROCESS},
    "query of get_object_buckets": {
        "return_presigned_urls": checked_by(_signed, "supported: stored blobs have a download URL"),
        "include_document_count": checked_by(_counted, "supported: `document_count` is null if it is false"),
    },
    "query of list_objects_buckets": OBJECT_PAGE,
    "query of list_objects_get_buckets": OBJECT_PAGE,
}
