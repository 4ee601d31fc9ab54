"""What a bucket's schema looks like on the wire: recursive and open, it keeps what it does not know."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_OPEN = ConfigDict(strict=True, extra="allow", defer_build=True, use_enum_values=True)


class BucketSchemaFieldType(StrEnum):
    """The fifteen types a field may have; any letter case is taken, lower case is kept.

    Metadata types (`string` to `datetime`) hold plain JSON that is stored in the object itself.
    File types (`text` to `excel`) hold content, given by URL or in base64, that is stored as a blob.
    A GIF may be either: an `image` stands for its first frame, a `video` for all of them.
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
        # ASCII only: str.lower() would also take the Kelvin sign for a k.
        lowered = value.lower() if isinstance(value, str) and value.isascii() else None
        return next((member for member in cls if member.value == lowered), None)


class BucketSchemaField(BaseModel):
    """One field of a bucket's schema. Keys beyond those listed are kept and given back."""

    model_config = _OPEN

    type: BucketSchemaFieldType
    default: Any | None = Field(
        default=None, description="Value an object gets that does not carry the field; null means none"
    )
    items: BucketSchemaField | None = Field(default=None, description="What the elements of an `array` are")
    properties: dict[str, BucketSchemaField] | None = Field(
        default=None, description="The members of an `object`, by name"
    )
    examples: list[Any] | None = Field(
        default=None, description="Sample values, for people and user interfaces; not checked"
    )
    description: str | None = Field(default=None, description="What the field means")
    enum: list[Any] | None = Field(default=None, description="The only values the field may have")
    required: bool | None = Field(default=False, description="Whether every object must carry the field")


class BucketSchema(BaseModel):
    """The fields that objects of a bucket may carry: the blobs they hold and the metadata beside them.

    An object is checked against it when it is written. Keys beside `properties` are kept and given back.
    """

    model_config = _OPEN

    properties: dict[str, BucketSchemaField] = Field(
        description=(
            "The fields by name. The `type` of each is a metadata type (string, number, integer, float,"
            " boolean, object, array, date, datetime) or a file type (text, image, audio, video, pdf, excel)."
            ' For example {"title": {"type": "string"}, "photo": {"type": "image"}}'
        ),
    )
