"""Reads and writes of one DynamoDB table with plain Python values.

This module, `write_requests` and `aws.retry` handle retries, unprocessed items of batches, pages, placeholders in
expressions, consumed capacity and lost responses.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, Item, encode
from chalicelib.aws.dynamodb.expressions import Condition, Renderer
from chalicelib.aws.dynamodb.write_requests import (
    action_and_parameters,
    cancellation_error,
    decode_if_present,
    decode_without_write_id,
    new_token,
    parameters_of_check,
    was_applied,
)
from chalicelib.aws.dynamodb.writes import Key, Step, Update, Write
from chalicelib.aws.retry import Attempts, DeadlineExceeded, OutcomeUnknown, ResponseLost, RetryPolicy, error_code
from chalicelib.aws.usage import count_read, count_write
from chalicelib.core.deadline import expired

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Limits of BatchGetItem and BatchWriteItem.
BATCH_GET_KEYS = 100
BATCH_WRITE_ROWS = 25
# A caller of `until_deadline` may spend this much on the rows of a read, also after the time limit of the request.
MIN_EVALUATION_SECONDS = 1.0

R = TypeVar("R")

_EncodedRow = Mapping[str, AttributeValue]
_CONDITION_FAILED = "ConditionalCheckFailedException"
_WITH_CAPACITY = {"ReturnConsumedCapacity": "TOTAL"}
_RETURN_VALUES: dict[str, dict[str, Any]] = {
    "Put": {},
    "Update": {"ReturnValues": "ALL_NEW"},
    "Delete": {"ReturnValues": "ALL_OLD"},
}


class Table:
    """One table. Every method that calls DynamoDB raises Unavailable if the retries of the call do not succeed.

    `clock` and `sleep` measure in seconds; `jitter` returns a number from 0 to 1; `budget_seconds` limits each call.
    """

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
        self._retries = RetryPolicy(clock, sleep, jitter, budget_seconds)
        self._writers: dict[str, Callable[..., Any]] = {
            "Put": client.put_item,
            "Update": client.update_item,
            "Delete": client.delete_item,
        }

    def deadline_expired(self) -> bool:
        """Returns whether the time limit of the current request has ended."""
        return expired(self._retries.clock())

    def raise_if_expired(self) -> None:
        """Raises DeadlineExceeded if the time limit of the current request has ended."""
        if self.deadline_expired():
            raise DeadlineExceeded()

    def until_deadline(self, rows: Iterable[R]) -> Iterator[R]:
        """Yields the rows for a caller that evaluates each of them.

        Raises DeadlineExceeded instead of a row if the time limit of the current request has ended and the caller has
        spent `MIN_EVALUATION_SECONDS` on the rows before it. So rows of a last, slow read are still evaluated.
        """
        clock = self._retries.clock
        spent = 0.0
        for row in rows:
            if spent >= MIN_EVALUATION_SECONDS:
                self.raise_if_expired()
            started = clock()
            yield row
            spent += clock() - started

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """Returns the row with this key, or None if it does not exist."""
        response = self._read(
            self._client.get_item,
            {"TableName": self._name, "Key": encode(key), "ConsistentRead": consistent, **_WITH_CAPACITY},
        )
        return decode_if_present(response.get("Item"))

    def get_many(self, keys: Iterable[Key], *, attributes: Sequence[str] = ()) -> list[Item]:
        """Returns the existing rows of any number of keys, in no particular order. Reads are strongly consistent.

        Rows have all attributes, or only the named `attributes`.
        """
        distinct = _distinct(keys)
        rows: list[Item] = []
        while chunk := list(islice(distinct, BATCH_GET_KEYS)):
            rows.extend(self._get_batch(chunk, attributes))
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
        """Yields the rows that match the key condition `where` and the condition `filter_by`, ordered by sort key.

        Rows have all attributes, or only the named `attributes`. The iterator is lazy: it reads a page when the first
        row of the page is requested. `page_size` is the maximum number of rows that DynamoDB evaluates for a page.
        Reads are strongly consistent, except those of an `index`, which is eventually consistent.
        With `check_deadline` it raises DeadlineExceeded before it reads a further page after the time limit.
        """
        params = self._query(where, filter_by=filter_by, page_size=page_size, index=index, attributes=attributes)
        params["ScanIndexForward"] = not descending
        while True:
            response = self._read(self._client.query, params)
            for encoded in response["Items"]:
                yield decode_without_write_id(encoded)
            if "LastEvaluatedKey" not in response:
                return
            params["ExclusiveStartKey"] = response["LastEvaluatedKey"]
            if check_deadline:
                self.raise_if_expired()

    def query_page(self, where: Condition, limit: int, *, attributes: Sequence[str] = ()) -> list[Item]:
        """Returns the first rows that match a key condition, as one call of Query does.

        The result has at most `limit` rows, and at most 1 MB before projection. It is empty only if no row matches.
        """
        response = self._read(self._client.query, self._query(where, page_size=limit, attributes=attributes))
        return [decode_without_write_id(encoded) for encoded in response["Items"]]

    def count(self, where: Condition, *, limit: int | None = None) -> int:
        """Returns the number of rows that match a key condition. Stops counting at `limit`."""
        params = {**self._query(where, page_size=limit), "Select": "COUNT"}
        total: int = 0
        while True:
            response = self._read(self._client.query, params)
            total += response["Count"]
            if "LastEvaluatedKey" not in response or (limit is not None and total >= limit):
                return total
            params["ExclusiveStartKey"] = response["LastEvaluatedKey"]
            if limit is not None:
                params["Limit"] = limit - total

    def write(self, step: Write) -> Item | None:
        """Applies one write. If its condition fails, raises the error of its `on_condition_failed`.

        Returns the new row for an Update. Returns the deleted row for a Delete, or None if there was none or if the
        response was lost. Returns None for a Put. Raises OutcomeUnknown if the write may have been applied and the
        current row does not prove whether it was.
        """
        token = new_token()
        name, params = action_and_parameters(self._name, step, token)
        request = {**params, **_RETURN_VALUES[name], **_WITH_CAPACITY}
        attempts = Attempts(self._retries, writing=True)
        applied: bool | None = False
        while not applied:
            try:
                response = attempts.call(self._writers[name], request, repeat_lost=step.was_applied is None)
            except ResponseLost:
                existing = self._existing(step, attempts, parameters_of_check(self._name, step, token))
                applied = was_applied(step, existing, token)
            except ClientError as error:
                existing = _existing_row(error, attempts)
                applied = was_applied(step, existing, token) if attempts.maybe_applied else False
                if applied is False:
                    raise step.on_condition_failed(decode_if_present(existing)) from error
            else:
                count_write(response)
                return decode_if_present(response.get("Attributes"))
            if applied is None:
                raise OutcomeUnknown()
        return decode_if_present(existing) if isinstance(step, Update) else None

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Deletes any number of rows without conditions, and returns the number of distinct keys.

        This is not a transaction: if it raises Unavailable, it may have deleted some of the rows.
        """
        distinct = _distinct(keys)
        deleted = 0
        while chunk := list(islice(distinct, BATCH_WRITE_ROWS)):
            self._write_batch([{"DeleteRequest": {"Key": key}} for key in chunk])
            deleted += len(chunk)
        return deleted

    def put_many(self, items: Iterable[Item]) -> None:
        """Writes any number of rows without conditions, and replaces those that exist. Each must have another key.

        This is not a transaction: if it raises Unavailable or OutcomeUnknown, it may have written some of the rows.
        """
        remaining = iter(items)
        while chunk := list(islice(remaining, BATCH_WRITE_ROWS)):
            self._write_batch([{"PutRequest": {"Item": encode(item)}} for item in chunk])

    def transact(self, steps: Sequence[Step], *, before: Sequence[tuple[Table, Step]] = ()) -> None:
        """Applies all steps in one transaction, or none of them.

        `before` has steps in other tables, which precede the others. If conditions fail, raises the error of the first
        step whose condition failed. Raises OutcomeUnknown if the transaction may have been applied and the existing
        rows do not prove whether it was.
        """
        token = new_token()
        located = [*((table._name, step) for table, step in before), *((self._name, step) for step in steps)]
        params = {
            "TransactItems": [dict([action_and_parameters(name, step, token)]) for name, step in located],
            # DynamoDB applies requests with the same token only once and gives retries the response of the first.
            "ClientRequestToken": token,
            **_WITH_CAPACITY,
        }
        attempts = Attempts(self._retries, writing=True)
        try:
            response = attempts.call(self._client.transact_write_items, params)
        except ClientError as error:
            try:
                all_steps = [step for _, step in located]
                failed = cancellation_error(all_steps, error, token, maybe_applied=attempts.maybe_applied)
            except ClientError:
                if attempts.maybe_applied:
                    raise OutcomeUnknown() from error
                raise
            if failed is not None:
                raise failed from error
        else:
            count_write(response)

    def _existing(self, step: Write, attempts: Attempts, params: Mapping[str, Any]) -> _EncodedRow | None:
        """Returns the current row of a write whose condition always fails."""
        try:
            attempts.call(self._writers[type(step).__name__], params)
        except ClientError as error:
            return _existing_row(error, attempts)
        raise AssertionError("a condition that always fails held")

    def _read(self, operation: Callable[..., Any], params: Mapping[str, Any]) -> Any:
        response = Attempts(self._retries).call(operation, params)
        count_read(response)
        return response

    def _get_batch(self, keys: Sequence[Mapping[str, AttributeValue]], attributes: Sequence[str]) -> Iterator[Item]:
        """Reads the rows of at most 100 keys. Repeats the call for unprocessed keys."""
        attempts = Attempts(self._retries)
        renderer = Renderer()
        projection = {"ProjectionExpression": renderer.names(attributes)} if attributes else {}
        wanted = {"Keys": keys, "ConsistentRead": True, **projection, **renderer.placeholders()}
        remaining: Any = {self._name: wanted}
        while remaining:
            response = attempts.call(self._client.batch_get_item, {"RequestItems": remaining, **_WITH_CAPACITY})
            count_read(response)
            found = response["Responses"].get(self._name, ())
            yield from map(decode_without_write_id, found)
            remaining = response.get("UnprocessedKeys")
            # A response with rows may be incomplete because of its size limit of 16 MB, so there is no need to wait.
            if remaining and not found:
                attempts.pause()

    def _write_batch(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Puts or deletes at most 25 rows. Repeats the call for unprocessed items."""
        attempts = Attempts(self._retries, writing=True)
        remaining: Any = {self._name: requests}
        while remaining:
            response = attempts.call(self._client.batch_write_item, {"RequestItems": remaining, **_WITH_CAPACITY})
            count_write(response)
            remaining = response.get("UnprocessedItems")
            if remaining:
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
            **_WITH_CAPACITY,
        }
        if filter_by is not None:
            params["FilterExpression"] = renderer.condition(filter_by)
        if attributes:
            params["ProjectionExpression"] = renderer.names(attributes)
        if page_size is not None:
            params["Limit"] = page_size
        if index is not None:
            params["IndexName"] = index
        return params | renderer.placeholders()


def _existing_row(error: ClientError, attempts: Attempts) -> _EncodedRow | None:
    """Returns the row for which the condition of a write failed, or None if there is none.

    If the write failed for another reason, raises OutcomeUnknown if an earlier attempt may have been applied, or else
    `error` itself.
    """
    if error_code(error) == _CONDITION_FAILED:
        row: Any = error.response.get("Item")
        return row or None
    if attempts.maybe_applied:
        raise OutcomeUnknown() from error
    raise error


def _distinct(keys: Iterable[Key]) -> Iterator[dict[str, AttributeValue]]:
    """Yields each distinct key, encoded. DynamoDB rejects batches that contain a key twice."""
    return iter({tuple(sorted(key.items())): encode(key) for key in keys}.values())
