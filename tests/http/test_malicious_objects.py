"""Malicious objects, object ids and files are rejected with the right error type, or stored unchanged."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.http.operation import Operation
from tests.http.envelopes import assert_envelope, header
from tests.http.operations import JSON, OPERATIONS, assert_sane, body_of, each, path_of
from tests.http.test_malicious_bodies import STORED, VALUES
from tests.support.api import Api, ApiResponse
from tests.support.objects import POSTER, create_object_bucket, objects, text
from tests.support.world import World

ONE_OBJECT = [operation for operation in OPERATIONS if "{object_identifier}" in operation.path]
IDS = [
    "x" * 3_000,
    "obj_" + "x" * 1_020,
    "obj_" + "x" * 1_021,
    quote("\N{SNOWMAN}" * 1_000),
    "%00",
    "obj_%00",
    "%ED%A0%80",
    "%F0%9F",
    "%E9",
    "..",
    ".",
    "%2e%2e",
    "%2F",
    "a%2Fb",
    "%20",
    "%",
    "%zz",
    "*",
    "%23TALLY",
    "obj_" + "0" * 25,
    "OBJ_" + "0" * 26,
    "%0d%0aX-Evil:%201",
    "null",
    "~!@$&()_=,.;:",
]


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


@each(ONE_OBJECT)
def test_an_unusual_object_id_is_not_found(posters: Api, operation: Operation) -> None:
    for object_id in IDS:
        path = path_of(operation, object_id=object_id)
        reply = posters.call(operation.method, path, body_of(operation))
        assert_envelope(reply, 404, "NotFoundError")
        assert header(reply, "X-Evil") is None
        assert len(reply.text) < 20_000


def test_a_bulk_soft_delete_accepts_any_text_as_an_id_and_counts_existing_objects_only(api: Api, bucket: str) -> None:
    ids = ["", " ", "\x00", "..", "x" * 3_000, "\N{SNOWMAN}" * 400, "#", "obj_"]
    reply = api.post(f"{objects(bucket)}/bulk-soft-delete", {"object_ids": ids, "reason": ""})
    assert reply.json == {"soft_deleted": 0, "requested": len(ids), "collections": 0}
    for wrong in ([], [1], [None], "obj_1", {"a": 1}, ["x"] * 5_001):
        reply = api.post(f"{objects(bucket)}/bulk-soft-delete", {"object_ids": wrong, "reason": ""})
        assert_envelope(reply, 422, "ValidationError")


def written(api: Api, bucket: str, raw: bytes) -> list[ApiResponse]:
    """Returns the responses to create, PUT, PATCH and bulk create requests with these fields."""
    made = api.post(objects(bucket), {"title": "M"}).json["object_id"]
    return [
        api.post(objects(bucket), raw),
        api.put(objects(bucket, made), raw),
        api.patch(objects(bucket, made), raw),
        api.post(f"{objects(bucket)}/batch", b'{"objects": [' + raw + b"]}"),
    ]


# Fields that each write rejects, and the type of the reported problem.
FIELDS: dict[str, tuple[bytes, str]] = {
    "NaN": (b'{"a": NaN}', "finite_number"),
    "40 digits": (b'{"a": ' + b"1" * 40 + b"}", "number_too_long"),
    "50 decimals": (b'{"a": 3.14159265358979323846264338327950288419716939937510}', "number_too_precise"),
    "39 digits": (b'{"a": ' + b"1" * 38 + b".5}", "number_too_precise"),
    "1e400": (b'{"a": [1e400]}', "finite_number"),
    "too deep": (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", "json_too_deep"),
    "half a pair": (b'{"a": "\\ud800"}', "string_unicode"),
    "half a pair in a name": (b'{"\\udc00": 1}', "string_unicode"),
    "raw NUL": (b'{"a": "\x00"}', "json_invalid"),
    "a name twice": (b'{"a": 1, "a": 2}', "duplicate_key"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_with_invalid_json_are_rejected_with_their_error_type(api: Api, bucket: str, name: str) -> None:
    raw, type_ = FIELDS[name]
    for reply in written(api, bucket, raw):
        problems = assert_envelope(reply, 422, "ValidationError")["details"]["validation_errors"]
        assert any(problem["type"] == type_ for problem in problems), problems


@pytest.mark.parametrize(
    "name",
    ["_", "__proto__", "_id", "object_id", "bucket_id", "namespace_id", "status", "document_count", "replayed_by"],
)
def test_reserved_names_are_rejected_in_all_writes(api: Api, bucket: str, name: str) -> None:
    *alone, batch = written(api, bucket, json.dumps({name: {"admin": True}}).encode())
    for reply in alone:
        (problem,) = assert_envelope(reply, 422, "ValidationError")["details"]["validation_errors"]
        assert (problem["type"], problem["location"]) == ("reserved_name", ["body", name])
    assert (batch.status, batch.json["succeeded"], batch.json["failed"][0]["object_index"]) == (422, [], 0)


@pytest.mark.parametrize(
    "name", ["Status", "object_id ", "\N{FULLWIDTH LOW LINE}id", "a.b", "$where", "", "constructor"]
)
def test_names_similar_to_reserved_names_are_accepted(api: Api, bucket: str, name: str) -> None:
    made = api.post(objects(bucket), {name: {"admin": True}})
    assert made.status == 200, made.text
    assert api.get(objects(bucket, made.json["object_id"])).json[name] == {"admin": True}


def test_an_object_larger_than_a_row_is_rejected_and_stores_nothing(api: Api, bucket: str, world: World) -> None:
    for fields in ({"a": "x" * 400_000}, {"a": ["\N{SNOWMAN}"] * 90_000}, {str(n): n for n in range(40_000)}):
        *alone, batch = written(api, bucket, json.dumps(fields).encode())
        for reply in alone:
            (problem,) = assert_envelope(reply, 422, "ValidationError")["details"]["validation_errors"]
            assert problem["type"] == "object_too_large"
        assert (batch.status, batch.json["failed_count"]) == (422, 1)
    assert {tuple(row) for row in api.get(objects(bucket)).json["results"] if "a" in row} == set()
    huge = api.post(objects(bucket), {"a": "x" * 400_000, "blobs": [POSTER]})
    assert huge.status == 422
    assert list(world.services.blobs.list_files("")) == []


# Invalid blobs, and the field that the error names.
BLOBS: dict[str, tuple[dict[str, Any], str]] = {
    "more than 5 MB": ({"property": "review", "type": "text", "data": "x" * 5_300_000}, "data"),
    "no base64": ({"data": {"base64": "a*b"}}, "base64"),
    "no bytes": ({"data": {"base64": ""}}, "base64"),
    "a number": ({"data": 1e308}, "data"),
    "a list": ({"data": [[]]}, "data"),
    "an empty object": ({"data": {}}, "data"),
    "two forms": ({"data": {"base64": "YQ==", "url": "https://example.com"}}, "data"),
    "a path": ({"data": {"base64": "YQ==", "filename": "../../etc/passwd"}}, "filename"),
    "a NUL in a name": ({"data": {"base64": "YQ==", "filename": "a\x00.png"}}, "filename"),
    "a header in a type": ({"data": {"base64": "YQ==", "mime_type": "image/png\r\nX-Evil: 1"}}, "mime_type"),
    "a file URL": ({"data": "file:///etc/passwd"}, "data"),
    "another scheme": ({"data": "javascript:alert(1)"}, "data"),
    "a blank in a URL": ({"data": "https://example.com/a b"}, "data"),
    "no host": ({"data": "https:///m.jpg"}, "data"),
    "no port": ({"data": "https://example.com:99999999/m.jpg"}, "data"),
    "a broken address": ({"data": "http://[::1/m.jpg"}, "data"),
    "a long URL": ({"data": "https://example.com/" + "x" * 3_000}, "data"),
    "a long S3 key": ({"data": "s3://bucket/" + "x" * 3_000}, "data"),
    "no such property": ({"property": "__class__"}, "property"),
    "a field that is not a blob field": ({"property": "title", "type": "string"}, "property"),
    "another type": ({"type": "video"}, "type"),
    "a checksum of other content": ({"checksum": "0" * 64}, "checksum"),
    "a long checksum": ({"checksum": "md5:" + "0" * 500}, "checksum"),
    "a long prefix": ({"key_prefix": "x" * 501}, "key_prefix"),
    "metadata that is not an object": ({"metadata": []}, "metadata"),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOBS)
def test_an_invalid_blob_is_rejected_with_its_location_and_stores_nothing(
    api: Api, bucket: str, world: World, name: str
) -> None:
    more, field = BLOBS[name]
    made = api.post(objects(bucket), {"title": "M"}).json["object_id"]
    body = {"blobs": [text(), {**POSTER, **more}]}
    for reply in (api.post(objects(bucket), body), api.put(objects(bucket, made), body)):
        problems = assert_envelope(reply, 422, "ValidationError")["details"]["validation_errors"]
        assert any(problem["location"][:3] == ["body", "blobs", 1] for problem in problems)
        assert any(field in map(str, problem["location"]) for problem in problems)
        assert len(reply.text) < 20_000
    assert list(world.services.blobs.list_files("")) == []
    assert api.get(objects(bucket)).json["stats"]["total_objects"] == 1


def test_more_blobs_than_the_limit_are_rejected(api: Api, bucket: str) -> None:
    reply = api.post(objects(bucket), {"blobs": [text()] * 51})
    assert assert_envelope(reply, 422)["details"]["validation_errors"][0]["location"] == ["body", "blobs"]


LONG = "n" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        {f"_{number}{LONG[:9_000]}": 1 for number in range(100)},
        {"blobs": [{"property": "poster", "type": "image", "data": "x", LONG: 1}]},
        {"blobs": [{"property": "poster", "type": "image", "data": {"base64": "", LONG: 1}}]},
        {"blobs": [{"property": "poster", "type": "image", "data": {"base64": "", "mime_type": LONG}}]},
        {"edges": [{"type": "x", "target_object_id": "y", "direction": LONG}]},
    ],
    ids=["names", "unknown", "data", "mime", "value"],
)
def test_the_size_of_an_error_does_not_depend_on_the_request(api: Api, bucket: str, body: dict[str, Any]) -> None:
    reply = api.post(objects(bucket), body)
    assert_envelope(reply, 422)
    assert len(reply.text) < 150_000
    assert all(len(str(step)) < 300 for problem in reply.json["detail"] for step in problem["loc"])
    rows = api.post(f"{objects(bucket)}/batch", {"objects": [body]})
    assert rows.status == 422
    assert len(rows.text) < 5_000


def test_long_queries_ids_and_filters_are_not_repeated_in_errors(api: Api, bucket: str) -> None:
    replies = [
        api.get(objects(bucket), query={LONG[:9_000]: 1}),
        api.get(objects(bucket, LONG[:9_000])),
        api.post(f"{objects(bucket)}/list", {"filters": {"field": "a", "value": 1, LONG: 1}}),
        api.post(f"{objects(bucket)}/list", {"sort": {"field": "a", LONG: 1}}),
        api.post(f"{objects(bucket)}/list", {LONG: 1}),
    ]
    assert [reply.status for reply in replies] == [422, 404, 422, 422, 422]
    for reply in replies:
        assert_envelope(reply)
        assert len(reply.text) < 6_000


def test_invalid_rows_of_a_bulk_create_are_rejected(api: Api, bucket: str) -> None:
    wrong: list[Any] = [[], [{}] * 101, [1], [None], {}, "a"]
    for rows in wrong:
        assert_envelope(api.post(f"{objects(bucket)}/batch", {"objects": rows}), 422)
    assert api.get(objects(bucket)).json["results"] == []


@pytest.mark.parametrize("policy", ["", "INSERT", "replace", "insert,update", "\x00", "null", "\N{SNOWMAN}"])
def test_an_unknown_policy_is_rejected(api: Api, bucket: str, policy: str) -> None:
    for path in (objects(bucket), f"{objects(bucket)}/batch"):
        reply = api.post(path, {"objects": [{}]} if path.endswith("batch") else {}, query={"policy": policy})
        error = assert_envelope(reply, 422, "ValidationError")
        assert error["details"]["validation_errors"][0]["location"] == ["query", "policy"]


def test_accepted_values_are_returned_unchanged(api: Api, bucket: str) -> None:
    made = api.post(objects(bucket), VALUES).json["object_id"]
    changed = api.post(objects(bucket), {}).json["object_id"]
    assert api.patch(objects(bucket, changed), VALUES).status == 200
    for row in (
        api.get(objects(bucket, made)).json,
        api.get(objects(bucket, changed)).json,
        *api.get(objects(bucket)).json["results"],
    ):
        assert {name: row[name] for name in VALUES} == VALUES


@settings(max_examples=25)
@given(values=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])).map("x".__add__), STORED, max_size=5))
def test_arbitrary_fields_are_returned_unchanged(api: Api, values: dict[str, Any]) -> None:
    bucket = api.get("/v1/buckets/kept").json.get("bucket_id") or create_object_bucket(api, "kept")
    made = api.post(objects(bucket), values)
    assert made.status == 200, made.text
    found = api.get(objects(bucket, made.json["object_id"])).json
    assert json.dumps({name: found[name] for name in values}) == json.dumps(values)


@settings(max_examples=40, derandomize=True)
@given(paths=st.lists(st.sampled_from(["a", "", ".", "a..b", "blobs.0", "a" * 600, "object_id.x"]) | st.text()) | JSON)
def test_an_arbitrary_selection_causes_no_server_error(api: Api, paths: Any) -> None:
    bucket = api.get("/v1/buckets/kept").json.get("bucket_id") or create_object_bucket(api, "kept")
    if not api.get(objects(bucket)).json["results"]:
        api.post(objects(bucket), {"a": {"b": [1]}, "blobs": [text()], "": 1, ".": 2})
    reply = api.post(f"{objects(bucket)}/list", {"select": paths})
    assert_sane(reply)
    if reply.status == 200 and paths:
        assert {"object_id", "bucket_id"} <= set(reply.json["results"][0])


CURSOR_POSITIONS: list[Any] = [
    [],
    ["2026"],
    [1, 2],
    [None, None],
    [True, {}],
    [[], "obj_1"],
    ["", ""],
    ["\x00", "\x00"],
    ["x" * 31, "obj_1"],
    ["2026", "x" * 5_000],
    ["2026-01-01T00:00:00.000Z", "#"],
    ["~", "~"],
    ["2026", "obj_1", "more"],
    {"created_at": "2026"},
    "2026",
]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("more", [{}, {"search": "m"}, {"sort": {"field": "title"}}], ids=["plain", "search", "sorted"])
def test_a_forged_cursor_is_rejected_or_a_position_in_the_same_list(
    api: Api, bucket: str, direction: str, more: dict[str, Any]
) -> None:
    made = {api.post(objects(bucket), {"title": "m"}).json["object_id"] for _ in range(2)}
    sort = {"field": "created_at", **more.get("sort", {}), "direction": direction}
    body = {"limit": 1, **more, "sort": sort}
    cursor = api.post(f"{objects(bucket)}/list", body).json["pagination"]["next_cursor"]
    version, query, _ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for position in CURSOR_POSITIONS:
        forged = base64.urlsafe_b64encode(json.dumps([version, query, position]).encode()).decode().rstrip("=")
        reply = api.post(f"{objects(bucket)}/list", {**body, "cursor": forged})
        assert_sane(reply)
        if reply.status == 200:
            assert {row["object_id"] for row in reply.json["results"]} <= made
        else:
            assert assert_envelope(reply, 400, "BadRequestError")["code"] == "cursor_invalid"
