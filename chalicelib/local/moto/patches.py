"""Patches to moto 5.2.5 that make the embedded engine correct and fast enough for thousands of rows.

Speed (see `performance` for what moto does for every call and every value):

* For every action of a transaction, moto copies all rows of the table, to restore them when the transaction is
  cancelled: 5 s for a transaction of three actions on 20 000 rows. The patch copies only the rows that the transaction
  names.
* For every query, moto compares and sorts the rows of the entire table. See `queries`.

Correctness:

* When moto rejects an update late, it leaves an empty row. When it rejects a BatchWriteItem, it keeps the rows that
  it wrote before the error. With the patch, a rejected request changes nothing, so that replaying the successful
  requests gives the same state.
* moto replaces the text between `<RequestId>` and `</RequestId>` by the id of the request, in JSON responses as well,
  where the text belongs to a row. With the patch, it does so only in XML.
* moto copies an S3 object also if its content is not the one that `x-amz-copy-source-if-match` names. With the patch,
  it responds with PreconditionFailed, as S3 does.
* moto keeps every S3 object in memory. The patches in `contents` let the content of a large one stay in its file.
* moto asks boto3 for the names of the regions, and botocore for those of the services when it writes an error. Both
  fail if AWS_PROFILE names a profile that does not exist. The patch has sessions that read no configuration.

Other responses stay the same, with one exception that DynamoDB also makes: a page that ends exactly with the last match
may or may not have a LastEvaluatedKey. `Backends` allows one call at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import moto.core.utils
from moto.core.base_backend import AccountSpecificBackend
from moto.core.responses import BaseResponse
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.s3.exceptions import PreconditionFailed
from moto.s3.responses import S3Response

from chalicelib.local.client import isolated_session
from chalicelib.local.moto.contents import install_content_patches
from chalicelib.local.moto.ordered_rows import existing_orders
from chalicelib.local.moto.performance import install_performance_patches
from chalicelib.local.moto.queries import install_query_patches

_IN_TRANSACTION = "_in_transaction"


@cache
def install() -> None:
    """Patches moto in this process. Further calls do nothing."""
    Table.__deepcopy__ = _deep_copy  # type: ignore[attr-defined]
    install_query_patches()
    DynamoDBBackend.transact_write_items = _without_copies(DynamoDBBackend.transact_write_items)  # type: ignore[method-assign]
    DynamoDBBackend.update_item = _atomic_update(DynamoDBBackend.update_item)  # type: ignore[method-assign]
    DynamoHandler.batch_write_item = _atomic_batch(DynamoHandler.batch_write_item)  # type: ignore[method-assign]
    responses: Any = BaseResponse
    responses._enrich_response = staticmethod(_only_in_xml(responses._enrich_response))
    files: Any = S3Response
    files.copy_object = _with_source_condition(files.copy_object)
    install_content_patches()
    install_performance_patches()
    session = boto3.Session(botocore_session=isolated_session())
    accounts: Any = AccountSpecificBackend
    accounts.get_session = classmethod(lambda cls: session)
    names_of_services: Any = moto.core.utils
    names_of_services.Session = isolated_session


def _deep_copy(table: Table, memo: dict[int, Any]) -> Table:
    """Returns a deep copy, or the table itself during a transaction: `_without_copies` restores its rows."""
    if getattr(table, _IN_TRANSACTION, False):
        return table
    duplicate: Table = object.__new__(table.__class__)
    memo[id(table)] = duplicate
    duplicate.__dict__.update(copy.deepcopy(table.__dict__, memo))
    return duplicate


def _without_copies(original: Callable[..., None]) -> Callable[..., None]:
    """Marks the tables of a transaction, so that moto does not copy them, and restores their rows if it fails."""

    @wraps(original)
    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        steps = [next(iter(item.values())) for item in transact_items if item]
        with _all_or_nothing(backend, steps) as tables:
            for table in tables:
                setattr(table, _IN_TRANSACTION, True)
            try:
                original(backend, transact_items)
            finally:
                for table in tables:
                    delattr(table, _IN_TRANSACTION)

    return transact_write_items


def _atomic_update(original: Callable[..., Item]) -> Callable[..., Item]:
    """Restores the row of an update that fails."""

    @wraps(original)
    def update_item(backend: DynamoDBBackend, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Item:
        with _all_or_nothing(backend, [{"TableName": table_name, "Key": key}]):
            return original(backend, table_name, key, *args, **kwargs)

    return update_item


def _atomic_batch(original: Callable[..., Any]) -> Callable[..., Any]:
    """Restores the rows of a BatchWriteItem that fails."""

    @wraps(original)
    def batch_write_item(handler: DynamoHandler) -> Any:
        steps = [
            {"TableName": name, **parameters}
            for name, requests in handler.body.get("RequestItems", {}).items()
            for request in requests
            for parameters in request.values()
        ]
        with _all_or_nothing(handler.dynamodb_backend, steps):
            return original(handler)

    return batch_write_item


@contextmanager
def _all_or_nothing(backend: DynamoDBBackend, steps: Iterable[Mapping[str, Any]]) -> Iterator[list[Table]]:
    """Restores every row that the steps name, and the streams, when the block raises. Yields the tables."""
    steps = list(steps)
    named = {step.get("TableName") for step in steps}
    saved = [_SavedRows(table, steps) for name, table in backend.tables.items() if name in named]
    try:
        yield [rows.table for rows in saved]
    except Exception:
        for rows in saved:
            rows.restore()
        raise


class _SavedRows:
    """The rows of a table that a request names, and the length of its stream, before the request."""

    def __init__(self, table: Table, steps: Iterable[Mapping[str, Any]]) -> None:
        self.table = table
        keys = [_key(table, step) for step in steps if step.get("TableName") == table.name]
        self._rows = [(key, copy.deepcopy(_row(table, key))) for key in keys if key is not None]
        self._stream = len(table.stream_shard.items) if table.stream_shard else 0

    def restore(self) -> None:
        for (hash_key, range_key), row in self._rows:
            self._order(_row(self.table, (hash_key, range_key)), row)
            rows: Any = self.table.items if range_key is None else self.table.items[hash_key]
            key = hash_key if range_key is None else range_key
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        if self.table.stream_shard:
            del self.table.stream_shard.items[self._stream :]

    def _order(self, current: Item | None, former: Item | None) -> None:
        """Updates the orders of the table for a row that is restored."""
        orders = existing_orders(self.table)
        if orders is not None and former is not None:
            orders.put(former)
        elif orders is not None and current is not None:
            orders.remove(current)


def _key(table: Table, step: Mapping[str, Any]) -> tuple[DynamoType, DynamoType | None] | None:
    named = step.get("Key") or step.get("Item") or {}
    try:
        range_key = DynamoType(named[table.range_key_attr]) if table.range_key_attr else None
        return DynamoType(named[table.hash_key_attr]), range_key
    except (KeyError, IndexError):
        return None  # moto rejects a step without a complete key, and changes nothing


def _row(table: Table, key: tuple[DynamoType, DynamoType | None]) -> Item | None:
    hash_key, range_key = key
    rows: Any = table.items
    if range_key is None:
        return rows.get(hash_key)  # type: ignore[no-any-return]
    return rows.get(hash_key, {}).get(range_key)  # type: ignore[no-any-return]


def _only_in_xml(original: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    """Writes the id of the request into XML responses only."""

    @wraps(original)
    def enrich(headers: dict[str, str], body: Any) -> tuple[Any, Any]:
        if isinstance(body, str) and not body.lstrip().startswith("<"):
            return original(headers, "")[0], body
        return original(headers, body)

    return enrich


def _with_source_condition(original: Callable[[S3Response], Any]) -> Callable[[S3Response], Any]:
    """Checks the ETag of the object that is copied, if the request names one."""

    @wraps(original)
    def copy_object(handler: S3Response) -> Any:
        wanted = handler.headers.get("x-amz-copy-source-if-match")
        if wanted is not None:
            bucket, _, key = unquote(urlsplit(handler.headers["x-amz-copy-source"]).path).lstrip("/").partition("/")
            source = handler.backend.get_object(bucket, key)
            if source is not None and wanted.strip('"') != source.etag.strip('"'):
                raise PreconditionFailed("x-amz-copy-source-If-Match")
        return original(handler)

    return copy_object
