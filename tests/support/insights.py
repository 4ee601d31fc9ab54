"""Evaluates queries of CloudWatch Logs Insights over log lines: the commands that the stack's queries use.

The language: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

Row = dict[str, Any]
Expression = Callable[[Mapping[str, Any]], Any]
Rows = Callable[[list[Row]], list[Row]]

# Logs Insights reads at most this many fields of a line.
MAX_FIELDS = 200
DEFAULT_LIMIT = 10_000
_TOKEN = re.compile(r'\s*(?:("[^"]*")|(\d+(?:\.\d+)?)|([@A-Za-z_][\w@.]*)|(<=|>=|!=|[=<>+()*,|]))')
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class QueryInvalid(ValueError):
    """A query outside the supported part of the language, or one that names a column that no command makes."""


@dataclass
class ParsedQuery:
    """The commands of a query, and the fields of the log that it names."""

    commands: list[Rows] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def run(self, lines: Iterable[str]) -> list[Row]:
        """Returns the rows of the result. Lines that are not JSON objects have no fields."""
        rows = [_fields_of(line) for line in lines]
        for command in self.commands:
            rows = command(rows)
        return rows[:DEFAULT_LIMIT]


def parse_query(text: str) -> ParsedQuery:
    """Returns the parsed query. Raises QueryInvalid."""
    return _Parser(list(_tokens(text))).parse()


def fields_in(lines: Iterable[str]) -> set[str]:
    """Returns the names of all fields of the lines."""
    return {name for line in lines for name in _fields_of(line)}


def _tokens(text: str) -> Iterator[str]:
    position, text = 0, text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise QueryInvalid(f"not understood: {text[position : position + 40]}")
        yield found.group().strip()
        position = found.end()


def _fields_of(line: str) -> Row:
    try:
        root = json.loads(line)
    except ValueError:
        return {}
    return dict(islice(_flat(root, ""), MAX_FIELDS)) if isinstance(root, dict) else {}


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            yield from _flat(member, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


class _Parser:
    """Reads a list of tokens. `_columns` are the columns of the rows after `stats`, and None before it."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._position = 0
        self._query = ParsedQuery()
        self._columns: set[str] | None = None

    def parse(self) -> ParsedQuery:
        self._command()
        while self._accept("|"):
            self._command()
        if self._peek():
            raise QueryInvalid(f"{self._peek()!r} is not expected")
        return self._query

    def _command(self) -> None:
        commands = {
            "fields": self._fields,
            "filter": self._filter,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
        }
        name = self._next()
        if name not in commands:
            raise QueryInvalid(f"{name} is not a supported command")
        self._query.commands.append(commands[name]())

    def _fields(self) -> Rows:
        names = [self._name()]
        while self._accept(","):
            names.append(self._name())
        self._columns = set(names)
        return lambda rows: [{name: row.get(name) for name in names} for row in rows]

    def _filter(self) -> Rows:
        condition = self._condition()
        return lambda rows: [row for row in rows if condition(row)]

    def _stats(self) -> Rows:
        columns = dict([self._aggregate()])
        while self._accept(","):
            columns |= [self._aggregate()]
        by = []
        if self._accept("by"):
            by.append(self._name())
            while self._accept(","):
                by.append(self._name())
        self._columns = {*columns, *by}

        def grouped(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[Any, ...], list[Row]] = {}
            for row in rows:
                groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
            return [
                {**dict(zip(by, values, strict=True)), **{name: made(found) for name, made in columns.items()}}
                for values, found in groups.items()
            ]

        return grouped

    def _sort(self) -> Rows:
        name = self._name()
        descending = self._accept("desc")
        if not descending:
            self._accept("asc")

        def ordered(rows: list[Row]) -> list[Row]:
            present = [row for row in rows if row.get(name) is not None]
            missing = [row for row in rows if row.get(name) is None]
            return sorted(present, key=lambda row: row[name], reverse=descending) + missing

        return ordered

    def _limit(self) -> Rows:
        count = int(self._next())
        return lambda rows: rows[:count]

    def _aggregate(self) -> tuple[str, Callable[[list[Row]], Any]]:
        function = self._next()
        self._expect("(")
        compute = self._count() if function == "count" else self._of_values(function)
        self._expect(")")
        self._expect("as")
        return self._next(), compute

    def _count(self) -> Callable[[list[Row]], int]:
        self._expect("*")
        return len

    def _of_values(self, function: str) -> Callable[[list[Row]], Any]:
        value = self._sum()
        if function == "pct":
            self._expect(",")
            percent = float(self._next())
            return lambda rows: _percentile(_numbers(rows, value), percent)
        functions: dict[str, Callable[[list[float]], float | None]] = {
            "sum": sum,
            "max": lambda numbers: max(numbers, default=None),
        }
        if function not in functions:
            raise QueryInvalid(f"{function} is not a supported function")
        return lambda rows: functions[function](_numbers(rows, value))

    def _condition(self) -> Expression:
        conditions = [self._conjunction()]
        while self._accept("or"):
            conditions.append(self._conjunction())
        return lambda row: any(condition(row) for condition in conditions)

    def _conjunction(self) -> Expression:
        conditions = [self._comparison()]
        while self._accept("and"):
            conditions.append(self._comparison())
        return lambda row: all(condition(row) for condition in conditions)

    def _comparison(self) -> Expression:
        if self._accept("("):
            condition = self._condition()
            self._expect(")")
            return condition
        left, symbol, right = self._sum(), self._next(), self._sum()
        if symbol not in _COMPARISONS:
            raise QueryInvalid(f"{symbol} is not a comparison")
        return lambda row: _compare(_COMPARISONS[symbol], left(row), right(row))

    def _sum(self) -> Expression:
        terms = [self._term()]
        while self._accept("+"):
            terms.append(self._term())

        def added(row: Mapping[str, Any]) -> Any:
            values = [term(row) for term in terms]
            return values[0] if len(values) == 1 else None if None in values else sum(values)

        return added

    def _term(self) -> Expression:
        if self._peek().startswith('"'):
            text = self._next()[1:-1]
            return lambda row: text
        if self._peek()[:1].isdigit():
            number = float(self._next())
            return lambda row: number
        name = self._name()
        return lambda row: row.get(name)

    def _name(self) -> str:
        name = self._next()
        if not re.fullmatch(r"[@A-Za-z_][\w@.]*", name):
            raise QueryInvalid(f"{name!r} is not a name")
        if self._columns is None:
            self._query.fields.append(name)
        elif name not in self._columns:
            raise QueryInvalid(f"{name} is not a column")
        return name

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _accept(self, token: str) -> bool:
        is_next = self._peek() == token
        self._position += is_next
        return is_next

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise QueryInvalid(f"{self._peek()!r} is not {token}")


def _compare(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """A comparison with a field that the line does not have, or with a value of another type, is false."""
    is_text = isinstance(left, str), isinstance(right, str)
    return None not in (left, right) and is_text[0] == is_text[1] and compare(left, right)


def _numbers(rows: Iterable[Row], value: Expression) -> list[float]:
    return [number for row in rows if isinstance(number := value(row), int | float)]


def _percentile(numbers: Sequence[float], percent: float) -> float | None:
    """Returns the smallest number that is at least as large as this percentage of the numbers."""
    if not numbers:
        return None
    return sorted(numbers)[max(0, math.ceil(len(numbers) * percent / 100) - 1)]
