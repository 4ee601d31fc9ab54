"""Files of checksummed JSON lines: each line is a CRC-32 in hexadecimal, a space, one JSON value and a newline.

Every line has a checksum of its own, so damage to a file affects only the damaged lines. The lines hold only data, so
reading a file from an unknown source executes nothing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DAMAGED: Any = object()
UNFINISHED: Any = object()


def encode(value: Any) -> bytes:
    """Returns the line of a JSON value."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Any:
    """Returns the JSON value of a line, or DAMAGED if its checksum is wrong."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return DAMAGED
    return json.loads(text)


def read_lines(path: Path) -> Iterator[Any]:
    """Yields the value of each line: DAMAGED if its checksum is wrong, UNFINISHED if the last line has no newline."""
    with path.open("rb") as file:
        for line in file:
            yield decode(line) if line.endswith(b"\n") else UNFINISHED


def write_lines(path: Path, values: Iterable[Any]) -> int:
    """Replaces a file by a new one with these values, atomically. Returns its size in bytes."""
    new_path = path.with_name(path.name + ".new")
    with open(new_path, "wb", opener=open_private) as file:
        for value in values:
            file.write(encode(value))
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    new_path.replace(path)
    sync_directory(path.parent)
    return size


def sync_directory(path: Path) -> None:
    """Writes the directory's entries to the disk, so that new and renamed files survive a power failure."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_private(path: str, flags: int) -> int:
    """Opens a file that only the user can read. Suits the `opener` parameter of `open`."""
    return os.open(path, flags, 0o600)
