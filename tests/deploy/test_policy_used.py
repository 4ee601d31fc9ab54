"""The API function's policy against the calls that the API really makes: all of them, and nothing besides."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.support.api import Api
from tests.support.engine import Tables
from tests.support.permissions import Permission, needed, permissions_used
from tests.support.template import ROOT
from tests.support.world import a_bucket, new_world


def allowed() -> set[Permission]:
    """What the policy allows on tables, named by their logical ids."""
    statements = json.loads((ROOT / ".chalice" / "policy-api.json").read_text())["Statement"]
    return {
        Permission(action, _name(resource))
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith("dynamodb:")
    }


def _name(resource: dict[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return str(resource["Fn::Sub"]).replace("${", "").replace(".Arn}", "")


def use_everything(api: Api) -> None:
    """At least one call of every operation, and of every way an operation can take through the tables."""
    assert api.get("/v1/health/deep").status == 200
    _use_namespaces(api)
    _use_buckets(api)
    _use_lists(api)


def _use_namespaces(api: Api) -> None:
    assert api.post("/v1/namespaces", {"namespace_name": "books"}).status == 200
    assert api.post("/v1/namespaces", {"namespace_name": "books"}).status == 409
    assert api.get("/v1/namespaces/books").status == 200
    assert api.patch("/v1/namespaces/books", {"namespace_name": "novels"}).status == 200
    assert api.get("/v1/namespaces").status == 200


def _use_buckets(api: Api) -> None:
    assert api.post("/v1/buckets", a_bucket("posters")).status == 200
    assert api.post("/v1/buckets", a_bucket("posters")).status == 409
    assert api.get("/v1/buckets/posters").status == 200
    assert api.patch("/v1/buckets/posters", {"description": "On paper"}).status == 200
    assert api.patch("/v1/buckets/posters", {"bucket_name": "stills"}).status == 200
    narrower = {"properties": {"title": {"type": "integer"}}}
    assert api.patch("/v1/buckets/stills", {"bucket_schema": narrower}).status == 200
    assert api.put("/v1/buckets/stills", a_bucket("stills")).status == 200


def _use_lists(api: Api) -> None:
    shorter: list[dict[str, Any]] = [
        {},
        {"search": "still"},
        {"search": "st*"},
        {"filters": {"AND": [{"field": "bucket_name", "operator": "eq", "value": "stills"}]}},
        {"sort": {"field": "bucket_name", "direction": "asc"}},
        {"sort": {"field": "object_count", "direction": "desc"}},
    ]
    for body in shorter:
        assert api.post("/v1/buckets/list", body).status == 200
    assert api.get("/v1/buckets").status == 200


def test_the_policy_is_what_the_api_uses(client: DynamoDBClient, tables: Tables) -> None:
    world = new_world(client, tables)
    with permissions_used(client) as used:
        use_everything(world.api())
    names = {tables.catalog: "CatalogTable", tables.objects: "ObjectsTable"}
    renamed = {
        Permission(action, names[table] + slash + index)
        for action, resource in used
        for table, slash, index in [resource.partition("/")]
    }
    assert renamed == allowed()


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("GetItem", {"TableName": "t"}, {("dynamodb:GetItem", "t")}),
        ("Query", {"TableName": "t", "IndexName": "i"}, {("dynamodb:Query", "t/index/i")}),
        ("BatchGetItem", {"RequestItems": {"t": {}}}, {("dynamodb:BatchGetItem", "t")}),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "u"}}]},
            {("dynamodb:PutItem", "t"), ("dynamodb:ConditionCheckItem", "u")},
        ),
    ],
)
def test_permissions_that_a_call_needs(
    operation: str, parameters: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert set(needed(operation, parameters)) == expected
