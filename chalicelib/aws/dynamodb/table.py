"""One DynamoDB table, spoken to in plain Python.

Callers see rows, steps and refusals. Retries, leftovers of batches, pages, aliases, consumed capacity and
the answers that never arrived are dealt with here, in `retrying` and in `writing`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, Item, encode
from chalicelib.aws.dynamodb.expressions import Condition, Renderer
from chalicelib.aws.dynamodb.write_requests import (
    action_and_parameters,
    cancellation_error,
    decode_if_present,
    decode_without_write_id,
    has_write_id,
    new_token,
)
from chalicelib.aws.dynamodb.writes import Delete, Key, Step, Update, Write
from chalicelib.aws.retry import Attempts, DeadlineExceeded, OutcomeUnknown, RetryPolicy, error_code
from chalicelib.aws.usage import count_read, count_write
from chalicelib.core.deadline import expired

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH_GET_KEYS = 100
BATCH_WRITE_ROWS = 25

_CONDITION_FAILED = "ConditionalCheckFailedException"
_COST = {"ReturnConsumedCapacity": "TOTAL"}
_RETURNED = {"Put": {}, "Update": {"ReturnValues": "ALL_NEW"}, "Delete": {"ReturnValues": "ALL_OLD"}}


class Table:
    """Reads and writes the rows of one table. Every method raises Unavailable when DynamoDB cannot serve it."""

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        budget_seconds: float = 6.0,
    ) -> None:
        self._client = client
        self._name = name
        self._pace = RetryPolicy(clock, sleep, jitter, budget_seconds)
        self._writers: dict[str, Callable[..., Any]] = {
            "Put": client.put_item,
            "Update": client.update_item,
            "Delete": client.delete_item,
        }

    def deadline_expired(self) -> bool:
        """Whether the time that all calls of a request share has run out."""
        return expired(self._pace.clock())

    def raise_if_expired(self) -> None:
        """Raises DeadlineExceeded once the time that all calls of a request share has run out."""
        if self.deadline_expired():
            raise DeadlineExceeded()

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """The row with this key, if there is one."""
        answer = self._read(
            self._client.get_item,
            {"TableName": self._name, "Key": encode(key), "ConsistentRead": consistent, **_COST},
        )
        return decode_if_present(answer.get("Item"))

    def get_many(self, keys: Iterable[Key]) -> list[Item]:
        """The rows that are there of any number of keys, in no particular order, strongly consistent."""
        distinct = _distinct(keys)
        rows: list[Item] = []
        while chunk := list(islice(distinct, BATCH_GET_KEYS)):
            rows.extend(self._batch(chunk))
        return rows

    def query(
        self,
        where: Condition,
        *,
        filter_by: Condition | None = None,
        page_size: int | None = None,
        index: str | None = None,
        descending: bool = False,
        attributes: Sequence[str] = (),
        check_deadline: bool = False,
    ) -> Iterator[Item]:
        """The rows of a partition in the order of their sort keys, those left out that `filter_by` excludes.

        Rows are whole, or have the `attributes` that are named.

        Lazy: the next page is fetched when its first row is asked for. `page_size` bounds how many rows one
        fetch evaluates. Strongly consistent, except on an index, which follows within seconds.
        `check_deadline`: raises DeadlineExceeded instead of fetching another page late.
        """
        params = self._query(where, filter_by=filter_by, page_size=page_size, index=index, attributes=attributes)
        params["ScanIndexForward"] = not descending
        while True:
            answer = self._read(self._client.query, params)
            for wire in answer["Items"]:
                yield decode_without_write_id(wire)
            if "LastEvaluatedKey" not in answer:
                return
            params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            if check_deadline:
                self.raise_if_expired()

    def query_page(self, where: Condition, at_most: int, *, attributes: Sequence[str] = ()) -> list[Item]:
        """Rows of a partition, from its beginning: what one read gives, so many at most and a megabyte of whole rows.

        None only where there is none.
        """
        answer = self._read(self._client.query, self._query(where, page_size=at_most, attributes=attributes))
        return [decode_without_write_id(wire) for wire in answer["Items"]]

    def count(self, where: Condition, *, limit: int | None = None) -> int:
        """How many rows there are, or `limit` if there are at least that many."""
        params = {**self._query(where, page_size=limit), "Select": "COUNT"}
        total: int = 0
        while True:
            answer = self._read(self._client.query, params)
            total += answer["Count"]
            if "LastEvaluatedKey" not in answer or (limit is not None and total >= limit):
                return total
            params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            if limit is not None:
                params["Limit"] = limit - total

    def write(self, step: Write) -> Item | None:
        """Makes one write, or raises the refusal that its broken condition stands for.

        Gives back the new row for a Update, the old one for a Delete (None if there was none, or if the
        answer that carried it was lost), None for a Put.
        """
        token = new_token()
        name, params = action_and_parameters(self._name, step, token)
        attempts = Attempts(self._pace, writing=True)
        try:
            answer = attempts.call(self._writers[name], {**params, **_RETURNED[name], **_COST})
        except ClientError as error:
            if error_code(error) != _CONDITION_FAILED:
                if attempts.maybe_applied:
                    raise OutcomeUnknown() from error
                raise
            wire: Any = error.response.get("Item")
            if has_write_id(wire, token):
                return decode_without_write_id(wire) if isinstance(step, Update) else None
            if isinstance(step, Delete) and attempts.maybe_applied and not wire:
                return None  # an attempt without an answer was asked to make the row absent, and it is
            raise step.on_condition_failed(decode_if_present(wire)) from error
        count_write(answer)
        return decode_if_present(answer.get("Attributes"))

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Makes any number of rows absent, unconditionally, and says how many keys there were.

        Not one transaction: raised Unavailable, it has removed some of them.
        """
        distinct = _distinct(keys)
        removed = 0
        while chunk := list(islice(distinct, BATCH_WRITE_ROWS)):
            self._batch_remove(chunk)
            removed += len(chunk)
        return removed

    def transact(self, steps: Sequence[Step]) -> None:
        """Makes all the writes or none; raises the refusal of the first step whose condition is broken."""
        token = new_token()
        params = {
            "TransactItems": [dict([action_and_parameters(self._name, step, token)]) for step in steps],
            # DynamoDB itself applies a token once, so a repeated attempt is answered as the first was.
            "ClientRequestToken": token,
            **_COST,
        }
        try:
            answer = Attempts(self._pace, writing=True).call(self._client.transact_write_items, params)
        except ClientError as error:
            refusal = cancellation_error(steps, error, token)
            if refusal is not None:
                raise refusal from error
        else:
            count_write(answer)

    def _read(self, operation: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        answer = Attempts(self._pace).call(operation, params)
        count_read(answer)
        return answer

    def _batch(self, keys: Sequence[Mapping[str, AttributeValue]]) -> Iterator[Item]:
        """The rows of at most a hundred keys, asked for until DynamoDB leaves none over."""
        attempts = Attempts(self._pace)
        left: Any = {self._name: {"Keys": keys, "ConsistentRead": True}}
        while left:
            answer = attempts.call(self._client.batch_get_item, {"RequestItems": left, **_COST})
            count_read(answer)
            found = answer["Responses"].get(self._name, ())
            yield from map(decode_without_write_id, found)
            left = answer.get("UnprocessedKeys")
            if left and not found:  # full answers leave keys over as well, and need no waiting
                attempts.pause()

    def _batch_remove(self, keys: Sequence[Mapping[str, AttributeValue]]) -> None:
        """Removes at most 25 rows, asking again until DynamoDB leaves none over."""
        attempts = Attempts(self._pace, writing=True)
        left: Any = {self._name: [{"DeleteRequest": {"Key": key}} for key in keys]}
        while left:
            answer = attempts.call(self._client.batch_write_item, {"RequestItems": left, **_COST})
            count_write(answer)
            left = answer.get("UnprocessedItems")
            if left:
                attempts.pause()

    def _query(
        self,
        where: Condition,
        *,
        filter_by: Condition | None = None,
        page_size: int | None = None,
        index: str | None = None,
        attributes: Sequence[str] = (),
    ) -> dict[str, Any]:
        renderer = Renderer()
        params: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": renderer.condition(where),
            "ConsistentRead": index is None,
            **_COST,
        }
        if filter_by is not None:
            params["FilterExpression"] = renderer.condition(filter_by)
        if attributes:
            params["ProjectionExpression"] = renderer.names(attributes)
        if page_size is not None:
            params["Limit"] = page_size
        if index is not None:
            params["IndexName"] = index
        return params | renderer.aliases()


def _distinct(keys: Iterable[Key]) -> Iterator[dict[str, AttributeValue]]:
    """Each key once, as it goes over the wire: DynamoDB refuses a batch that names one twice."""
    return iter({tuple(sorted(key.items())): encode(key) for key in keys}.values())
