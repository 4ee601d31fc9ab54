"""Creating buckets: defaults, the order of the checks, and the error cases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.world import SCHEMA, bucket_body

KEY = {"fields": ["title"]}
ADAPTER = {"adapter_type": "mux"}


def count(api: Api) -> int:
    return int(api.get("/v1/namespaces/films").json["bucket_count"])


def test_a_bucket_starts_with_defaults_and_zero_counts(api: Api) -> None:
    reply = api.post("/v1/buckets", {"bucket_name": "posters", "bucket_schema": SCHEMA})

    made = reply.json
    assert reply.status == 200
    assert made["bucket_id"].startswith("bkt_")
    assert made["created_at"] == made["updated_at"]
    assert {**made, "bucket_id": "", "created_at": "", "updated_at": ""} == {
        "bucket_id": "",
        "bucket_name": "posters",
        "description": None,
        "bucket_schema": made["bucket_schema"],
        "unique_key": None,
        "metadata": {},
        "storage_class": None,
        "object_count": 0,
        "total_size_bytes": 0,
        "created_at": "",
        "updated_at": "",
        "last_upload_at": None,
        "stats_updated_at": None,
        "status": "ACTIVE",
        "is_locked": False,
        "batch_stats": {"total": 0, "active": 0, "completed": 0, "failed": 0},
        "storage_stats": dict.fromkeys(("total_size_bytes", "avg_size_bytes", "max_size_bytes", "min_size_bytes"), 0),
        "source_adapter": None,
        "failed_object_count": 0,
        "destination": None,
        "ingest_filter": None,
    }
    assert {name: field["type"] for name, field in made["bucket_schema"]["properties"].items()} == {
        "title": "string",
        "photo": "image",
    }
    assert reply.headers["ETag"] == f'"{reply.json["bucket_id"]}-1-0"'
    assert count(api) == 1


def test_given_values_are_stored_and_returned(api: Api) -> None:
    given: dict[str, Any] = {
        "description": "Old ones",
        "metadata": {"a": [1, 2.5, None, {"b": "ü"}], "": True},
        "storage_class": "archive",
        "unique_key": {"fields": ["title"], "default_policy": "upsert"},
    }

    made = api.post("/v1/buckets", bucket_body(**given)).json

    assert {name: made[name] for name in given} == given
    assert api.get(f"/v1/buckets/{made['bucket_id']}").json == made


@pytest.mark.parametrize("tier", ["standard", "nearline", "coldline", "archive", None])
def test_a_storage_class_is_one_of_four_or_null(api: Api, tier: str | None) -> None:
    assert api.post("/v1/buckets", bucket_body(storage_class=tier)).json["storage_class"] == tier


def test_a_null_counts_as_absent(api: Api) -> None:
    nulls = ("description", "metadata", "unique_key", "source_adapter", "destination", "ingest_filter")

    reply = api.post("/v1/buckets", {**bucket_body(), **dict.fromkeys(nulls)})

    assert (reply.status, reply.json["metadata"], reply.json["unique_key"]) == (200, {}, None)


def test_names_are_unique_within_a_namespace_only(api: Api) -> None:
    api.post("/v1/namespaces", {"namespace_name": "music"})
    first = api.post("/v1/buckets", bucket_body()).json["bucket_id"]

    again = api.post("/v1/buckets", bucket_body())

    assert (again.status, again.error["type"], again.error["code"]) == (409, "AlreadyExistsError", "bucket_name_taken")
    assert again.error["details"]["bucket_id"] == first
    assert count(api) == 1
    other = api.using(namespace="music").post("/v1/buckets", bucket_body())
    assert other.status == 200
    assert other.json["bucket_id"] != first
    assert api.post("/v1/buckets", bucket_body("Posters")).status == 200, "names are exact"


@pytest.mark.parametrize(
    "name", ["x", "x" * 100, "a b", "Ünï 🎬", "a/b", "a#b", "NAME#x", " padded ", "..", "bkt_", "bkt_short", "%41"]
)
def test_a_name_may_be_any_printable_text(api: Api, name: str) -> None:
    made = api.post("/v1/buckets", bucket_body(name))

    assert (made.status, made.json["bucket_name"]) == (200, name)
    assert api.post("/v1/buckets", bucket_body(name)).status == 409


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", "a\x00b", "bkt_0123456789abcdef", None, 5])
def test_an_invalid_name_is_rejected(api: Api, name: Any) -> None:
    reply = api.post("/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA})

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "bucket_name"])


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"bucket_schema": SCHEMA}, ["body", "bucket_name"]),
        ({"bucket_name": "a"}, ["body", "bucket_schema"]),
        (bucket_body(description=5), ["body", "description"]),
        (bucket_body(metadata=[]), ["body", "metadata"]),
        (bucket_body(storage_class="glacier"), ["body", "storage_class"]),
        (bucket_body(bucket_id="bkt_0123456789abcdef"), ["body", "bucket_id"]),
        (bucket_body(is_locked=True), ["body", "is_locked"]),
        (bucket_body(object_count=1), ["body", "object_count"]),
        (bucket_body(unique_key={"fields": []}), ["body", "unique_key", "fields"]),
        (
            bucket_body(unique_key={"fields": ["title"], "default_policy": "merge"}),
            ["body", "unique_key", "default_policy"],
        ),
        (bucket_body(unique_key={"fields": ["nothing"]}), ["body", "unique_key", "fields", 0]),
        (bucket_body(unique_key={"fields": ["title", "photo"]}), ["body", "unique_key", "fields", 1]),
        (
            bucket_body(bucket_schema={"properties": {"a": {"type": "json"}}}),
            ["body", "bucket_schema", "properties", "a", "type"],
        ),
        (bucket_body(source_adapter={"adapter_type": "fax"}), ["body", "source_adapter", "adapter_type"]),
    ],
)
def test_an_invalid_value_is_rejected_with_its_location(api: Api, body: dict[str, Any], location: list[Any]) -> None:
    reply = api.post("/v1/buckets", body)

    assert (reply.status, reply.error["type"]) == (422, "ValidationError")
    assert reply.json["detail"][0]["loc"] == location
    assert reply.error["details"]["validation_errors"][0]["location"] == location
    assert count(api) == 0


def test_the_description_of_a_unique_key_is_stored_and_shown(api: Api) -> None:
    # The example of upstream's reference.
    key = {
        "default_policy": "upsert",
        "description": "Single field, upsert by default (idempotent video ingestion)",
        "fields": ["title"],
    }
    path = f"/v1/buckets/{api.post('/v1/buckets', bucket_body(unique_key=key)).json['bucket_id']}"
    assert api.get(path).json["unique_key"] == key
    assert api.post("/v1/buckets/list", {}).json["results"][0]["unique_key"] == key

    changed = api.patch(path, {"unique_key": {"fields": ["title"], "default_policy": "insert"}}).json["unique_key"]
    assert changed == {**key, "default_policy": "insert"}
    changed = api.put(path, {"unique_key": {"fields": ["title"], "description": "The title"}}).json["unique_key"]
    assert changed == {"fields": ["title"], "default_policy": "insert", "description": "The title"}
    changed = api.patch(path, {"unique_key": {"fields": ["title"], "description": None}}).json["unique_key"]
    assert changed == {"fields": ["title"], "default_policy": "insert"}
    assert api.patch(path, {"unique_key": {"fields": ["title"], "description": 5}}).status == 422


def test_shape_then_unique_key_then_adapter_then_name_are_checked(api: Api) -> None:
    api.post("/v1/buckets", bucket_body())
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"description": 5}, {"description": "x"}, "description"),
        ({"unique_key": {"fields": ["nothing"]}}, {"unique_key": KEY}, "unique_key"),
        (
            {"source_adapter": {**ADAPTER, "field_mapping": {"a": "nothing"}}},
            {"source_adapter": ADAPTER},
            "source_adapter",
        ),
    ]
    body = bucket_body(**{name: value for invalid, _, _ in cases for name, value in invalid.items()})

    for _, valid, field in cases:
        reply = api.post("/v1/buckets", body)
        assert (reply.status, reply.json["detail"][0]["loc"][1]) == (422, field)
        body.update(valid)
    assert api.post("/v1/buckets", body).status == 409


@pytest.mark.parametrize("name", ["destination", "ingest_filter"])
@pytest.mark.parametrize("value", [{"connection_id": "conn_1"}, {}, [], False, "x"])
def test_a_field_that_is_not_enabled_is_rejected_by_name(api: Api, name: str, value: Any) -> None:
    reply = api.post("/v1/buckets", bucket_body(**{name: value}))

    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotEnabledError", {"field": name})
    assert count(api) == 0


def test_a_bucket_too_large_for_a_row_is_rejected(api: Api) -> None:
    assert api.post("/v1/buckets", bucket_body(description="x" * 290_000)).status == 200

    reply = api.post("/v1/buckets", bucket_body("large", description="x" * 310_000))

    assert (reply.status, reply.json["detail"][0]["type"]) == (422, "bucket_too_large")
