from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from chalicelib.clients import dynamodb_client
from chalicelib.settings import Settings
from tests.support.engine import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, "https://dynamodb.us-east-1.amazonaws.com"),
        ({"AWS_REGION": "eu-west-1"}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"}, "http://127.0.0.1:2"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"},
            "http://127.0.0.1:2",
        ),
    ],
)
def test_the_client_calls_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], endpoint: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert dynamodb_client(Settings()).meta.endpoint_url == endpoint


def test_rows_come_and_go_as_they_are_on_the_wire(client: DynamoDBClient, tables: Tables) -> None:
    row = {"pk": {"S": "p"}, "sk": {"S": "s"}, "deep": {"M": {"list": {"L": [{"N": "1"}, {"NULL": True}]}}}}
    client.put_item(TableName=tables.catalog, Item=row)  # type: ignore[arg-type]
    answer = client.get_item(TableName=tables.catalog, Key={"pk": row["pk"], "sk": row["sk"]})  # type: ignore[dict-item]
    assert answer["Item"] == row


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-central-2", "ap-southeast-7", "us-gov-west-1", "cn-northwest-1", "us-iso-east-1"]
)
def test_every_region_is_called_as_a_default_client_would(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    theirs = boto3.client("dynamodb", region_name=region).meta
    ours = dynamodb_client(Settings()).meta
    assert (ours.endpoint_url, ours.partition, ours.region_name) == (theirs.endpoint_url, theirs.partition, region)
