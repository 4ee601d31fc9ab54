"""The zip file that is deployed."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

PYDANTIC = f"pydantic_core/_pydantic_core.cpython-{sys.version_info.major}{sys.version_info.minor}-x86_64-linux-gnu.so"


@pytest.fixture
def archive(package: Path) -> Path:
    return package / "deployment.zip"


def test_the_zip_has_the_compiled_modules_of_the_runtime_and_no_unused_files(archive: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
    assert PYDANTIC in names
    excluded = ("boto3/", "botocore/", "tests/", "deployment/", "chalicelib/local/", "chalicelib/admin/")
    assert [name for name in names if name.startswith(excluded)] == []


def test_the_zip_is_small(archive: Path) -> None:
    assert archive.stat().st_size < 6_000_000
