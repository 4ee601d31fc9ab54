"""Classes whose fields are not assigned after creation. Defining one takes a quarter of the time of a frozen dataclass.

A dataclass compiles a function of its own for each of its methods. A cold start defines more than forty classes, and
calls most of these methods never.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[C]) -> type[C]:
    """Makes a class a dataclass with slots, whose records are compared by their fields.

    mypy rejects assignments to fields, as for a frozen dataclass. Python does not check them.
    """
    for name, method in _METHODS.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    return dataclass(eq=False, repr=False, slots=True)(cls)


def _compared(record: Any) -> list[Any]:
    return [getattr(record, each.name) for each in fields(record) if each.compare]


def _equals(record: Any, other: object) -> Any:
    return _compared(record) == _compared(other) if type(other) is type(record) else NotImplemented


def _hash(record: Any) -> int:
    return hash(tuple(_compared(record)))


def _repr(record: Any) -> str:
    shown = [f"{each.name}={getattr(record, each.name)!r}" for each in fields(record) if each.repr]
    return f"{type(record).__qualname__}({', '.join(shown)})"


_METHODS = {"__eq__": _equals, "__hash__": _hash, "__repr__": _repr}
