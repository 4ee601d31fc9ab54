"""Finds the fields that a model accepts at the location of a problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str] | None:
    """Returns the names of the fields of the object at a location in a pydantic error of the model.

    None if no model is found there. The steps of a location are names of fields, indexes of lists and keys of
    dictionaries.
    """
    types: list[Any] = [model]
    for step in location:
        types = [inner for type_ in types for inner in _inner(type_, step)]
    models = [type_ for type_ in types if _is_model(type_)]
    return sorted({name for found in models for name in found.model_fields}) if models else None


def _inner(type_: Any, step: str | int) -> Iterator[Any]:
    """Yields the types of the value at one step into a value of this type."""
    origin, arguments = get_origin(type_), get_args(type_)
    if _is_model(type_):
        field = type_.model_fields.get(step)
        if field is not None:
            yield from _members(field.annotation)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _members(arguments[1])
    elif isinstance(origin, type) and issubclass(origin, Iterable) and isinstance(step, int):
        yield from _members(arguments[0])


def _members(annotation: Any) -> Iterator[Any]:
    """Yields the types of which a value is one: the members of a union, else the type itself."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _members(arguments[0])
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _members(argument)
    else:
        yield annotation


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, BaseModel)
