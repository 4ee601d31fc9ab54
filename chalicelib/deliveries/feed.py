"""Keeps the state of source adapters up to date from the catalog table's stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import decode_value
from chalicelib.deliveries.adapter_state import DeliveryChange
from chalicelib.deliveries.counters import attempt_of
from chalicelib.deliveries.state_store import StateStore
from chalicelib.deliveries.windows import Join
from chalicelib.stats.consumers import WorkItem
from chalicelib.stats.dead_letters import DeadLetters
from chalicelib.stats.grouping import Group, grouped
from chalicelib.stats.images import Image, InvalidRow, Record, images_of, sequence_of, text, text_or_none
from chalicelib.stats.stream_records import UnreadableRecord, unreadable


@dataclass(frozen=True, slots=True)
class DeliveryFeed:
    """Folds deliveries into the state of their adapters: a consumer of the catalog table's stream."""

    store: StateStore
    dead_letters: DeadLetters

    def work(self, records: Sequence[Record], shard: str) -> Iterator[WorkItem]:
        """Yields one action for each bucket whose deliveries change in these records."""
        for rows, found in grouped(_changes(records, shard)).items():
            yield WorkItem(found.first, partial(self._fold, rows, found))

    def _fold(self, rows: str, found: Group[DeliveryChange]) -> None:
        for each in found.unreadable:
            self.dead_letters.add(each)
        self.store.fold(rows, found.changes)


def _changes(records: Sequence[Record], shard: str) -> Iterator[tuple[str, Record, DeliveryChange | UnreadableRecord]]:
    """Yields the partition key, the record and the change of each delivery."""
    for record in records:
        row_keys = record["dynamodb"].get("Keys")
        rows, sk = text_or_none(row_keys, "pk") or "", text_or_none(row_keys, "sk") or ""
        if keys.parse_deliveries_partition(rows) is not None and keys.parse_delivery_key(sk) is not None:
            yield rows, record, read_change(record, shard)


def read_change(record: Record, shard: str) -> DeliveryChange | UnreadableRecord:
    """Returns the change in the record of a delivery."""
    old, new = images_of(record)
    try:
        before, after = attempt_of(old), attempt_of(new)
        joined = join_of(new) if before is None or after is None or before.number != after.number else None
        return DeliveryChange(before, after, joined, shard, sequence_of(record))
    except InvalidRow as error:
        pk = text_or_none(record["dynamodb"].get("Keys"), "pk") or ""
        ns, bucket_id = keys.parse_deliveries_partition(pk) or (None, None)
        return unreadable(record, shard, ns, bucket_id, error)


def join_of(image: Image | None) -> Join | None:
    """Returns the object that joins a window because of the latest attempt in the image of a delivery's row.

    None if the attempt has neither created nor updated an object. Raises InvalidRow.
    """
    attempt = attempt_of(image)
    if image is None or attempt is None or not attempt.joins or attempt.object_id is None:
        return None
    try:
        return Join(attempt.object_id, decode_value(image["batching"]), text(image, "delivery_id"), attempt.number)
    except (TypeError, ValueError) as error:
        raise InvalidRow("batching cannot be read") from error
