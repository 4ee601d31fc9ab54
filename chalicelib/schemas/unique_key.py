"""The unique key of a bucket: the fields that identify an object, and what a write does with an existing object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.errors import Problem, RequestInvalid, invalid
from chalicelib.schemas.rules import SCHEMA
from chalicelib.schemas.values import Location

UNIQUE_KEY = ("body", "unique_key")
KEY_TYPES = frozenset({"string", "integer", "number", "float", "date", "datetime"})
MAX_KEY_FIELDS = 10

Policy = Literal["insert", "update", "upsert"]


class StoredUniqueKey(TypedDict):
    """A unique key as it is stored and shown."""

    fields: list[str]
    default_policy: Policy | None
    description: NotRequired[str]  # absent if the client gave none


class UniqueKeyConfig(BaseModel):
    """Fields whose values together identify an object: no two objects of the bucket have the same values.

    The fields are set when the bucket is created and cannot change. `default_policy` and `description` may
    change later.
    """

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    fields: list[str] = Field(
        min_length=1,
        max_length=MAX_KEY_FIELDS,
        description=(
            "Names of fields of the bucket schema, each of type string, integer, number, float, date or"
            " datetime. Every object must have a value in all of them that is neither null nor empty; strings have"
            " at most 255 characters. The order of the names has no meaning"
        ),
        examples=[["video_id"], ["sensor_id", "timestamp"]],
    )
    default_policy: Policy | None = Field(
        default=None,
        description=(
            "Policy of writes that name no policy. insert: create, or 409 if an object has the key. update:"
            " change, or 404 if no object has the key. upsert: change or create. Without a default policy, a"
            " write that names no policy is rejected with 400"
        ),
        examples=["insert", "update", "upsert"],
    )

    description: str | None = Field(
        default=None,
        description="Meaning of the unique key",
        examples=["Single field, upsert by default (idempotent video ingestion)"],
    )


def check_unique_key(
    config: UniqueKeyConfig, schema: Mapping[str, Any], *, location: Location = UNIQUE_KEY
) -> StoredUniqueKey:
    """Returns the unique key as it is stored, with the fields in the given order.

    Raises RequestInvalid if a field is named twice, is not in the schema, or has a type that cannot identify an object.
    """
    problems = list(_field_problems(config.fields, schema, location))
    if problems:
        raise RequestInvalid(problems)
    return _stored(config.fields, config.default_policy, config.description)


def check_unique_key_change(
    stored: StoredUniqueKey | None, config: UniqueKeyConfig | None, *, location: Location = UNIQUE_KEY
) -> StoredUniqueKey | None:
    """Returns the stored unique key with the default policy and the description of a change.

    Null clears them, absence keeps them.

    Raises RequestInvalid if the change would add a unique key, remove it, or change its fields.
    """
    if stored is None:
        if config is None:
            return None
        raise invalid(*location, message="A unique key can be set only when the bucket is created", type="immutable")
    if config is None:
        raise invalid(*location, message="The unique key of a bucket cannot be removed", type="immutable")
    if sorted(config.fields) != sorted(stored["fields"]):
        message = f"The fields of the unique key are fixed: {', '.join(stored['fields'])}"
        raise invalid(*location, "fields", message=message, type="immutable")
    given = config.model_fields_set
    return _stored(
        stored["fields"],
        config.default_policy if "default_policy" in given else stored.get("default_policy"),
        config.description if "description" in given else stored.get("description"),
    )


def check_unique_key_fits(stored: StoredUniqueKey, schema: Mapping[str, Any], *, location: Location = SCHEMA) -> None:
    """Raises RequestInvalid if a new schema lacks a field of the unique key, or if its type is not in KEY_TYPES."""
    problems = [
        Problem((*location, "properties", name), f"{name!r} is in the unique key: {message}", type_)
        for name in stored["fields"]
        for message, type_ in _problems_of(name, schema)
    ]
    if problems:
        raise RequestInvalid(problems)


def _stored(fields: list[str], policy: Policy | None, description: str | None) -> StoredUniqueKey:
    stored: StoredUniqueKey = {"fields": fields, "default_policy": policy}
    return stored if description is None else {**stored, "description": description}


def _field_problems(names: Sequence[str], schema: Mapping[str, Any], location: Location) -> Iterator[Problem]:
    for index, name in enumerate(names):
        field_location = (*location, "fields", index)
        if name in names[:index]:
            yield Problem(field_location, f"{name!r} is named twice", "duplicate")
            continue
        for message, type_ in _problems_of(name, schema):
            yield Problem(field_location, message, type_)


def _problems_of(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    field = schema["properties"].get(name)
    if field is None:
        yield f"The bucket schema has no field {name!r}", "unknown_field"
    elif field["type"] not in KEY_TYPES:
        yield f"A field of type {field['type']} cannot be part of a unique key", "unfit_type"
