"""Which objects a batch contains: ids that the client names, or those that match a filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from chalicelib.aws.retry import DeadlineExceeded
from chalicelib.batches.errors import NoObjectsMatch, ObjectsNotFound, SelectionTooSlow, TooManyObjects
from chalicelib.buckets.bucket import Bucket
from chalicelib.objects.service import Objects

MAX_OBJECTS = 50_000


def distinct(object_ids: Iterable[str]) -> list[str]:
    """Returns the ids without repetitions, in the same order. Raises TooManyObjects."""
    ids = list(dict.fromkeys(object_ids))
    if len(ids) > MAX_OBJECTS:
        raise TooManyObjects(MAX_OBJECTS, "body", "object_ids")
    return ids


def check_exist(objects: Objects, bucket: Bucket, partition: str, object_ids: Sequence[str]) -> None:
    """Raises ObjectsNotFound if any of the objects does not exist in the bucket or is soft-deleted."""
    existing = objects.existing(partition, bucket.bucket_id, object_ids)
    missing = [object_id for object_id in object_ids if object_id not in existing]
    if missing:
        raise ObjectsNotFound(missing)


def matching_ids(
    objects: Objects, bucket: Bucket, filters: Mapping[str, Any] | None, *, at_most: int | None
) -> list[str]:
    """Returns the ids of the objects that match, in the order of creation; without filters, of all objects.

    Raises NoObjectsMatch, TooManyObjects if more than `MAX_OBJECTS` match and `at_most` is None, RequestInvalid for
    malformed filters, and SelectionTooSlow if the time limit of the request ends before all objects were read.
    """
    limit = MAX_OBJECTS if at_most is None else at_most
    ids = list(islice(_walk(objects, bucket, filters), limit + (at_most is None)))
    if len(ids) > limit:
        raise TooManyObjects(MAX_OBJECTS, "body", "filters")
    if not ids:
        raise NoObjectsMatch()
    return ids


def _walk(objects: Objects, bucket: Bucket, filters: Mapping[str, Any] | None) -> Iterator[str]:
    try:
        yield from objects.walk_ids(bucket, filters)
    except DeadlineExceeded as error:
        raise SelectionTooSlow() from error
