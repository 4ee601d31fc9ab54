from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.local.tables import TEMPLATE, create_tables
from tests.support.engine import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_existing_tables_are_not_changed(client: DynamoDBClient, tables: Tables) -> None:
    row = {"pk": "p", "sk": "s"}
    Table(client, tables.catalog).write(Put(row))
    create_tables(client, catalog=tables.catalog, objects=tables.objects)
    assert Table(client, tables.catalog).get(row) == row


def test_the_tables_are_what_the_template_deploys(client: DynamoDBClient, tables: Tables) -> None:
    resources = json.loads(TEMPLATE.read_text())["Resources"]
    for name, logical_id in ((tables.catalog, "CatalogTable"), (tables.objects, "ObjectsTable")):
        wanted = resources[logical_id]["Properties"]
        made = client.describe_table(TableName=name)["Table"]
        assert made["KeySchema"] == wanted["KeySchema"]
        assert made["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        indexes = {index["IndexName"]: index for index in made["GlobalSecondaryIndexes"]}
        for index in wanted["GlobalSecondaryIndexes"]:
            assert indexes[index["IndexName"]]["KeySchema"] == index["KeySchema"]
            assert indexes[index["IndexName"]]["Projection"] == index["Projection"]


def test_rows_of_the_catalog_may_expire(client: DynamoDBClient, tables: Tables) -> None:
    expiry = client.describe_time_to_live(TableName=tables.catalog)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "ttl")
