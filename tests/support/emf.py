"""Reads metrics from log lines as CloudWatch does: the embedded metric format (EMF).

The specification, with the schema whose rules are checked here:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

MAX_DOCUMENT_BYTES = 262_144
MAX_NAME = MAX_NAMESPACE = 255
MAX_DIMENSIONS, MAX_DIMENSION_VALUE = 30, 1024
MAX_METRICS = MAX_VALUES = 100
_SIZES = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits")
_AMOUNTS = (*_SIZES, "Terabits", "Count")
UNITS = {
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Percent",
    "None",
    *_AMOUNTS,
    *(f"{each}/Second" for each in _AMOUNTS),
}


class EmfInvalid(ValueError):
    """A line that announces metrics, and from which CloudWatch would read none."""


@dataclass(frozen=True)
class Datum:
    """A value of a metric. `timestamp` is in milliseconds since the epoch."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    timestamp: int
    value: float


def read_metrics(lines: Iterable[str]) -> list[Datum]:
    """Returns the values in the lines. Lines without the member `_aws` have none. Raises EmfInvalid."""
    return [datum for line in lines for datum in read_line(line)]


def read_line(line: str) -> Iterator[Datum]:
    """Yields the values in a line. Raises EmfInvalid."""
    try:
        root = json.loads(line)
    except ValueError:  # such as the lines of Lambda itself
        return
    if not isinstance(root, dict) or "_aws" not in root:
        return
    _require(len(line.encode()) <= MAX_DOCUMENT_BYTES, "the document is too large")
    metadata = _members(root["_aws"], {"Timestamp", "CloudWatchMetrics"})
    timestamp = metadata["Timestamp"]
    _require(type(timestamp) is int and timestamp > 0, "Timestamp is not a number of milliseconds")
    for directive in _list(metadata["CloudWatchMetrics"]):
        yield from _directed(root, directive, timestamp)


def _directed(root: Mapping[str, Any], directive: Any, timestamp: int) -> Iterator[Datum]:
    found = _members(directive, {"Namespace", "Dimensions", "Metrics"})
    namespace = _text(found["Namespace"], MAX_NAMESPACE)
    sets = [_dimensions(root, names) for names in _list(found["Dimensions"])]
    _require(len(sets) >= 1, "there is no set of dimensions")
    definitions = _list(found["Metrics"])
    _require(len(definitions) <= MAX_METRICS, "there are too many metrics")
    for definition in definitions:
        name, unit, values = _metric(root, definition)
        for dimensions in sets:
            yield from (Datum(namespace, name, dimensions, unit, timestamp, value) for value in values)


def _dimensions(root: Mapping[str, Any], names: Any) -> tuple[tuple[str, str], ...]:
    _require(len(_list(names)) <= MAX_DIMENSIONS, "there are too many dimensions")
    return tuple((_text(name, MAX_NAME), _text(_target(root, name), MAX_DIMENSION_VALUE)) for name in names)


def _metric(root: Mapping[str, Any], definition: Any) -> tuple[str, str, list[float]]:
    found = _members(definition, {"Name"}, optional={"Unit", "StorageResolution"})
    name, unit = _text(found["Name"], MAX_NAME), found.get("Unit", "None")
    _require(unit in UNITS, f"{unit} is not a unit")
    _require(found.get("StorageResolution", 60) in (1, 60), "the resolution is neither 1 nor 60 seconds")
    target = _target(root, name)
    values = target if isinstance(target, list) else [target]
    _require(0 < len(values) <= MAX_VALUES, f"{name} has no value, or too many")
    _require(all(type(each) in (int, float) and math.isfinite(each) for each in values), f"{name} is not a number")
    return name, unit, values


def _target(root: Mapping[str, Any], name: str) -> Any:
    """Returns the member of the root with this name. A name is not a path."""
    _require(name in root, f"{name} is not a member of the root")
    return root[name]


def _members(value: Any, required: Set[str], optional: Set[str] = frozenset()) -> Mapping[str, Any]:
    _require(isinstance(value, dict), f"{value!r} is not an object")
    _require(required <= set(value) <= required | optional, f"{sorted(value)} are not the members of the object")
    found: Mapping[str, Any] = value
    return found


def _list(value: Any) -> list[Any]:
    _require(isinstance(value, list), f"{value!r} is not an array")
    found: list[Any] = value
    return found


def _text(value: Any, maximum: int) -> str:
    _require(
        isinstance(value, str) and 0 < len(value) <= maximum, f"{value!r} is not a text of 1 to {maximum} characters"
    )
    return str(value)


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise EmfInvalid(problem)
