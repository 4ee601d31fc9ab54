"""Creates both DynamoDB tables from the CloudFormation template that also deploys them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEMPLATE = Path(__file__).parents[2] / ".chalice" / "resources.json"

# The properties that CreateTable accepts under the same name and in the same shape as CloudFormation.
_SHARED_PROPERTIES = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


def create_tables(client: DynamoDBClient, *, catalog: str, objects: str, template: Path | None = None) -> None:
    """Creates the tables with these names that do not exist yet. Existing tables are not changed."""
    resources = json.loads((template or TEMPLATE).read_text())["Resources"]
    _create(client, catalog, resources["CatalogTable"]["Properties"])
    _create(client, objects, resources["ObjectsTable"]["Properties"])


def _create(client: DynamoDBClient, name: str, properties: dict[str, Any]) -> None:
    parameters = {key: properties[key] for key in _SHARED_PROPERTIES}
    stream: Any = {**properties["StreamSpecification"], "StreamEnabled": True}
    try:
        response = client.create_table(TableName=name, StreamSpecification=stream, **parameters)
    except client.exceptions.ResourceInUseException:
        return
    if response["TableDescription"].get("TableStatus") != "ACTIVE":
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    if "TimeToLiveSpecification" in properties:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
    _enable_backups(client, name, properties["PointInTimeRecoverySpecification"])


def _enable_backups(client: DynamoDBClient, name: str, recovery: Any) -> None:
    try:
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    except ClientError as error:
        # DynamoDB Local has no backups and does not know the operation.
        if error.response["Error"]["Code"] != "UnknownOperationException":
            raise
