"""Embedded engines for tests, each with a data folder of its own. They are closed at the end of the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.engine import Engine
from chalicelib.local.moto import rows
from chalicelib.settings import Settings

Open = Callable[[Path], Engine]
CATALOG = Settings().catalog_table


@pytest.fixture
def open_engine() -> Iterator[Open]:
    """Returns a function that opens the engine of a folder."""
    opened: list[Engine] = []

    def open_(folder: Path) -> Engine:
        opened.append(Engine(Settings(engine="embedded", data_dir=str(folder))))
        return opened[-1]

    yield open_
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine: Open, tmp_path: Path) -> Engine:
    """Returns an engine with a new folder."""
    return open_engine(tmp_path / "data")


def killed(engine: Engine, into: Path) -> Path:
    """Copies the folder in its present state, as `kill -9` would leave it, and returns the copy."""
    shutil.copytree(engine.folder.path, into)
    return into


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Returns the rows of every table, in the order of their keys."""
    account = engine.backends.account
    return {name: list(rows.rows_of(account, name)) for name in rows.table_names(account)}


def new_row(pk: str, sk: str = "-", **attributes: Any) -> dict[str, Any]:
    """Returns a row of the catalog in DynamoDB's JSON."""
    return {"pk": {"S": pk}, "sk": {"S": sk}, **attributes}


def put(engine: Engine, *names: str) -> None:
    """Puts one row into the catalog for each name."""
    for name in names:
        engine.dynamodb().put_item(TableName=CATALOG, Item=new_row(name))


def names(engine: Engine) -> list[str]:
    """Returns the names of the catalog's rows."""
    return [row["pk"]["S"] for row in contents(engine)[CATALOG]]
