"""Old files and rows, and `admin blobs orphans`, which lists old files only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib.admin.__main__ import admin
from chalicelib.blobs.file_version import StoredFile
from tests.uploads.scenes import Scene

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def age(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows become three hours old, and all files two hours."""
    scene.world.clock.now = NOW - 3 * HOUR
    list_files = scene.world.services.blobs.list_files

    def list_aged(prefix: str, **more: Any) -> Iterator[StoredFile]:
        for each in list_files(prefix, **more):
            yield StoredFile(each.key, each.size_bytes, each.stored_at - 2 * HOUR)

    monkeypatch.setattr(scene.world.services.blobs, "list_files", list_aged)


def run(scene: Scene, *arguments: str, select: Iterable[str] = ("--all",)) -> list[dict[str, Any]]:
    """Runs `admin blobs orphans`. Returns its rows."""
    result = CliRunner().invoke(
        admin, ["blobs", "orphans", *select, "--json", *arguments], obj=lambda: scene.world.services
    )
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))
