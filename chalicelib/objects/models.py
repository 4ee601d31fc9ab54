"""The request models of objects."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.blobs.models import KEY_PREFIX_DESCRIPTION, CreateBlobRequest, KeyPrefix
from chalicelib.listing.models import PageBody, PageQuery, Sort
from chalicelib.schemas.unique_key import Policy

STRICT = ConfigDict(strict=True, extra="forbid", defer_build=True)
OPEN = ConfigDict(strict=True, extra="allow", defer_build=True)
MAX_BULK_OBJECTS = 100
MAX_BLOBS = 50
MAX_SOFT_DELETED = 5000
MAX_SELECTED_PATHS = 100

_OBJECT: dict[str, Any] = {
    "film_id": "tt0017136",
    "year": 1927,
    "blobs": [{"property": "poster", "type": "image", "data": "https://example.com/metropolis.jpg"}],
    "idempotency_key": "import-7-row-12",
}
_LIST: dict[str, Any] = {
    "filters": {"AND": [{"field": "year", "operator": "lt", "value": 1930}]},
    "sort": {"field": "created_at", "direction": "desc"},
    "select": ["film_id", "blobs"],
}

IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255)]


class EdgeModel(BaseModel):
    """A typed link to another object, stored as it is."""

    model_config = OPEN
    type: str = Field(min_length=1, max_length=100, description="Meaning of the link")
    target_object_id: str = Field(min_length=1, max_length=100, description="The id of the other object; not checked")
    target_collection_id: str | None = Field(default=None, description="The collection of the other object's documents")
    direction: Literal["out", "in"] = Field(default="out", description="`out`: from this object; `in`: to this object")
    attributes: dict[str, Any] | None = Field(default=None, description="Any key-value pairs")


class CreateObjectRequest(BaseModel):
    """A new object. Every other key is a field of the object, and is stored at its root."""

    model_config = ConfigDict(**OPEN, json_schema_extra={"examples": [_OBJECT]})
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    blobs: list[CreateBlobRequest] | None = Field(
        default=None, max_length=MAX_BLOBS, description="The files of the object"
    )
    skip_duplicates: bool | None = Field(
        default=False, description="Return an existing object with exactly the same content, if there is one"
    )
    canonicalize_source: bool | None = Field(
        default=True,
        description="After the response, copy the files at http and https URLs to the own storage; false: keep URLs",
    )
    force_remirror: bool | None = Field(
        default=False, description="Replace a file that was copied from the same URL even by the same content"
    )
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="If an object was created with this key, it is returned and no other is created"
    )
    edges: list[EdgeModel] | None = Field(default=None, max_length=1000, description="Typed links to other objects")


class CreateObjectsBatchRequest(BaseModel):
    """Up to 100 new objects. Each one succeeds or fails on its own."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"objects": [_OBJECT]}]})
    objects: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_BULK_OBJECTS,
        description="The objects; an invalid one does not affect the others",
        json_schema_extra={"items": {"$ref": "#/components/schemas/CreateObjectRequest"}},
    )


class UpdateObjectRequest(BaseModel):
    """Changes to an object. Keys that are not in the request do not change; null removes a field."""

    model_config = ConfigDict(**OPEN, json_schema_extra={"examples": [{"year": 1927, "metadata": {"lang": "de"}}]})
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    metadata: dict[str, Any] | None = Field(
        default=None,
        description="Keys that exist in the object's `metadata` are updated there; other keys are set at the root",
    )
    skip_duplicates: bool | None = Field(
        default=None,
        description="Keep blobs of the object that have the same property and content as one in the request",
    )
    blobs: list[CreateBlobRequest] | None = Field(
        default=None, max_length=MAX_BLOBS, description="Files that replace the ones of the same property"
    )


class PatchObjectRequest(BaseModel):
    """Changes to fields at the root. Keys that are not in the request do not change; null removes a field."""

    model_config = ConfigDict(**OPEN, json_schema_extra={"examples": [{"year": 1927}]})
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    skip_duplicates: bool | None = Field(default=None, description="No effect: the request has no blobs")


class BulkSoftDeleteRequest(BaseModel):
    """Objects to soft-delete. They are no longer returned or counted, but remain stored and keep their unique keys."""

    model_config = ConfigDict(
        **STRICT, json_schema_extra={"examples": [{"object_ids": ["obj_01"], "reason": "licence ended"}]}
    )
    object_ids: list[str] = Field(
        min_length=1, max_length=MAX_SOFT_DELETED, description="Object ids; unknown ones are ignored"
    )
    reason: str = Field(max_length=500, description="The reason, stored with each object")
    lifecycle_state: str = Field(default="disabled", max_length=100, description="Stored with each object")
    source: str = Field(default="bulk_purge", max_length=100, description="Stored with each object")


class CreateObjectQuery(BaseModel):
    """The query string of a create request."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    policy: Policy | None = Field(
        default=None,
        description=(
            "How a bucket with a unique key handles the object: insert (409 if the key exists), update (404 if it"
            " does not) or upsert. Defaults to the bucket's default_policy; without either, 400"
        ),
    )
    auto_process: bool = Field(
        default=False, description="Create a batch with the created objects, and submit it at once"
    )


class GetObjectQuery(BaseModel):
    """The query string of a get request."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    return_presigned_urls: bool = Field(default=False, description="Return a download URL for every stored blob")
    include_document_count: bool = Field(default=True, description="If false, `document_count` is null")


class DeleteObjectQuery(BaseModel):
    """The query string of a delete request."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    cascade: bool = Field(default=False, description="No effect: the object has no documents")


class ListObjectsRequest(PageBody):
    """The filter, order, page and fields of a list of objects."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [_LIST]})
    filters: dict[str, Any] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: Sort | None = Field(default=None, description="`{field, direction}`; defaults to oldest first")
    search: str | None = Field(
        default=None, description="Wildcard search in the id, the key prefix and the texts of fields"
    )
    select: list[str] | None = Field(
        default=None,
        max_length=MAX_SELECTED_PATHS,
        description="Dotted paths to return; object_id and bucket_id are always returned",
    )
    return_presigned_urls: bool | None = Field(default=False, description="Return a download URL for every stored blob")


class ObjectsQuery(PageQuery):
    """The query string of a list request."""
