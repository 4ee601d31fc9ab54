"""Whether an object has a value for a field, and which.

A value is at the root of the object, else in its own `metadata` object, where the official client puts fields. A null
counts as absent in both. Unique keys, required fields, defaults, filters and sorts all read fields with this rule.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any


def field_value(values: Mapping[str, Any], name: str) -> Any:
    """The value of a field: from the root of the object, else from its `metadata`. None if it is in neither."""
    value = values.get(name)
    return value if value is not None else own_metadata(values).get(name)


def nested_fields(values: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """The fields with these names that are in the object's `metadata` only, in the order of `metadata`."""
    return {
        name: value
        for name, value in own_metadata(values).items()
        if name in names and value is not None and values.get(name) is None
    }


def own_metadata(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object's `metadata`; empty if it has none, or if it is not a JSON object."""
    metadata = values.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
