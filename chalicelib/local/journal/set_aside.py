"""Sets damaged files aside: they get another name with the date, and the engine starts without them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


def aside_path(path: Path) -> Path:
    """Returns a new path in the same folder for a damaged file."""
    return path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")


def set_aside(path: Path, damage: str, report: Callable[[str], None]) -> None:
    """Renames a damaged file and reports it. `damage` is the part of the message that says what is wrong."""
    aside = aside_path(path)
    path.rename(aside)
    report(f"{path} {damage}. It is kept as {aside}")


def set_aside_if_odd(path: Path, report: Callable[[str], None]) -> bool:
    """Sets a path aside that exists and is not a file: a directory, a FIFO, a device or a dangling link.

    Returns whether it did. Such a path cannot be replaced by a file, and reading a FIFO would never end.
    """
    if path.is_file() or not os.path.lexists(path):
        return False
    set_aside(path, "is not a regular file", report)
    return True
