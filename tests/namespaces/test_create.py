"""Creating namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.world import World

NAMESPACES = "/v1/namespaces"


@pytest.fixture
def api(world: World) -> Api:
    """A client that does not send X-Namespace, which no operation on namespaces requires."""
    return world.api(namespace="")


def test_a_namespace_starts_with_defaults_and_zero_counts(api: Api) -> None:
    made = api.post(NAMESPACES, {"namespace_name": "music"}).json

    assert made["namespace_id"].startswith("ns_")
    assert made["created_at"] == made["updated_at"]
    assert {**made, "namespace_id": "", "created_at": "", "updated_at": ""} == {
        "object": "namespace",
        "namespace_id": "",
        "namespace_name": "music",
        "description": None,
        "namespace_type": "standard",
        "scope": "org",
        "mode": "managed",
        "feature_extractors": [],
        "payload_indexes": [],
        "vector_configs": [],
        "bucket_count": 0,
        "object_count": 0,
        "document_count": 0,
        "collection_count": 0,
        "document_count_complete": True,
        "namespace_ready": True,
        "created_at": "",
        "updated_at": "",
        "expires_at": None,
    }
    assert api.get(f"{NAMESPACES}/music").json == api.get(f"{NAMESPACES}/{made['namespace_id']}").json == made


def test_declarations_are_stored_and_returned(api: Api) -> None:
    declared = {
        "namespace_type": "marketplace",
        "scope": "org",
        "description": "Sounds",
        "feature_extractors": [{"feature_extractor_name": "audio", "version": "v1"}],
        "payload_indexes": [{"field_name": "year", "type": "integer"}],
        "vector_configs": [{"name": "dense", "dimension": 512}],
    }

    made = api.post(NAMESPACES, {"namespace_name": "music", **declared}).json

    assert made["feature_extractors"] == [
        {"feature_extractor_name": "audio", "version": "v1", "feature_extractor_id": "audio_v1"}
    ]
    assert {"field_name": "year", "type": "integer"}.items() <= made["payload_indexes"][0].items()
    assert {"name": "dense", "dimension": 512}.items() <= made["vector_configs"][0].items()
    assert (made["namespace_type"], made["scope"], made["description"]) == ("marketplace", "org", "Sounds")


def test_names_and_ids_are_unique_within_an_organization(world: World, api: Api) -> None:
    given = {"namespace_name": "music", "namespace_id": "ns_mine"}
    assert api.post(NAMESPACES, given).json["namespace_id"] == "ns_mine"

    name = api.post(NAMESPACES, {"namespace_name": "music"})
    assert (name.status, name.error["type"], name.error["code"]) == (
        409,
        "AlreadyExistsError",
        "namespace_name_taken",
    )
    id_ = api.post(NAMESPACES, {**given, "namespace_name": "other"})
    assert (id_.status, id_.error["code"]) == (409, "namespace_id_taken")
    assert api.get(f"{NAMESPACES}/other").status == 404, "a failed creation stores nothing"
    assert api.post(NAMESPACES, {"namespace_name": "other"}).status == 200

    organization = world.services.access.create_organization("Rivals").organization_id
    rival = api.using(key=world.key_for(organization))
    assert rival.post(NAMESPACES, given).status == 200
    assert rival.get(NAMESPACES).json["total_count"] == 1


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({}, ["body", "namespace_name"]),
        ({"namespace_name": "ab"}, ["body", "namespace_name"]),
        ({"namespace_name": "x" * 65}, ["body", "namespace_name"]),
        ({"namespace_name": "   "}, ["body", "namespace_name"]),
        ({"namespace_name": " music"}, ["body", "namespace_name"]),
        ({"namespace_name": "music\u00a0"}, ["body", "namespace_name"]),
        ({"namespace_name": "mu\nsic"}, ["body", "namespace_name"]),
        ({"namespace_name": "music", "namespace_id": "a b"}, ["body", "namespace_id"]),
        ({"namespace_name": "music", "mode": "both"}, ["body", "mode"]),
        ({"namespace_name": "music", "ttl_seconds": 59}, ["body", "ttl_seconds"]),
        ({"namespace_name": "music", "color": "red"}, ["body", "color"]),
        ({"namespace_name": "music", "vector_configs": [{"name": "a"}]}, ["body", "vector_configs", 0, "dimension"]),
    ],
)
def test_an_invalid_field_is_reported_with_its_location(api: Api, body: dict[str, Any], location: list[Any]) -> None:
    reply = api.post(NAMESPACES, body)

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, location)


@pytest.mark.parametrize(
    "field",
    ["features", "auto_create_indexes", "adaptive_indexing", "infrastructure", "trusted_issuers", "tiering"],
)
def test_an_unsupported_field_is_rejected_unless_it_is_empty(api: Api, field: str) -> None:
    reply = api.post(NAMESPACES, {"namespace_name": "music", field: {"a": 1}})

    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotEnabledError", {"field": field})
    empty_values: tuple[Any, ...] = (None, {}, [])
    for empty in empty_values:
        made = api.post(NAMESPACES, {"namespace_name": f"music {empty}", field: empty})
        assert made.status == 200


@pytest.mark.parametrize("value", [0, "", "no", 1, True, [None], {"a": None}])
@pytest.mark.parametrize("field", ["features", "adaptive_indexing", "infrastructure", "trusted_issuers"])
def test_only_null_and_empty_containers_are_accepted_in_unsupported_fields(api: Api, field: str, value: Any) -> None:
    reply = api.post(NAMESPACES, {"namespace_name": "music", field: value})

    assert (reply.status, reply.error["details"]) == (403, {"field": field})
    assert api.get(f"{NAMESPACES}/music").status == 404


def test_false_is_accepted_in_unsupported_switches_only(api: Api) -> None:
    for field in ("auto_create_indexes", "adaptive_indexing"):
        assert api.post(NAMESPACES, {"namespace_name": field, field: False}).status == 200
    for field in ("repair_vectors", "pinned", "auto_create_indexes"):
        assert api.patch(f"{NAMESPACES}/films", {field: False}).status == 200
    for field in ("features", "infrastructure", "spend_budget"):
        reply = api.post(NAMESPACES, {"namespace_name": "music", field: False})
        assert (reply.status, reply.error["details"]) == (403, {"field": field})


def test_the_id_of_a_standalone_namespace_is_its_default_name(api: Api) -> None:
    made = api.post(f"{NAMESPACES}/standalone", {"namespace_id": "ns_alone"}).json
    named = api.post(f"{NAMESPACES}/standalone", {"namespace_name": "named", "vector_configs": []}).json

    assert (made["namespace_name"], made["mode"]) == ("ns_alone", "standalone")
    assert (named["namespace_name"], named["mode"]) == ("named", "standalone")
    nameless = api.post(f"{NAMESPACES}/standalone", {})
    assert (nameless.status, nameless.json["detail"][0]["loc"]) == (422, ["body", "namespace_name"])


def test_an_unknown_namespace_is_not_found(api: Api) -> None:
    for reply in (
        api.get(f"{NAMESPACES}/none"),
        api.patch(f"{NAMESPACES}/none", {}),
        api.put(f"{NAMESPACES}/{'x' * 200}", {}),
    ):
        assert (reply.status, reply.error["type"], reply.error["message"]) == (
            404,
            "NotFoundError",
            "Namespace not found",
        )
        assert reply.error["details"]["resource"] == "namespace"
