"""A file is copied with bounded memory, whatever its size."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any

import pytest

from chalicelib.mirroring.checking import Description
from chalicelib.mirroring.storing import PART_BYTES, FileCopy, in_parts

MAX_PARTS = 4
CHUNK = 65_536


class Files:
    """Blob storage that keeps nothing. `largest` is the largest part that it got."""

    def __init__(self) -> None:
        self.parts = 0
        self.largest = 0
        self.total = 0
        self.completed = False

    def begin_multipart(self, key: str, **_: Any) -> Files:
        return self

    def add(self, part: bytes) -> None:
        self.parts, self.total = self.parts + 1, self.total + len(part)
        self.largest = max(self.largest, len(part))

    def complete(self) -> str:
        self.completed = True
        return "s3://bucket/key"


def test_parts_are_stored_as_they_arrive() -> None:
    files, count = Files(), 60 * PART_BYTES // CHUNK
    copy = FileCopy(files, "key", None, lambda sha256: True)  # type: ignore[arg-type]
    content = bytes(CHUNK)
    tracemalloc.start()
    try:
        copied = copy.run(
            (content for _ in range(count)), lambda start, is_whole: Description("a/b", None), is_text=False
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (files.parts, files.largest, files.completed) == (60, PART_BYTES, True)
    assert (copied.size_bytes, files.total) == (60 * PART_BYTES, 60 * PART_BYTES)
    assert peak < (MAX_PARTS + 0.5) * PART_BYTES
    zeros = hashlib.sha256()
    for _ in range(60):
        zeros.update(bytes(PART_BYTES))
    assert copied.sha256 == zeros.hexdigest()


@pytest.mark.parametrize("sizes", [[], [0], [1], [7, 3], [10], [10, 0, 10], [3, 3, 3, 3], [25], [9, 1, 1]])
def test_parts_have_the_bytes_in_their_order(sizes: list[int]) -> None:
    content = bytes(range(sum(sizes)))
    given, position = [], 0
    for size in sizes:
        given.append(content[position : position + size])
        position += size
    parts = list(in_parts(given, 10))
    assert b"".join(parts) == content
    assert all(len(part) == 10 for part in parts[:-1])
    assert all(0 < len(part) <= 10 for part in parts)
