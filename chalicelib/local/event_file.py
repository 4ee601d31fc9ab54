"""The events of the embedded engine: files of JSON lines in the data folder, one CloudEvent in each line.

`events.jsonl` has the newest events. When it is full, it replaces `events.1.jsonl`, and a new file is started. Only the
process that owns the folder writes. A process that is killed may leave an unfinished last line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from chalicelib.core.json_codec import to_json
from chalicelib.events.event import Event, to_cloud_event
from chalicelib.local.journal.lines import open_private

EVENTS_FILE = "events.jsonl"
OLDER_FILE = "events.1.jsonl"
MAX_FILE_BYTES = 10_000_000


class EventFile:
    """Appends events to the file in a data folder."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._path, self._older, self._max_bytes = folder / EVENTS_FILE, folder / OLDER_FILE, max_bytes

    def send(self, events: Sequence[Event]) -> None:
        """Appends a line for each event. Raises OSError."""
        lines = "".join(f"{to_json(to_cloud_event(event))}\n" for event in events).encode()
        size = self._path.stat().st_size if self._path.exists() else 0
        if size and size + len(lines) > self._max_bytes:
            self._path.replace(self._older)
        with open(self._path, "a+b", opener=open_private) as file:
            file.write(lines if _ends_with_newline(file) else b"\n" + lines)


class EventReader:
    """Reads the events in a data folder. Another process may write them at the same time."""

    def __init__(self, folder: Path) -> None:
        self._path, self._older = folder / EVENTS_FILE, folder / OLDER_FILE
        # The file that was read last, and the position after its last line.
        self._inode, self._position = 0, 0

    def new(self) -> Iterator[dict[str, Any]]:
        """Yields the events since the last call; at the first call, all events. Raises OSError."""
        with ExitStack() as opened:
            # The newer file first: if it becomes the older one in between, it is opened twice, and none is left out.
            found = [file for path in (self._path, self._older) if (file := _opened(path)) is not None]
            files = {os.fstat(file.fileno()).st_ino: opened.enter_context(file) for file in reversed(found)}
            inodes = list(files)
            for inode in inodes[inodes.index(self._inode) if self._inode in files else 0 :]:
                if inode != self._inode:
                    self._inode, self._position = inode, 0
                yield from self._rest_of(files[inode])

    def _rest_of(self, file: BinaryIO) -> Iterator[dict[str, Any]]:
        file.seek(self._position)
        for line in file:
            if not line.endswith(b"\n"):
                return
            self._position += len(line)
            event = _parsed(line)
            if event is not None:
                yield event


def _ends_with_newline(file: BinaryIO) -> bool:
    """Whether a line can be appended: the file is empty, or its last line is finished."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return True
    file.seek(size - 1)
    return file.read(1) == b"\n"


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Returns the event in a line, or None for the rest of a line that a killed process has not finished."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
