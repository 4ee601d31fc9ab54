"""Whether a field has a value, and which: at the root, else in the object's `metadata`, else the default."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.buckets.bucket import Bucket, new_bucket
from chalicelib.buckets.settings import BucketSettings
from chalicelib.core.errors import RequestInvalid
from chalicelib.objects.errors import UniqueKeyChange
from chalicelib.objects.identity import id_of_unique_key, read_unique_key
from chalicelib.objects.models import CreateObjectRequest, PatchObjectRequest, UpdateObjectRequest
from chalicelib.objects.nested_fields import field_value
from chalicelib.objects.new_object import complete_values, key_fields, read_new, stored_object
from chalicelib.objects.overwrite import overwrite
from chalicelib.objects.stored_object import StoredObject
from chalicelib.objects.update import apply_change
from chalicelib.objects.views import show
from chalicelib.schemas.unique_key import StoredUniqueKey
from tests.support.api import Api
from tests.support.blobs import no_upload
from tests.support.objects import create, created, listed, objects, text

SCHEMA: dict[str, Any] = {
    "properties": {
        "k": {"type": "string", "default": "dflt"},
        "state": {"type": "string", "default": "draft", "required": True, "enum": ["draft", "live"]},
        "take": {"type": "integer"},
        "review": {"type": "text"},
    }
}


def create_bucket(api: Api, schema: dict[str, Any] = SCHEMA, **more: Any) -> str:
    reply = api.post("/v1/buckets", {"bucket_name": "films", "bucket_schema": schema, **more})
    assert reply.status == 200, reply.text
    return str(reply.json["bucket_id"])


@pytest.fixture
def bucket(api: Api) -> str:
    return create_bucket(api)


@pytest.fixture
def keyed(api: Api) -> str:
    return create_bucket(api, unique_key={"fields": ["k"], "default_policy": "upsert"})


def test_a_default_does_not_replace_a_unique_key_in_metadata(api: Api, keyed: str) -> None:
    nested = created(api, keyed, {"metadata": {"k": "1"}})
    assert "k" not in nested
    default = created(api, keyed, {"k": "dflt"})
    assert default["object_id"] != nested["object_id"]
    assert created(api, keyed, {"k": "1"})["object_id"] == nested["object_id"]
    assert listed(api, keyed, {"filters": {"k": "dflt"}}) == [default]


def test_a_default_does_not_replace_a_value_in_metadata(api: Api, bucket: str) -> None:
    made = created(api, bucket, {"metadata": {"state": "live"}})
    assert ("state" in made, made["metadata"], made["k"]) == (False, {"state": "live"}, "dflt")


@pytest.mark.parametrize("metadata", [None, {}, {"state": None}, "text"])
def test_a_default_is_set_if_metadata_has_no_value(api: Api, bucket: str, metadata: Any) -> None:
    made = created(api, bucket, {"metadata": metadata})
    assert (made["state"], made["metadata"]) == ("draft", metadata)


def test_a_value_in_metadata_that_replaces_a_default_must_conform_to_the_schema(api: Api, bucket: str) -> None:
    reply = create(api, bucket, {"metadata": {"k": 5, "take": "not checked"}})
    assert reply.status == 422
    [problem] = reply.error["details"]["validation_errors"]
    assert problem["location"] == ["body", "metadata", "k"]


def test_a_bucket_that_declares_metadata_reads_fields_there_too(api: Api) -> None:
    schema = {
        "properties": {
            **SCHEMA["properties"],
            "title": {"type": "string", "required": True},
            "metadata": {"type": "object"},
        }
    }
    bucket = create_bucket(api, schema, unique_key={"fields": ["k"], "default_policy": "upsert"})
    made = created(api, bucket, {"metadata": {"k": "1", "title": "M", "state": "live"}})
    assert not {"k", "title", "state"} & made.keys()
    assert created(api, bucket, {"k": "1"})["object_id"] == made["object_id"]


def test_filters_and_sorts_find_declared_fields_in_metadata(api: Api, bucket: str) -> None:
    nested = created(api, bucket, {"metadata": {"state": "live", "take": 2, "other": "x"}})
    both = created(api, bucket, {"state": "live", "take": 1, "metadata": {"state": "draft", "take": 9}})
    default = created(api, bucket, {"take": 3})

    assert listed(api, bucket, {"filters": {"state": "live"}}) == [nested, both]
    assert listed(api, bucket, {"filters": {"state": "draft"}}) == [default]
    assert listed(api, bucket, {"filters": {"field": "take", "operator": "gte", "value": 2}}) == [nested, default]
    assert listed(api, bucket, {"filters": {"metadata.state": "live"}}) == [nested]
    assert listed(api, bucket, {"filters": {"other": "x"}}) == []
    by_take = {"sort": {"field": "take", "direction": "asc"}, "limit": 1}
    assert listed(api, bucket, by_take) == [both, nested, default]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_removing_a_field_shows_the_value_in_metadata_and_not_the_default(api: Api, bucket: str, method: str) -> None:
    made = created(api, bucket, {"k": "1", "metadata": {"k": "2"}})
    changed = api.call(method, objects(bucket, made["object_id"]), {"k": None}).json
    assert ("k" in changed, changed["metadata"]) == (False, {"k": "2"})


@pytest.mark.parametrize(
    ("method", "metadata"), [("PUT", {"state": None}), ("PATCH", {"x": 1}), ("PATCH", None), ("PATCH", {"state": None})]
)
def test_removing_a_value_from_metadata_restores_the_default(api: Api, bucket: str, method: str, metadata: Any) -> None:
    made = created(api, bucket, {"metadata": {"state": "live"}})
    changed = api.call(method, objects(bucket, made["object_id"]), {"metadata": metadata})
    assert (changed.status, changed.json["state"]) == (200, "draft")


def test_a_later_value_in_metadata_replaces_the_default_and_no_other_value(api: Api, bucket: str) -> None:
    made = created(api, bucket)
    changed = api.patch(objects(bucket, made["object_id"]), {"metadata": {"state": "live"}}).json
    assert "state" not in changed
    explicit = created(api, bucket, {"state": "live"})
    changed = api.patch(objects(bucket, explicit["object_id"]), {"metadata": {"state": "draft"}}).json
    assert changed["state"] == "live"
    both = created(api, bucket, {"state": "draft", "metadata": {"state": "live"}})
    changed = api.patch(objects(bucket, both["object_id"]), {"metadata": {"state": "live", "x": 1}}).json
    assert changed["state"] == "draft"


def test_the_metadata_of_a_file_does_not_replace_a_declared_field_in_metadata(api: Api, keyed: str) -> None:
    file = {**text(), "metadata": {"state": "draft", "take": 7}}
    body = {"k": "1", "metadata": {"state": "live"}}
    made = created(api, keyed, body)
    changed = created(api, keyed, {"k": "1", "blobs": [file]})
    assert ("state" in changed, changed["take"]) == (False, 7)
    changed = api.put(objects(keyed, made["object_id"]), {"blobs": [file]}).json
    assert "state" not in changed


NAMES = ["a", "b", "c"]
VALUES: Any = st.sampled_from([None, "", "x", "y", 0, 1, 1.0, True, [], {}])
DEFAULTS = {"string": "x", "number": 1, "boolean": True, "integer": 1}
FIELDS = st.builds(
    lambda type_, has_default, required: {
        "type": type_,
        "required": required,
        **({"default": DEFAULTS[type_]} if has_default else {}),
    },
    st.sampled_from(list(DEFAULTS)),
    st.booleans(),
    st.booleans(),
)
DECLARED = st.dictionaries(st.sampled_from(NAMES), FIELDS, min_size=1)
SCHEMAS = st.builds(
    lambda fields, metadata: {"properties": {**fields, **({"metadata": metadata} if metadata else {})}},
    DECLARED,
    st.none()
    | st.just({"type": "object"})
    | st.builds(lambda members: {"type": "object", "properties": members}, DECLARED)
    | st.just({"type": "object", "default": {"a": "x"}}),
)
SENT = st.builds(
    lambda root, metadata: {**root, **({} if metadata is Ellipsis else {"metadata": metadata})},
    st.dictionaries(st.sampled_from(NAMES), VALUES),
    st.just(Ellipsis) | st.none() | st.just("text") | st.dictionaries(st.sampled_from(NAMES), VALUES),
)
CHANGES = st.lists(st.tuples(st.sampled_from(["POST", "PUT", "PATCH"]), SENT), max_size=3)


def bucket_with(schema: dict[str, Any]) -> Bucket:
    fields = schema["properties"]
    key = [name for name in NAMES if name in fields and fields[name]["type"] != "boolean"][:2]
    unique_key: StoredUniqueKey = {"fields": key, "default_policy": None}
    return new_bucket("bkt_1", "films", BucketSettings(schema=schema, unique_key=unique_key), "2026-01-01")


def new(bucket: Bucket, sent: dict[str, Any]) -> StoredObject:
    requested = read_new(CreateObjectRequest(**sent), bucket, no_upload)
    object_id = id_of_unique_key(bucket.bucket_id, requested.unique_key)
    values = complete_values(requested, bucket)
    return stored_object(
        requested, bucket, partition="p", object_id=object_id, values=values, blobs=(), now="2026-01-01", mark="m"
    )


def changed(old: StoredObject, method: str, sent: dict[str, Any], bucket: Bucket) -> StoredObject:
    if method == "POST":
        requested = read_new(CreateObjectRequest(**sent), bucket, no_upload)
        if id_of_unique_key(bucket.bucket_id, requested.unique_key) != old.object_id:
            return old
        return overwrite(old, requested, bucket, ())
    model = UpdateObjectRequest if method == "PUT" else PatchObjectRequest
    return apply_change(old, model(**sent), bucket, (), ())


@given(SCHEMAS, SENT, CHANGES)
@example({"properties": {"a": {"type": "string", "default": "x"}}}, {"metadata": {"a": "y"}}, [])
@example(
    {"properties": {"a": {"type": "string", "default": "x"}}},
    {"metadata": {"a": "y"}},
    [("PATCH", {"a": "y"}), ("PATCH", {"a": None})],
)
def test_the_identity_of_a_response_is_the_identity_of_the_object(
    schema: dict[str, Any], sent: dict[str, Any], changes: list[tuple[str, dict[str, Any]]]
) -> None:
    bucket = bucket_with(schema)
    key = key_fields(bucket)
    if not key:
        return
    try:
        stored = new(bucket, sent)
    except (RequestInvalid, ValueError):
        return
    states = [stored]
    for method, body in changes:
        with suppress(RequestInvalid, UniqueKeyChange, ValueError):
            states.append(changed(states[-1], method, body, bucket))
    for state in states:
        assert id_of_unique_key(bucket.bucket_id, read_unique_key(key, show(state), schema)) == stored.object_id
        for name, field in schema["properties"].items():
            if field.get("required") or field.get("default") is not None:
                assert field_value(state.values, name) is not None
