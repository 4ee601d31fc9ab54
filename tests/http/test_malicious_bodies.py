"""Malicious bodies are rejected with the right error type, or stored unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.http.operation import Operation
from tests.http.envelopes import assert_envelope
from tests.http.operations import JSON, OPEN, WITH_BODY, assert_sane, each, send
from tests.support.api import Api
from tests.support.world import bucket_body

DEEP = 100_000

# Bodies that each operation rejects, and the type of the reported problem.
BODIES: dict[str, tuple[bytes, str]] = {
    "deep arrays": (b"[" * DEEP + b"]" * DEEP, "json_too_deep"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "json_too_deep"),
    "deep inside": (b'{"metadata":' + b"[" * 65 + b"]" * 65 + b"}", "json_too_deep"),
    "endless": (b"[" * DEEP, "json_"),
    "NaN": (b'{"metadata": {"a": NaN}}', "finite_number"),
    "Infinity": (b'{"metadata": {"a": [-Infinity]}}', "finite_number"),
    "1e400": (b'{"limit": 1e400}', "finite_number"),
    "40 digits": (b'{"offset": ' + b"1" * 40 + b"}", "number_too_long"),
    "5000 digits": (b'{"a": -' + b"1" * 5000 + b"}", "number_too_long"),
    "key twice": (b'{"search": "a", "search": "b"}', "duplicate_key"),
    "key twice, deep": (b'{"metadata": {"a": [{"b": 1, "\\u0062": 2}]}}', "duplicate_key"),
    "raw surrogate": (b'{"search": "\xed\xa0\x80"}', "json_invalid"),
    "escaped surrogate": (b'{"search": "\\ud800"}', "string_unicode"),
    "surrogate in a key": (b'{"\\udc00": 1}', "string_unicode"),
    "raw NUL": (b'{"search": "\x00"}', "json_invalid"),
    "latin 1": ('{"search": "é"}'.encode("latin-1"), "json_invalid"),
    "UTF-16": ('{"search": "a"}'.encode("utf-16"), "json_invalid"),
    "byte order mark": (b"\xef\xbb\xbf{}", "json_invalid"),
    "two values": (b"{}{}", "json_invalid"),
    "a comment": (b"{} // no", "json_invalid"),
    "array": (b"[]", "model_type"),
    "null": (b"null", "model_type"),
    "text": (b'"{}"', "model_type"),
    "random bytes": (bytes(range(256)), "json_invalid"),
}
UNDECLARED = b'{"__proto__": {"admin": true}}'


@each(WITH_BODY)
def test_a_malicious_body_is_rejected_with_its_error_type(posters: Api, operation: Operation) -> None:
    undeclared = "reserved_name" if operation in OPEN else "extra_forbidden"
    for name, (raw, type_) in {**BODIES, "prototype": (UNDECLARED, undeclared)}.items():
        error = assert_envelope(send(posters, operation, raw), 422, "ValidationError")
        types = [problem["type"] for problem in error["details"]["validation_errors"]]
        assert any(found.startswith(type_) for found in types), (name, types)


@each(WITH_BODY)
def test_the_size_of_a_body_is_limited(posters: Api, operation: Operation) -> None:
    body = b'{"search": "' + b"x" * operation.max_body_bytes + b'"}'
    assert_envelope(send(posters, operation, body), 413, "PayloadTooLargeError")
    below_limit = b'{"a": [' + b'"",' * (operation.max_body_bytes // 3 - 10) + b'""]}'
    assert_envelope(send(posters, operation, below_limit), 422)


@each(WITH_BODY)
@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "a", "/", "é"]
)
def test_a_body_with_another_content_type_is_rejected(api: Api, operation: Operation, media_type: str) -> None:
    reply = send(api, operation, b'{"search": "a"}', headers={"Content-Type": media_type})
    assert_envelope(reply, 415, "UnsupportedMediaTypeError")


@each(WITH_BODY)
@settings(max_examples=40)
@given(raw=st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0d1e9.-+ nulltrefas', max_size=60).map(str.encode))
def test_arbitrary_bytes_cause_no_server_error(api: Api, operation: Operation, raw: bytes) -> None:
    assert_sane(send(api, operation, raw))


@each(WITH_BODY)
@settings(max_examples=25, derandomize=True)
@given(data=st.data())
def test_arbitrary_json_in_any_field_causes_no_server_error(
    posters: Api, operation: Operation, data: st.DataObject
) -> None:
    assert operation.body is not None
    names = sorted(operation.body().model_fields)
    assert_sane(send(posters, operation, data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=4))))


def schema_of(count: int, **field: Any) -> dict[str, Any]:
    return {"properties": {f"field_{number}": {"type": "string", **field} for number in range(count)}}


def nested(levels: int, key: str) -> dict[str, Any]:
    field: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        field = {"type": "array", "items": field} if key == "items" else {"type": "object", "properties": {"a": field}}
    return {"properties": {"a": field}}


SCHEMAS: dict[str, tuple[dict[str, Any], str]] = {
    "400 KB": (schema_of(400, description="x" * 1_000), "schema_too_large"),
    "one description of 400 KB": (schema_of(1, description="x" * 400_000), "schema_too_large"),
    "501 fields": (schema_of(501), "too_many_fields"),
    "20000 fields": (schema_of(20_000), "too_many_fields"),
    "11 levels of objects": (nested(11, "properties"), "schema_too_deep"),
    "11 levels of arrays": (nested(11, "items"), "schema_too_deep"),
    "501 enum values": (schema_of(1, enum=[str(n) for n in range(501)]), "too_long"),
    "long field name": ({"properties": {"x" * 101: {"type": "string"}}}, "too_long"),
    "no field name": ({"properties": {"": {"type": "string"}}}, "too_short"),
    "unknown type": ({"properties": {"a": {"type": "str\N{LATIN SMALL LETTER DOTLESS I}ng"}}}, "enum"),
    "Kelvin": ({"properties": {"a": {"type": "\N{KELVIN SIGN}"}}}, "enum"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_beyond_the_limits_is_rejected(posters: Api, name: str) -> None:
    schema, type_ = SCHEMAS[name]
    for reply in (
        posters.post("/v1/buckets", bucket_body("big", bucket_schema=schema)),
        posters.put("/v1/buckets/posters", {"bucket_schema": schema}),
        posters.patch("/v1/buckets/posters", {"bucket_schema": schema}),
    ):
        problem = assert_envelope(reply, 422, "ValidationError")["details"]["validation_errors"][0]
        assert problem["type"] == type_
        assert problem["location"][:2] == ["body", "bucket_schema"]
        assert len(reply.text) < 100_000
    assert posters.get("/v1/buckets/posters").json["bucket_schema"] == bucket_body()["bucket_schema"]


def test_the_largest_schemas_are_stored_unchanged(api: Api) -> None:
    for name, schema in {"wide": schema_of(500), "tall": nested(10, "properties"), "long": nested(10, "items")}.items():
        assert api.post("/v1/buckets", bucket_body(name, bucket_schema=schema)).status == 200
        assert api.get(f"/v1/buckets/{name}").json["bucket_schema"] == schema


def test_metadata_larger_than_a_row_is_rejected(posters: Api) -> None:
    for metadata in ({"a": "x" * 400_000}, {"a": ["\N{SNOWMAN}"] * 90_000}, {str(n): n for n in range(40_000)}):
        reply = posters.patch("/v1/buckets/posters", {"metadata": metadata})
        problem = assert_envelope(reply, 422)["details"]["validation_errors"][0]
        assert problem["type"] == "bucket_too_large"


VALUES: dict[str, Any] = {
    "escapes": "\x00\x01\x1f\x7f\x80\x9f\u2028\u2029\ufeff\uffff\\\"'/<script>",
    "astral": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0010ffff",
    "": {"": [None, True, False, 0, -1, 1.5, 1e308, 5e-324, -0.5, {"": []}]},
    "38 digits": [10**38 - 1, -(10**38 - 1)],
    "\x00": "\x00",
    "é": "NFC",
    "e\u0301": "NFD",
    "a.b": {"$where": "1", "#": ":", "__class__": "x"},
    "deep": json.loads('{"a":' * 40 + "[]" + "}" * 40),
    "key_" * 1_000: 1,
}


def test_accepted_values_are_returned_unchanged(posters: Api) -> None:
    sent = bucket_body("other", metadata=VALUES, description=VALUES["escapes"])
    assert posters.post("/v1/buckets", sent).status == 200
    assert posters.patch("/v1/buckets/posters", {"metadata": VALUES, "description": VALUES["escapes"]}).status == 200
    for name in ("other", "posters"):
        found = posters.get(f"/v1/buckets/{name}").json
        assert found["metadata"] == VALUES
        assert list(found["metadata"]) == list(VALUES)
        assert found["description"] == VALUES["escapes"]
    listed = posters.get("/v1/buckets").json["results"]
    assert [row["metadata"] for row in listed] == [VALUES, VALUES]


STORED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38) + 1, 10**38 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=15,
)


@settings(max_examples=40)
@given(metadata=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), STORED, max_size=5))
def test_arbitrary_metadata_is_returned_unchanged(api: Api, metadata: dict[str, Any]) -> None:
    if api.get("/v1/buckets/kept").status == 404:
        assert api.post("/v1/buckets", bucket_body("kept")).status == 200
    assert api.patch("/v1/buckets/kept", {"metadata": metadata}).status == 200
    found = api.get("/v1/buckets/kept").json["metadata"]
    assert json.dumps(found) == json.dumps(metadata)
