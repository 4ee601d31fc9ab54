"""The bodies of deliveries as they are stored: compressed, as base64, in parts that fit into rows."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib import keys
from chalicelib.deliveries.delivery import Delivery, ttl

# A DynamoDB item has at most 400 KB.
PART_BYTES = 300_000


def compressed(body: bytes) -> list[str]:
    """Returns the compressed body in parts of at most `PART_BYTES`. There is at least one."""
    packed = b64encode(zlib.compress(body, level=6)).decode()
    return [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]


def body_rows(delivery: Delivery, parts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yields a row for each part of the body of a delivery. They expire with it."""
    for number, part in enumerate(parts):
        key = keys.delivery_body(delivery.rows, delivery.delivery_id, number)
        yield {**key, "content": part, "ttl": ttl(delivery)}


def body_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Returns the body in these rows, which are in the order of their keys."""
    return zlib.decompress(b64decode("".join(row["content"] for row in rows)))
