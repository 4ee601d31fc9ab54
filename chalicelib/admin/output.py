"""Prints the results of commands: as text, or with `--json` as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

Row = Mapping[str, Any]

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def show(row: Row, *, as_json: bool) -> None:
    """Prints one row: a line for each field, or a JSON object."""
    if as_json:
        return _print_json(row)
    width = max(map(len, row))
    for name, value in row.items():
        click.echo(f"{name:{width}}  {_text(value)}")
    return None


def show_all(columns: Sequence[str], rows: Sequence[Row], *, as_json: bool) -> None:
    """Prints rows as a table with these columns, or as a JSON array."""
    if as_json:
        return _print_json(rows)
    lines = [[column.upper() for column in columns], *([_text(row[name]) for name in columns] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    return None


def _print_json(value: Row | Sequence[Row]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _text(value: Any) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return " ".join(value)
    return str(value)
