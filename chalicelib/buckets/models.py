"""Request models for creating and changing buckets. Rules that need more than one field are in `configure.py`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.adapters.rules import SourceAdapterConfig
from chalicelib.core.ids import is_id
from chalicelib.core.storage_class import StorageClass
from chalicelib.core.text import PRINTABLE, printable
from chalicelib.schemas.models import BucketSchema
from chalicelib.schemas.unique_key import UniqueKeyConfig

REQUEST = ConfigDict(strict=True, extra="forbid", defer_build=True)


_CREATE: dict[str, Any] = {
    "bucket_name": "posters",
    "description": "Film posters since 1920",
    "bucket_schema": {
        "properties": {
            "film_id": {"type": "string", "required": True},
            "year": {"type": "integer"},
            "poster": {"type": "image"},
        }
    },
    "unique_key": {"fields": ["film_id"], "default_policy": "upsert"},
    "metadata": {"team": "archive"},
    "storage_class": "nearline",
}
_PATCH: dict[str, Any] = {
    "description": "Film posters since 1920",
    "source_adapter": {
        "adapter_type": "generic_webhook",
        "field_mapping": {"film.id": "film_id"},
        "blob_source": {"file_field": "film.poster_url", "target_property": "poster", "blob_type": "image"},
    },
}
_UPDATE: dict[str, Any] = {"bucket_name": "posters", "metadata": {"team": "archive"}, "storage_class": "standard"}


def _no_id(name: str) -> str:
    # A path may contain an id or a name, so a name must not look like another bucket's id.
    if is_id(name, "bkt"):
        raise ValueError("must not have the form of a bucket id")
    return name


BucketName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="Human-readable name, unique within the namespace",
        json_schema_extra={"pattern": PRINTABLE},
    ),
    AfterValidator(printable),
    AfterValidator(_no_id),
]
NotEnabledHere = Annotated[Any, Field(description="Not enabled here: any value but null is rejected with 403")]
NOT_ENABLED = ("destination", "ingest_filter")


class BucketCreateRequest(BaseModel):
    """Request model for creating a new bucket."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [_CREATE]})
    bucket_name: BucketName
    bucket_schema: BucketSchema = Field(description="Fields that objects of this bucket may have")
    description: str | None = Field(default=None, description="Description of the bucket")
    unique_key: UniqueKeyConfig | None = Field(
        default=None, description="Fields that identify an object; they cannot change later"
    )
    metadata: dict[str, Any] | None = Field(default=None, description="Free key-value pairs")
    storage_class: StorageClass | None = Field(default=None, description="Tier in which objects are stored")
    source_adapter: SourceAdapterConfig | None = Field(
        default=None, description="Source adapter, which turns webhooks into objects"
    )
    destination: NotEnabledHere = None
    ingest_filter: NotEnabledHere = None


class BucketPatchRequest(BaseModel):
    """Request model for a partial update: only the keys that are present change."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [_PATCH]})
    bucket_name: BucketName | None = Field(default=None, description="New name; null changes nothing")
    description: str | None = Field(default=None, description="Description of the bucket; null removes it")
    metadata: dict[str, Any] | None = Field(default=None, description="Replaces the stored metadata")
    bucket_schema: BucketSchema | None = Field(default=None, description="Replaces the schema")
    source_adapter: SourceAdapterConfig | None = Field(
        default=None, description="Replaces the adapter; null removes it"
    )
    storage_class: StorageClass | None = Field(default=None, description="Tier for objects stored after the change")
    unique_key: UniqueKeyConfig | None = Field(
        default=None, description="May change `default_policy` and `description`, but not `fields`"
    )
    destination: NotEnabledHere = None
    ingest_filter: NotEnabledHere = None


class BucketUpdateRequest(BaseModel):
    """Request model for PUT, which is a partial update as well: absent keys stay unchanged."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [_UPDATE]})
    bucket_name: BucketName | None = Field(default=None, description="New name; null changes nothing")
    description: str | None = Field(default=None, description="Description of the bucket; null removes it")
    metadata: dict[str, Any] | None = Field(default=None, description="Replaces the stored metadata")
    bucket_schema: BucketSchema | None = Field(default=None, description="Replaces the schema")
    storage_class: StorageClass | None = Field(default=None, description="Tier for objects stored after the change")
    unique_key: UniqueKeyConfig | None = Field(
        default=None, description="May change `default_policy` and `description`, but not `fields`"
    )
    destination: NotEnabledHere = None
    ingest_filter: NotEnabledHere = None


class BucketChangeQuery(BaseModel):
    """The query string of PUT and PATCH."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    force_schema_break: bool = Field(default=False, description="Allow a schema change that stored objects may not fit")
