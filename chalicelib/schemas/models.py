"""Models of a bucket's schema. They are recursive, and keep keys that they do not declare."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_OPEN = ConfigDict(strict=True, extra="allow", defer_build=True, use_enum_values=True)


class BucketSchemaFieldType(StrEnum):
    """The types that a field may have, in any letter case. They are stored in lower case.

    A field with a metadata type (`string` to `datetime`) has a JSON value, which is stored in the object itself.
    A field with a file type (`text` to `excel`) has content, given by URL or in base64, which is stored as a blob.
    A GIF is accepted by `image` fields and by `video` fields.
    """

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"
    DATE = "date"
    DATETIME = "datetime"
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "pdf"
    EXCEL = "excel"

    @classmethod
    def _missing_(cls, value: object) -> BucketSchemaFieldType | None:
        # ASCII only, because str.lower() turns the Kelvin sign into a k.
        lowered = value.lower() if isinstance(value, str) and value.isascii() else None
        return next((member for member in cls if member.value == lowered), None)


class BucketSchemaField(BaseModel):
    """One field of a bucket's schema. Keys that are not listed here are stored and returned too."""

    model_config = _OPEN

    type: BucketSchemaFieldType
    default: Any | None = Field(
        default=None, description="Value of the field in objects created without it; null means no default"
    )
    items: BucketSchemaField | None = Field(default=None, description="Schema of the elements of an `array`")
    properties: dict[str, BucketSchemaField] | None = Field(
        default=None, description="The members of an `object`, by name"
    )
    examples: list[Any] | None = Field(
        default=None, description="Sample values, for documentation and user interfaces; not checked"
    )
    description: str | None = Field(default=None, description="Meaning of the field")
    enum: list[Any] | None = Field(default=None, description="The only values the field may have")
    required: bool | None = Field(default=False, description="Whether every object must have the field")


class BucketSchema(BaseModel):
    """The fields that objects of a bucket may have: blobs and metadata.

    An object is checked against the schema when it is written. Keys other than `properties` are stored and returned.
    """

    model_config = _OPEN

    properties: dict[str, BucketSchemaField] = Field(
        description=(
            "The fields by name. The `type` of each is a metadata type (string, number, integer, float,"
            " boolean, object, array, date, datetime) or a file type (text, image, audio, video, pdf, excel)."
            ' For example {"title": {"type": "string"}, "photo": {"type": "image"}}'
        ),
    )
