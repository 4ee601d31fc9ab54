"""Reads the settings of buckets that have a row of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from math import inf

from chalicelib import keys
from chalicelib.aws.dynamodb.table import Table
from chalicelib.buckets.bucket import FoundBucket
from chalicelib.core.cache import Cache

MAX_CACHED_SETTINGS = 32


class SettingsReader:
    """Adds their settings to buckets of which only their own rows were read.

    Settings are cached by their digest, so a cached value is never outdated.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._cache: Cache[str, str] = Cache(time.monotonic, seconds=inf, size=MAX_CACHED_SETTINGS)

    def completed(self, partition: str, found: Sequence[FoundBucket]) -> Iterator[FoundBucket | None]:
        """Yields the buckets, in order, with all of their settings, which are parsed for one bucket at a time.

        Yields None for a bucket whose settings have changed, or that was removed, since its own row was read.
        """
        texts = self._texts(partition, [each for each in found if each.lacks])
        return (_with_text(each, texts.get(each.settings_digest)) if each.lacks else each for each in found)

    def _texts(self, partition: str, found: Sequence[FoundBucket]) -> dict[str | None, str]:
        """Returns the settings by digest, as far as they exist."""
        cached = {each.settings_digest: self._cache.get(each.settings_digest or "") for each in found}
        texts = {digest: text for digest, text in cached.items() if text is not None}
        wanted = [each.bucket.bucket_id for each in found if each.settings_digest not in texts]
        if wanted:
            for row in self._table.get_many(keys.bucket_settings(partition, bucket_id) for bucket_id in wanted):
                texts[row["digest"]] = row["settings"]
                self._cache.put(row["digest"], row["settings"])
        return texts


def _with_text(found: FoundBucket, text: str | None) -> FoundBucket | None:
    return found.completed(text) if text is not None else None
