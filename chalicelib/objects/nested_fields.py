"""Fields that an object holds in its own `metadata` object, where the official client puts them.

The field at the root has precedence. A null at the root counts as absent.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any


def field_value(values: Mapping[str, Any], name: str) -> Any:
    """The value of a field: from the root of the object, else from its `metadata`. None if it is in neither."""
    value = values.get(name)
    return value if value is not None else nested_fields(values, (name,)).get(name)


def nested_fields(values: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """The fields with these names that are in the object's `metadata` only, in the order of `metadata`."""
    metadata = values.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    return {
        name: value
        for name, value in metadata.items()
        if name in names and value is not None and values.get(name) is None
    }
