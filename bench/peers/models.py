"""The request and response models of the applications in other frameworks."""

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
    """The schema of the objects in a bucket."""

    properties: dict[str, Property]


class UniqueKey(BaseModel):
    """The fields that identify an object."""

    fields: list[str] = Field(min_length=1)
    default_policy: Literal["insert", "update", "upsert"] | None = None


class NewBucket(BaseModel):
    """The body of a request that creates a bucket."""

    model_config = ConfigDict(extra="forbid")

    bucket_name: str = Field(min_length=1, max_length=200)
    bucket_schema: Schema
    description: str | None = None
    unique_key: UniqueKey | None = None
    metadata: dict[str, Any] = {}


class BucketResponse(NewBucket):
    """A bucket in a response."""

    model_config = ConfigDict(extra="ignore")

    bucket_id: str
    created_at: str
    status: str = "ACTIVE"
    object_count: int = 0
    total_size_bytes: int = 0
