"""The measured scenario: one organization, one namespace, twenty buckets, twenty objects, and the requests.

`python -m bench.scenario FILE` runs each request once with an engine in this process, and writes the responses of
DynamoDB to a file, by request.
"""

from __future__ import annotations

import hmac
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.network import kind

if TYPE_CHECKING:
    from chalicelib.services import Services

KEY = "sk_bench_0123456789abcdef"
TABLES = {"BUCKETS_CATALOG_TABLE": "bench-catalog", "BUCKETS_OBJECTS_TABLE": "bench-objects"}
OBJECT = {
    "film_id": "tt0017136",
    "title": "Metropolis",
    "year": 1927,
    "rating": 8.3,
    "genres": ["drama", "science fiction"],
    "premiere": "1927-01-10",
    "blobs": [{"property": "poster", "type": "image", "data": "https://example.com/metropolis.jpg"}],
}
OBJECTS = "/v1/buckets/{bucket_identifier}/objects"
BODY = {
    "bucket_name": "posters",
    "description": "Film posters with their metadata",
    "bucket_schema": {
        "properties": {
            "film_id": {"type": "string", "required": True},
            "title": {"type": "string", "description": "Original title"},
            "year": {"type": "integer"},
            "rating": {"type": "number"},
            "genres": {"type": "array", "items": {"type": "string"}},
            "premiere": {"type": "date"},
            "poster": {"type": "image"},
            "trailer": {"type": "video"},
        }
    },
    "unique_key": {"fields": ["film_id"], "default_policy": "upsert"},
    "metadata": {"team": "archive", "cost_centre": 4711},
}


SECRET = "a-secret-of-the-benchmark"
WEBHOOK_BUCKET: dict[str, Any] = {
    "bucket_name": "films",
    "bucket_schema": {"properties": {"title": {"type": "string"}, "year": {"type": "integer"}}},
    "source_adapter": {
        "adapter_type": "generic_webhook",
        "webhook_secret": SECRET,
        "field_mapping": {"film.title": "title", "film.year": "year"},
    },
}
WEBHOOK: dict[str, Any] = {
    "type": "film.added",
    "id": "evt_01",
    "film": {"title": "Metropolis", "year": 1927, "cast": [{"name": f"Actor {n}", "role": "…"} for n in range(20)]},
}

REQUESTS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "create_bucket": ("POST", "/v1/buckets", BODY),
    "get_bucket": ("GET", "/v1/buckets/{bucket_identifier}", None),
    "list_buckets": ("POST", "/v1/buckets/list", {"limit": 20}),
    "create_object": ("POST", OBJECTS, OBJECT),
    "get_object": ("GET", OBJECTS + "/{object_identifier}", None),
    "list_objects": ("POST", OBJECTS + "/list", {"limit": 20}),
    "receive_webhook": ("POST", "/v1/webhooks/{adapter_type}/{bucket_id}", WEBHOOK),
}


def event(name: str, ids: dict[str, str]) -> dict[str, Any]:
    """Returns the Lambda event of a request as API Gateway sends it. `ids` are the values of path variables."""
    method, path, body = REQUESTS[name]
    return webhook_event(ids, body) if body is WEBHOOK else gateway_event(method, path, ids, body)


def webhook_event(ids: dict[str, str], payload: Any, *, secret: str = SECRET) -> dict[str, Any]:
    """Returns the Lambda event of a webhook that is signed with this secret."""
    found = gateway_event(*REQUESTS["receive_webhook"][:2], ids, payload)
    digest = hmac.digest(secret.encode(), found["body"].encode(), "sha256")
    found["headers"] = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest.hex()}"}
    return found


def gateway_event(method: str, path: str, ids: dict[str, str], body: Any) -> dict[str, Any]:
    """Returns the Lambda event of any request. `ids` may have values for more variables than the path."""
    variables = {variable: id_ for variable, id_ in ids.items() if f"{{{variable}}}" in path}
    return {
        "resource": path,
        "path": path.format(**variables),
        "httpMethod": method,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": path,
            "requestId": "6f2b8c1e-0000-4000-8000-000000000000",
            "identity": {"sourceIp": "203.0.113.7"},
            "path": path,
        },
        "headers": {
            "Authorization": f"Bearer {KEY}",
            "X-Namespace": "ns_bench",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "OpenAPI-Generator/1.3.783/python",
        },
        "multiValueQueryStringParameters": None,
        "queryStringParameters": None,
        "pathParameters": variables,
        "stageVariables": None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def record() -> dict[str, Any]:
    """Returns the responses of DynamoDB to each request, and the ids in their paths."""
    from chalicelib.aws.clients import dynamodb_client
    from chalicelib.connections import connect_s3
    from chalicelib.local.moto.backends import Backends
    from chalicelib.local.tables import create_tables
    from chalicelib.settings import Settings
    from chalicelib.wiring import build

    settings = Settings(catalog_table=TABLES["BUCKETS_CATALOG_TABLE"], objects_table=TABLES["BUCKETS_OBJECTS_TABLE"])
    client = dynamodb_client(settings)
    responses: dict[str, str] = {}

    last = {"kind": ""}
    client.meta.events.register_first("before-send.*", lambda request, **_: last.update(kind=kind(request)))
    Backends().attach(client)
    create_tables(client, catalog=settings.catalog_table, objects=settings.objects_table)
    services = build(settings, client, connect_s3(settings))
    ids = _populate(services)
    client.meta.events.register("response-received.dynamodb", _recorder(responses, last))
    # The bare handler of a webhook writes one row of the catalog table.
    row: Any = {"pk": {"S": "DELIVERIES"}, "sk": {"S": "1"}}
    client.put_item(TableName=settings.catalog_table, Item=row, ReturnConsumedCapacity="TOTAL")
    recorded = {}
    for name in REQUESTS:
        _run(services, event(name, ids))
        recorded[name] = dict(responses)
    return {"ids": ids, "responses": recorded}


def _recorder(responses: dict[str, str], last: dict[str, str]) -> Callable[..., None]:
    def keep(response_dict: Any, **_: Any) -> None:
        responses[last["kind"]] = response_dict["body"].decode()

    return keep


def _populate(services: Services) -> dict[str, str]:
    from chalicelib.buckets.models import BucketCreateRequest
    from chalicelib.keys import partition
    from chalicelib.namespaces.models import CreateNamespaceRequest
    from chalicelib.objects.models import CreateObjectRequest

    organization = services.access.create_organization("bench").organization_id
    services.access.create_key(organization, name="bench", secret=KEY)
    namespace = services.namespaces.create(
        organization, CreateNamespaceRequest(namespace_name="bench", namespace_id="ns_bench")
    )
    namespace_partition = partition(organization, namespace.namespace_id)
    bucket_id = object_id = ""
    for number in range(20):
        body = {**BODY, "bucket_name": f"bucket {number:02}"}
        bucket_id = services.buckets.create(
            namespace_partition, BucketCreateRequest.model_validate_json(json.dumps(body))
        ).bucket_id
    for number in range(20):
        fields = {**OBJECT, "film_id": f"tt{number:07}"}
        request = CreateObjectRequest.model_validate_json(json.dumps(fields))
        object_id = services.objects.create(namespace_partition, bucket_id, request).stored.object_id
    with_adapter = BucketCreateRequest.model_validate_json(json.dumps(WEBHOOK_BUCKET))
    films = services.buckets.create(namespace_partition, with_adapter).bucket_id
    services.buckets.open_for_objects(namespace_partition, films)
    return {
        "bucket_identifier": bucket_id,
        "object_identifier": object_id,
        "adapter_type": "generic_webhook",
        "bucket_id": films,
    }


def _run(services: Services, request: dict[str, Any]) -> None:
    from chalicelib.api import create_app

    response = create_app(lambda: services)(request, None)
    assert response["statusCode"] == 200, response


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(record()))
