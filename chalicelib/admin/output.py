"""Prints the results of commands: as text, or with `--json` as JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


@contextmanager
def rows_as_found(widths: Mapping[str, int], *, as_json: bool) -> Iterator[Callable[[Row], None]]:
    """Yields a function that prints a row at once: as a line of a table, or as an element of a JSON array.

    So a long result needs no memory. `widths` are those of the columns. A longer value moves the following ones.
    """
    is_first = True

    def show_row(row: Row) -> None:
        nonlocal is_first
        if as_json:
            click.echo(("[\n" if is_first else ",\n") + json.dumps(row, ensure_ascii=False), nl=False)
        else:
            click.echo("  ".join(f"{_text(row[name]):{width}}" for name, width in widths.items()).rstrip())
        is_first = False

    if not as_json:
        click.echo("  ".join(f"{name.upper():{width}}" for name, width in widths.items()).rstrip())
    yield show_row
    if as_json:
        click.echo("[]" if is_first else "\n]")


def show_line(row: Row) -> None:
    """Prints one row as a line of JSON."""
    click.echo(json.dumps(row, ensure_ascii=False))


def is_terminal() -> bool:
    """Returns whether the output is read by a person, and not by a program."""
    return sys.stdout.isatty()


def printable(row: Row) -> dict[str, Any]:
    """Returns a row in which no text can control the terminal. Its texts may come from another system."""
    return {name: _without_controls(value) if isinstance(value, str) else value for name, value in row.items()}


def _without_controls(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


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
