"""Data folders for tests: filled, stopped, and as a kill would leave them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.local.engine import Engine
from chalicelib.settings import Settings

CATALOG = Settings().catalog_table
OBJECTS = Settings().objects_table
Rows = dict[str, list[Any]]


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    """Opens the engine of a folder, and closes it at the end."""
    engine = Engine(Settings(data_dir=str(folder)))
    try:
        yield engine
    finally:
        engine.close()


def copy_as_after_a_kill(folder: Path) -> Path:
    """Returns a copy of the folder in its present state, as it would be if the process was killed now."""
    return Path(shutil.copytree(folder, Path(tempfile.mkdtemp(dir=folder.parent)) / "data"))


def rows(engine: Engine) -> Rows:
    """Returns all rows by table."""
    tables = engine.dynamodb().list_tables()["TableNames"]
    return {name: sorted(engine.dynamodb().scan(TableName=name)["Items"], key=repr) for name in tables}


def rows_in(folder: Path) -> Rows:
    """Returns all rows in a folder by table."""
    with opened(folder) as engine:
        return rows(engine)


def put(engine: Engine, sk: str, value: str = "v") -> None:
    """Puts a row into the catalog."""
    engine.dynamodb().put_item(TableName=CATALOG, Item={"pk": {"S": "p"}, "sk": {"S": sk}, "value": {"S": value}})


def add(engine: Engine, sk: str = "counter") -> None:
    """Increases a counter, which shows whether a change is performed twice."""
    engine.dynamodb().update_item(
        TableName=CATALOG,
        Key={"pk": {"S": "p"}, "sk": {"S": sk}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def found(folder: Path) -> set[str]:
    """Returns the sort keys of the catalog's rows in a folder."""
    return {row["sk"]["S"] for row in rows_in(folder)[CATALOG]}


def damaged_copies(folder: Path) -> list[Path]:
    """Returns the copies of damaged files."""
    return sorted(folder.glob("*.damaged-*"))


def filled(folder: Path, *, rows: int) -> Path:
    """Returns the folder of a process that was killed after this many writes."""
    with opened(folder) as engine:
        for number in range(rows):
            put(engine, f"row-{number}")
        return copy_as_after_a_kill(folder)


def stopped(folder: Path, *, rows: int) -> Path:
    """Returns the folder of a process that stopped after this many writes."""
    with opened(folder) as engine:
        for number in range(rows):
            put(engine, f"row-{number}")
    return folder
