"""Rows for tests of one table."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.dynamodb.writes import Put


def key(number: int, pk: str = "p") -> dict[str, str]:
    """Returns the key of the row with this number."""
    return {"pk": pk, "sk": f"{number:04}"}


def fill(table: Table, count: int, **more: Any) -> list[dict[str, Any]]:
    """Writes rows of one partition in descending order, and returns them in the order of their keys."""
    rows = [{**key(number), "number": number, **more} for number in range(count)]
    for row in reversed(rows):
        table.write(Put(row))
    return rows
