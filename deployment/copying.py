"""Copies rows of other tables, such as restored ones or those of another account, into a stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.keys import is_tally

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
WRITE_BATCH_SIZE = 25
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Copying:
    """Copies from tables of one account to those of another. Within one account, both clients are the same."""

    source: DynamoDBClient
    target: DynamoDBClient
    pause: Callable[[float], None] = time.sleep

    def catalog(self, source: str, target: str) -> int:
        """Copies all rows except tallies, which the target's streams compute from the copied rows.

        Returns the number of rows.
        """
        rows = (item for item in self._rows(source) if not is_tally(item["sk"]["S"]))
        return self._put(target, rows)

    def objects(self, source: str, target: str, former_bucket: str, bucket: str) -> int:
        """Copies all objects, and replaces the S3 bucket in the URLs of their files. Returns the number of rows.

        Copy the catalog first: an object whose bucket does not exist is removed.
        """
        return self._put(target, (_with_files_in(item, former_bucket, bucket) for item in self._rows(source)))

    def _rows(self, table: str) -> Iterator[Item]:
        for page in self.source.get_paginator("scan").paginate(TableName=table):
            yield from page["Items"]

    def _put(self, table: str, items: Iterator[Item]) -> int:
        count = 0
        while batch := list(islice(items, WRITE_BATCH_SIZE)):
            waiting: Any = {table: [{"PutRequest": {"Item": item}} for item in batch]}
            while waiting := self.target.batch_write_item(RequestItems=waiting).get("UnprocessedItems"):
                self.pause(PAUSE_SECONDS)
            count += len(batch)
        return count


def _with_files_in(item: Item, former: str, bucket: str) -> Item:
    moved = item["document"]["S"].replace(f'"s3://{former}/blobs/', f'"s3://{bucket}/blobs/')
    return {**item, "document": {"S": moved}}
