"""Files of checked lines: each a CRC-32 in hexadecimal, a space, one JSON value, a newline.

A line is whole or it is not, and every line says so of itself, so that damage costs the lines it hit
and no other. Reading such a file executes nothing, whoever wrote it.
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
    """One line."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Any:
    """The value of a line, or DAMAGED."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return DAMAGED
    return json.loads(text)


def read_lines(path: Path) -> Iterator[Any]:
    """The values of a file, with DAMAGED for each line that is not sound, and UNFINISHED for an unfinished last one."""
    with path.open("rb") as file:
        for line in file:
            yield decode(line) if line.endswith(b"\n") else UNFINISHED


def write_lines(path: Path, values: Iterable[Any]) -> int:
    """Writes a whole new file in place of the old one, on the disk before it takes its name. Gives its size."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb", opener=open_private) as file:
        for value in values:
            file.write(encode(value))
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    fresh.replace(path)
    sync_directory(path.parent)
    return size


def sync_directory(path: Path) -> None:
    """Names of files in this directory are on the disk from here on."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_private(path: str, flags: int) -> int:
    """An opener for files that are nobody else's to read."""
    return os.open(path, flags, 0o600)
