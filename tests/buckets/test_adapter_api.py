"""The source adapter of a bucket in the API: its URL, its secret, its credentials and its sources."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.api import create_app
from chalicelib.wiring import build
from tests.support.api import Api, ApiResponse
from tests.support.world import World, adapter_with_sources, bucket_body

PATH = "/v1/buckets/posters"
MUX: dict[str, Any] = {"adapter_type": "mux"}


def adapter(reply: ApiResponse) -> dict[str, Any]:
    assert reply.status == 200, reply.text
    return dict(reply.json["source_adapter"])


def test_defaults_are_filled_in(api: Api) -> None:
    shown = adapter(api.post("/v1/buckets", bucket_body(source_adapter=MUX)))

    assert shown["enabled"] is True
    assert shown["field_mapping"] == {}
    assert shown["batching"] == {
        "mode": "time_window",
        "window_seconds": 30,
        "max_batch_size": 100,
        "auto_submit": True,
    }
    assert shown["blob_source"] is shown["connection"] is shown["event_filter"] is None


@pytest.mark.parametrize("given", [None, "my-own-webhook-secret"])
def test_a_secret_is_shown_by_the_write_that_sets_it_and_never_again(api: Api, given: str | None) -> None:
    first = adapter(api.post("/v1/buckets", bucket_body(source_adapter={**MUX, "webhook_secret": given})))[
        "webhook_secret"
    ]

    assert first == given or (given is None and first.startswith("whsec_"))
    later = [
        api.get(PATH),
        api.patch(PATH, {"description": "x"}),
        api.put(PATH, {"description": "y"}),
        api.patch(PATH, {"source_adapter": {**MUX, "webhook_secret": "redacted"}}),
    ]
    assert [adapter(reply)["webhook_secret"] for reply in later] == ["redacted"] * 4
    listed = api.post("/v1/buckets/list", {}).text + api.get("/v1/buckets").text
    assert first not in listed + "".join(reply.text for reply in later)
    again = adapter(api.patch(PATH, {"source_adapter": MUX}))["webhook_secret"]
    assert again not in (first, "redacted")


def test_redacted_keeps_the_secret_that_is_stored(world: World, api: Api) -> None:
    api.post("/v1/buckets", bucket_body(source_adapter={**MUX, "webhook_secret": "my-own-webhook-secret"}))
    api.patch(PATH, {"source_adapter": {**MUX, "webhook_secret": "redacted", "enabled": False}})

    pages = world.client.get_paginator("scan").paginate(TableName=world.tables.catalog)
    settings = [item["settings"]["S"] for page in pages for item in page["Items"] if "bucket_name" in item]
    assert [json.loads(text)["source_adapter"]["webhook_secret"] for text in settings] == ["my-own-webhook-secret"]


def test_redacted_with_nothing_stored_is_rejected(api: Api) -> None:
    reply = api.post("/v1/buckets", bucket_body(source_adapter={**MUX, "webhook_secret": "redacted"}))

    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "source_adapter", "webhook_secret"])


@pytest.mark.parametrize(
    "filters",
    [
        {"source_adapter.webhook_secret": "my-own-webhook-secret"},
        {"field": "source_adapter.webhook_secret", "operator": "starts_with", "value": "my-"},
        {"field": "source_adapter.webhook_secret", "operator": "regex", "value": "own"},
        {"field": "source_adapter.connection.credentials.token", "operator": "contains", "value": "hidden"},
        {"field": "source_adapter", "operator": "contains", "value": "my-own-webhook-secret"},
    ],
)
def test_no_filter_search_or_sort_reveals_a_secret(api: Api, filters: dict[str, Any]) -> None:
    connection = {"api_base_url": "https://example.com", "credentials": {"token": "hidden-token"}}
    given = {**MUX, "webhook_secret": "my-own-webhook-secret", "connection": connection}
    made = api.post("/v1/buckets", bucket_body(source_adapter=given))

    assert "hidden-token" not in made.text + api.get(PATH).text
    assert adapter(made)["connection"]["credentials"] == {"token": "redacted"}
    assert api.post("/v1/buckets/list", {"filters": filters}).json["total_count"] == 0
    for term in ("my-own", "hidden"):
        assert api.get("/v1/buckets", query={"search": term}).json["total_count"] == 0
    api.post("/v1/buckets", bucket_body("second", source_adapter=given))
    page = api.post("/v1/buckets/list", {"sort": {"field": "source_adapter.webhook_secret"}, "limit": 1}).json
    cursor = base64.urlsafe_b64decode(page["pagination"]["next_cursor"] + "==")
    assert b"redacted" in cursor
    assert b"own" not in cursor


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ({}, ["adapter_type"]),
        ({"adapter_type": "fax"}, ["adapter_type"]),
        ({**MUX, "color": "red"}, ["color"]),
        ({**MUX, "connection_id": "c_1"}, ["connection_id"]),
        ({**MUX, "field_mapping": {"data.x": "nothing"}}, ["field_mapping", "data.x"]),
        ({**MUX, "blob_source": {"file_field": "url", "target_property": "photo"}}, ["blob_source", "blob_type"]),
        ({**MUX, "batching": {"window_seconds": 4}}, ["batching", "window_seconds"]),
        ({**MUX, "webhook_url": "https://example.com/mine"}, ["webhook_url"]),
        ({**MUX, "webhook_secret": "fifteen-letters"}, ["webhook_secret"]),
        ({**MUX, "dedup_key": "jmespath:data["}, ["dedup_key"]),
        ({**MUX, "field_mapping": {"jmespath:a b": "title"}}, ["field_mapping", "jmespath:a b"]),
        ({**MUX, "source_bucket_ids": ["bkt_0000000000000000"]}, ["source_bucket_ids"]),
        ({"adapter_type": "bucket"}, ["source_bucket_ids"]),
        ({"adapter_type": "bucket", "source_bucket_ids": ["bkt_0000000000000000"]}, ["source_bucket_ids", 0]),
    ],
)
def test_an_invalid_value_is_rejected_with_its_location(api: Api, given: dict[str, Any], location: list[Any]) -> None:
    created = api.post("/v1/buckets", bucket_body("new", source_adapter=given))
    api.post("/v1/buckets", bucket_body())
    for reply in (created, api.patch(PATH, {"source_adapter": given})):
        assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["body", "source_adapter", *location])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"adapter_type": "collection", "source_collection_id": "col_1"}, "source_adapter.adapter_type"),
        ({**MUX, "source_filters": {"a": 1}}, "source_adapter.source_filters"),
    ],
)
def test_a_field_that_needs_collections_is_rejected_by_name(api: Api, given: dict[str, Any], field: str) -> None:
    reply = api.post("/v1/buckets", bucket_body(source_adapter=given))

    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotEnabledError", {"field": field})


def test_adapters_that_would_form_a_cycle_are_rejected_with_the_cycle(api: Api) -> None:
    first = api.post("/v1/buckets", bucket_body("first")).json["bucket_id"]
    second = api.post("/v1/buckets", bucket_body("second", **adapter_with_sources(first))).json["bucket_id"]
    third = api.post("/v1/buckets", bucket_body("third", **adapter_with_sources(second))).json

    assert third["source_adapter"]["webhook_url"] is third["source_adapter"]["webhook_secret"] is None
    for source, cycle in (
        (first, [first, first]),
        (second, [first, second, first]),
        (third["bucket_id"], [first, third["bucket_id"], second, first]),
    ):
        reply = api.patch("/v1/buckets/first", adapter_with_sources(source))
        assert (reply.status, reply.error["type"], reply.error["code"]) == (409, "ConflictError", "adapter_cycle")
        assert reply.error["details"]["cycle"] == cycle
    assert api.get("/v1/buckets/first").json["source_adapter"] is None


def test_a_source_is_a_bucket_of_the_same_namespace(api: Api) -> None:
    first = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    api.post("/v1/namespaces", {"namespace_name": "music"})

    reply = api.using(namespace="music").post("/v1/buckets", bucket_body(**adapter_with_sources(first)))

    assert reply.status == 422


def through_a_gateway(
    world: World,
    public_url: str,
    *,
    body: dict[str, Any] | None = None,
    resource: str = "/v1/buckets",
    variables: dict[str, str] | None = None,
    **context: Any,
) -> dict[str, Any]:
    """Creates a bucket, or makes another write, as API Gateway calls the function. Returns the response body."""
    services = build(
        replace(world.settings, public_url=public_url),
        world.client,
        lambda: world.s3,
        clock=world.clock,
    )
    event = {
        "headers": {
            "Authorization": f"Bearer {world.key}",
            "X-Namespace": "films",
            "Content-Type": "application/json",
            "Host": "evil.example.com",
        },
        "multiValueQueryStringParameters": None,
        "pathParameters": variables,
        "stageVariables": None,
        "body": json.dumps(body or bucket_body(source_adapter=MUX)),
        "isBase64Encoded": False,
        "requestContext": {"httpMethod": "POST", "resourcePath": resource, "requestId": "r-1", **context},
    }
    response = create_app(lambda: services)(event, None)
    assert response["statusCode"] == 200, response["body"]
    return dict(json.loads(response["body"]))


@pytest.mark.parametrize(
    ("public_url", "context", "base"),
    [
        ("https://buckets.example.com", {"domainName": "x.aws.com", "stage": "api"}, "https://buckets.example.com"),
        ("https://example.com/media/", {}, "https://example.com/media"),
        ("", {"domainName": "x.aws.com", "stage": "api", "path": "/api/v1/buckets"}, "https://x.aws.com/api"),
        ("", {"domainName": "own.example.com", "stage": "api", "path": "/v1/buckets"}, "https://own.example.com"),
        ("", {"domainName": "own.example.com", "stage": "api", "path": "/m/v1/buckets"}, "https://own.example.com/m"),
        ("", {"domainName": "x.com", "stage": "api", "path": "/media/v1/v1/buckets"}, "https://x.com/media/v1"),
        ("", {"domainName": "x.com", "stage": "v1", "path": "/v1/v1/buckets"}, "https://x.com/v1"),
        ("", {"domainName": "x.com", "stage": "api"}, "https://x.com"),
        ("", {"path": "/v1/buckets"}, ""),
        ("", {}, ""),
    ],
)
def test_the_webhook_url_has_the_configured_base_or_that_of_the_gateway(
    world: World, public_url: str, context: dict[str, Any], base: str
) -> None:
    made = through_a_gateway(world, public_url, **context)

    assert made["source_adapter"]["webhook_url"] == f"{base}/v1/webhooks/mux/{made['bucket_id']}"


def test_a_base_path_is_found_before_a_resource_with_variables(world: World, api: Api) -> None:
    made = api.post("/v1/buckets", bucket_body("v1")).json
    path = f"/v1/buckets/{made['bucket_id']}"
    context: dict[str, Any] = {"domainName": "x.com", "path": f"/media{path}", "httpMethod": "PATCH"}

    changed = through_a_gateway(
        world,
        "",
        body={"source_adapter": MUX},
        resource="/v1/buckets/{bucket_identifier}",
        variables={"bucket_identifier": made["bucket_id"]},
        **context,
    )

    assert changed["source_adapter"]["webhook_url"] == f"https://x.com/media/v1/webhooks/mux/{made['bucket_id']}"


def test_the_returned_webhook_url_may_be_sent_back(world: World, api: Api) -> None:
    made = through_a_gateway(world, "", domainName="x.aws.com", stage="api", path="/api/v1/buckets")
    shown = api.get(PATH).json["source_adapter"]

    assert shown["webhook_url"] == made["source_adapter"]["webhook_url"]
    assert api.patch(PATH, {"source_adapter": shown}).status == 200
