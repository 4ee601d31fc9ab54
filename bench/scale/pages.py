"""Lets DynamoDB Local end the pages of queries at 1 MB, as DynamoDB does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_BYTES = 1_048_576
UNIT_BYTES = 4_096
PROBED_ROWS = 50
Params = Mapping[str, Any]


class MegabytePages:
    """Adds a `Limit` to the queries of a client: the number of rows in 1 MB, which is found with another client.

    DynamoDB Local ends a page only at 1 MB of matching rows. Without a `Limit`, each page takes time in proportion to
    all remaining rows of the partition: seconds for 100 000 rows, after which the client times out.
    """

    def __init__(self, client: DynamoDBClient, reader: DynamoDBClient) -> None:
        self._reader: Any = reader
        self._rows: dict[tuple[str, str, str], int] = {}
        events: Any = client.meta.events  # its type allows no handler with a result
        events.register("provide-client-params.dynamodb.Query", self._limited)

    def _limited(self, params: Params, **_: Any) -> Params:
        rows = self._rows_of(params)
        return {**params, "Limit": min(params.get("Limit", rows), rows)}

    def _rows_of(self, params: Params) -> int:
        key = (params["TableName"], params.get("IndexName", ""), str(params["ExpressionAttributeValues"]))
        if key not in self._rows:
            response = self._reader.query(**{**params, "Limit": PROBED_ROWS})
            units = response["ConsumedCapacity"]["CapacityUnits"]
            self._rows[key] = rows_per_page(response["ScannedCount"], units, consistent=params["ConsistentRead"])
        return self._rows[key]


def rows_per_page(rows: int, units: float, *, consistent: bool) -> int:
    """Returns how many rows have 1 MB, if this number of rows has consumed these read units."""
    bytes_ = units * UNIT_BYTES * (1 if consistent else 2)
    return max(1, int(PAGE_BYTES * rows / bytes_)) if rows else PROBED_ROWS
