"""The very zip that is deployed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

PYDANTIC = "pydantic_core/_pydantic_core.cpython-311-x86_64-linux-gnu.so"


@pytest.fixture
def archive(package: Path) -> Path:
    return package / "deployment.zip"


def test_it_has_the_compiled_core_for_the_runtime_and_nothing_that_no_lambda_runs(archive: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
    assert PYDANTIC in names
    elsewhere = ("boto3/", "botocore/", "tests/", "deployment/", "chalicelib/local/", "chalicelib/administration/")
    assert [name for name in names if name.startswith(elsewhere)] == []


def test_it_is_small(archive: Path) -> None:
    assert archive.stat().st_size < 5_000_000
