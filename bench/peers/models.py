"""What a client sends and receives, as an application in another framework would declare it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Type = Literal["string", "integer", "number", "array", "date", "image", "video"]


class Property(BaseModel):
    """One property of a bucket's schema."""

    type: Type
    required: bool = False
    description: str | None = None
    items: Property | None = None


class Schema(BaseModel):
    """What a bucket's objects hold."""

    properties: dict[str, Property]


class UniqueKey(BaseModel):
    """What makes an object the same object."""

    fields: list[str] = Field(min_length=1)
    default_policy: Literal["insert", "update", "upsert"] | None = None


class NewBucket(BaseModel):
    """The body of a creation."""

    model_config = ConfigDict(extra="forbid")

    bucket_name: str = Field(min_length=1, max_length=200)
    bucket_schema: Schema
    description: str | None = None
    unique_key: UniqueKey | None = None
    metadata: dict[str, Any] = {}


class BucketAnswer(NewBucket):
    """A bucket as it is shown."""

    model_config = ConfigDict(extra="ignore")

    bucket_id: str
    created_at: str
    status: str = "ACTIVE"
    object_count: int = 0
    total_size_bytes: int = 0
