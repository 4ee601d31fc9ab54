"""A file of 1 GB, and the memory of the processes that check it. Only `make test-large-files` runs such tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

IS_ENABLED = os.environ.get("TEST_LARGE_FILES") == "yes"
PROC = Path("/proc")
SIZE = 1_000_000_000
MAX_PEAK_MB = 200
# Until a file of this size is an object. It takes seconds on an idle machine.
ARRIVAL_SECONDS = 300
_MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
_PART_BYTES = 1_000_000

if_enabled = pytest.mark.skipif(
    not (IS_ENABLED and shutil.which("curl") and (PROC / "self" / "status").exists()),
    reason="make test-large-files runs it, with curl and /proc",
)


@dataclass(frozen=True)
class LargeFile:
    """The path and the SHA-256 of a file of `SIZE` bytes."""

    path: Path
    sha256: str


def new_film(folder: Path) -> LargeFile:
    """Writes a file of random bytes that begins like a film."""
    path, digest, part = folder / "film.mp4", hashlib.sha256(), os.urandom(_PART_BYTES)
    with path.open("wb") as film:
        for number in range(SIZE // _PART_BYTES):
            content = part if number else _MP4 + part[len(_MP4) :]
            digest.update(content)
            film.write(content)
    return LargeFile(path, digest.hexdigest())


def put(url: str, film: LargeFile, *options: str) -> None:
    """Stores the file with a presigned URL."""
    command = ["curl", "-sS", "--fail", "-T", str(film.path), "-H", "Content-Type: video/mp4", *options, url]
    subprocess.run(command, check=True, timeout=600)


def peak_megabytes(pid: int) -> int:
    """Returns the peak of the resident memory of a process in MB, or 0 if it has ended."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    peaks = [int(line.split()[1]) * 1024 // 1_000_000 for line in status.splitlines() if line.startswith("VmHWM:")]
    return max(peaks, default=0)


def descendants(pid: int) -> set[int]:
    """Returns the ids of the processes that a process has started, directly or not."""
    parents = {}
    for path in PROC.glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found = _children([pid], parents)
    while len(more := found | _children(found, parents)) > len(found):
        found = more
    return found


def _children(of: Iterable[int], parents: dict[int, int]) -> set[int]:
    wanted = set(of)
    return {pid for pid, parent in parents.items() if parent in wanted}
